package decode

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"slices"

	"ktrap/symbols"
	"ktrap/symbols/addr"
	"ktrap/symbols/cause"
	"ktrap/symbols/oops"
)

// Layout is how answers are written.
type Layout string

// The layouts.
const (
	Own    Layout = "ktrap"  // every line as it was, the answers on lines after it
	Script Layout = "kernel" // as the kernel's scripts/decode_stacktrace.sh writes it
	Syzbot Layout = "syzbot" // as reports on the syzbot dashboard are written
)

// Mark begins every line that ktrap adds and that is not of the layout itself.
// Lines with it are passed on and never read.
const Mark = "    => "

// Options say what to do with a log.
type Options struct {
	Finder  Finder
	Layout  Layout
	Sources symbols.SourceOptions // its release is that of the log
	Context int                   // lines of source on both sides of the fault; 0: no source
	Color   bool
	Redact  bool
	// Printable makes a line safe for a terminal; nil: bytes as they are.
	Printable func([]byte) string
}

// Annotator passes a log on with its answers.
type Annotator struct {
	o      Options
	out    *bufio.Writer
	choice *chooser
	crash  *oops.Gatherer
	redact *redactor // nil: nothing is taken out

	expect [][]byte // answers just written, which text decoded before has here, too
	passed [][]byte // marked lines since the last line of the log
	told   []string // titles that marked lines have told, of reports that may still be open
	end    []byte   // how the last line ended

	sources map[string]*symbols.Sources // by release

	regs      registerBlock
	explained int // offset of the crash whose cause was told, plus 1

	fault   place   // last instruction pointer
	atTrace bool    // the next frame is the first of a trace
	later   []place // bare addresses before the slide was known, names before the kernel was
	marked  bool    // it was said that the answers are not proven
	crashes int

	each   func(*oops.Oops) error // gets every crash; may be nil
	failed error                  // of each
}

// NewAnnotator opens the vmlinux that was asked for.
func NewAnnotator(w io.Writer, o *Options) (*Annotator, error) {
	if o.Finder.Say == nil {
		o.Finder.Say = func(string) {}
	}
	if o.Layout == "" {
		o.Layout = Own
	}
	choice, err := newChooser(&o.Finder)
	if err != nil {
		return nil, err
	}
	a := &Annotator{o: *o, out: bufio.NewWriterSize(w, 64<<10), choice: choice, crash: oops.NewGatherer()}
	if o.Redact {
		a.redact = newRedactor()
	}
	return a, nil
}

// Close closes the symbol files.
func (a *Annotator) Close() { a.choice.close() }

// Crashes is how many crashes there were so far.
func (a *Annotator) Crashes() int { return a.crashes }

// ErrRefused says that the vmlinux that was asked for is not that of the log.
var ErrRefused = fmt.Errorf("vmlinux is not that of the log")

// Run passes everything on. What is there is written before more is waited for.
// Errors: of reading and writing; wraps ErrRefused, after everything was passed on.
func (a *Annotator) Run(r io.Reader) error {
	if i, ok := r.(Idler); ok && a.each == nil {
		i.OnIdle(a.quiet)
	}
	in := &skimmer{a: a, r: r}
	for l, err := range oops.Lines(in) {
		if err != nil {
			a.finish()
			a.out.Flush() // the error to tell is that of reading
			return err
		}
		l.Off += in.skimmed
		a.line(&l)
		if a.failed != nil {
			return a.failed
		}
	}
	a.finish()
	if a.failed != nil {
		return a.failed
	}
	if err := a.out.Flush(); err != nil {
		return err
	}
	if a.choice.refused() {
		return fmt.Errorf("%w: %s", ErrRefused, a.choice.why)
	}
	return nil
}

// line passes one line on.
func (a *Annotator) line(l *oops.Line) {
	if len(a.expect) > 0 {
		if bytes.Equal(a.expect[0], l.Raw) {
			a.expect = a.expect[1:]
			return // it has been written as an answer already
		}
		a.expect = nil
	}
	if bytes.HasPrefix(l.Raw, []byte(Mark)) {
		a.write(l.Raw)
		a.remember(l.Raw)
		return
	}
	for _, o := range a.crash.Line(*l) {
		a.endedIn(&o)
	}
	var list []place
	matters := mayMatter(l.Raw) && !isPiece(l.Raw)
	if matters {
		list = places(l)
	}
	if a.regs.next(l.Text, list) && a.o.Layout == Own {
		if o, ok := a.crash.Partial(l.Prefix.Caller); ok {
			a.insert(a.explain(&o, a.choice.placeOf(&o)))
		}
	}
	a.passed = a.passed[:0]
	_, end := cutEnd(l.Raw)
	a.end = append(a.end[:0], end...)
	if matters {
		a.read(l, list)
	} else {
		a.write(l.Raw)
	}
	if a.each == nil && bytes.Contains(l.Raw, []byte("---[ end Kernel panic")) {
		// Nothing comes after it. What is said must not depend on symbols: with
		// others it could not be told from what was said before.
		for _, o := range a.crash.Flush() {
			a.ended(&o, nil, a.add)
		}
	}
}

// isPiece recognizes a part of a line that is too long to be one of a report.
func isPiece(raw []byte) bool { return raw[len(raw)-1] != '\n' && len(raw) >= longLine }

// longLine is more than any line that the kernel prints.
const longLine = 32 << 10

// mayMatter is true for every line that could need an answer or tell something
// about the kernel, and false for nearly all others.
func mayMatter(raw []byte) bool {
	return bytes.Contains(raw, []byte("+0x")) || bytes.Contains(raw, []byte("0xff")) || bytes.Contains(raw, []byte("[<ff")) ||
		bytes.Contains(raw, []byte("Linux version ")) || bytes.Contains(raw, []byte(" Comm: ")) ||
		bytes.Contains(raw, []byte("Kernel Offset: ")) || isTraceStart(raw) || bytes.Contains(raw, []byte("Code: "))
}

// read looks for what a line says and writes it with its answers.
func (a *Annotator) read(l *oops.Line, list []place) {
	before := a.choice.kernel
	if id, ok := identify(l.Raw); ok {
		if id.banner != "" {
			a.choice.reboot(l.Off)
		}
		a.newKernel(&id)
	}
	if isTraceStart(l.Raw) {
		a.atTrace = true
	}
	for i := range list {
		a.settle(&list[i])
	}
	answers := make([]*answer, len(list))
	for i := range list {
		if !list[i].decoded {
			answers[i] = a.choice.answer(&list[i])
		}
	}
	slid := a.learnSlide(l.Raw, list)
	post := a.layout(l, list, answers)
	if slid || before == nil && a.choice.kernel != nil {
		post = append(post, a.lookBack()...)
	}
	a.add(post)
	if a.o.Layout == Script {
		a.addPlain(decodecode(l.Text))
	}
}

// newKernel takes the identity of the kernel that prints from here on.
func (a *Annotator) newKernel(id *identity) {
	if id.banner != "" {
		a.later, a.fault, a.atTrace = nil, place{}, false
	}
	a.choice.see(*id)
	if a.choice.kernel == nil { // names of this kernel are not those of the next
		a.later = slices.DeleteFunc(a.later, func(p place) bool { return p.name != "" })
	}
}

func isTraceStart(raw []byte) bool {
	return bytes.Contains(raw, []byte("Call Trace:")) || bytes.Contains(raw, []byte("Call trace:"))
}

// settle decides what the line alone does not say. Where a trace begins with the
// instruction pointer itself, as on arm64, the first frame is exact.
func (a *Annotator) settle(p *place) {
	if p.exact {
		a.fault = *p
	} else if a.atTrace && p.name == a.fault.name && p.off == a.fault.off && p.size == a.fault.size {
		p.exact = true
	}
	if !p.exact {
		a.atTrace = false
	}
}

// learnSlide reads what KASLR added, from the line at the end of a panic or from
// an address that is printed beside its name. It says whether that is news.
// Sample: Kernel Offset: 0x19a00000 from 0xffffffff81000000 (relocation range: 0xffffffff80000000-0xffffffffbfffffff)
func (a *Annotator) learnSlide(raw []byte, list []place) bool {
	k := a.choice.kernel
	if k == nil {
		return false
	}
	if i := bytes.Index(raw, []byte("Kernel Offset: ")); i >= 0 {
		rest := raw[i+len("Kernel Offset: "):]
		v, n := hexAt(rest)
		if n > 0 || bytes.HasPrefix(rest, []byte("disabled")) {
			k.setSlide(addr.Slide(v))
			return true
		}
	}
	for i := range list {
		if k.slid {
			break
		}
		if s, ok := k.slideBy(&list[i]); ok && a.choice.verdict == proven {
			k.setSlide(s)
			return true
		}
	}
	return false
}

// add writes marked lines behind a line of the log. They are expected to come
// again where the log has been decoded before.
func (a *Annotator) add(post []string) {
	if m := a.choice.unproven(); m != "" && !a.marked && len(post) > 0 {
		post = slices.Insert(post, 0, m)
		a.marked = true
	}
	if len(post) == 0 {
		return
	}
	a.endLine()
	for _, t := range post {
		a.expect = append(a.expect, a.writeMarked(t))
	}
}

// endLine ends a last line that has no end of its own.
func (a *Annotator) endLine() {
	if len(a.end) == 0 || a.end[len(a.end)-1] != '\n' {
		a.out.WriteByte('\n')
		a.end = append(a.end, '\n')
	}
}

// ended tells of a crash whose report is complete.
func (a *Annotator) ended(o *oops.Oops, at *cause.Place, put func([]string)) {
	if o.Minor {
		return // the kernel coped
	}
	a.crashes++
	if a.each != nil && a.failed == nil {
		a.failed = a.each(o)
	}
	if a.o.Layout == Own {
		put(a.explain(o, at))
		put(summary(o))
	}
}

// quiet tells of the crashes so far, because the console has gone quiet.
func (a *Annotator) quiet() error {
	a.finish()
	return a.out.Flush()
}

// finish ends the reports that are open.
func (a *Annotator) finish() {
	for _, o := range a.crash.Flush() {
		a.endedIn(&o)
	}
}

// endedIn tells of a crash as of the boot it happened in.
func (a *Annotator) endedIn(o *oops.Oops) {
	a.choice.during(o.Start, func() { a.ended(o, a.choice.placeOf(o), a.insert) })
}
