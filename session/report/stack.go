package report

import (
	"fmt"
	"io"
	"strings"
)

// label is the function as the kernel prints it; a question mark before what is
// not certain.
func (f *Frame) label() string {
	name := f.Func
	switch {
	case f.Kind == User:
		name = "user mode " + f.Addr.String()
	case name == "":
		name = f.Addr.String()
	case f.Inlined:
		name += " (inlined)"
	default:
		name += fmt.Sprintf("+%#x/%#x", f.Offset, f.Size)
	}
	if f.Module != "" && !f.Inlined {
		name += " [" + f.Module + "]"
	}
	if !f.Reliable {
		return "? " + name
	}
	return name
}

// place is file:line as far as known.
func (f *Frame) place() string {
	if f.File == "" || f.Line <= 0 {
		return f.File
	}
	return fmt.Sprintf("%s:%d", f.File, f.Line)
}

// Columns of a stack: the number, then function and place side by side where that
// fits.
const (
	frameIndent = 7
	maxLabel    = 56
)

// stack prints up to limit levels, all of them if that is 0. The numbers are
// those of report.json, and of gdb, which numbers inline levels too.
func (p *printer) stack(frames []Frame, limit int) {
	if len(frames) > 0 {
		p.section("Stack")
		p.frames(frames, limit)
	}
}

// Levels prints levels as the stack of a report has them, numbered from first
// on, that with the number marked pointed at; -1 marks none.
func Levels(w io.Writer, frames []Frame, first, marked int, o *TextOptions) error {
	if o == nil {
		o = new(TextOptions)
	}
	p := newPrinter(w, o)
	p.levels(frames, first, marked, o.Below)
	return p.done()
}

func (p *printer) frames(frames []Frame, limit int) {
	shown := frames
	if limit > 0 && limit < len(frames) {
		shown = frames[:limit]
	}
	p.levels(shown, 0, -1, nil)
	if more := len(frames) - len(shown); more > 0 {
		p.line(plain.of("  "), faint.of(fmt.Sprintf("... and %d more", more)))
	}
}

func (p *printer) levels(shown []Frame, first, marked int, below [][]string) {
	width := 0
	for _, f := range shown {
		if n := code.of(f.label()).width(); n <= maxLabel {
			width = max(width, n)
		}
	}
	context := ""
	for i, f := range shown {
		if f.Context != context && f.Context != "" {
			context = f.Context
			p.line(plain.of("  "), faint.of("<"+context+">"))
		}
		if f.Kind == Boundary && opens(shown, i) {
			p.line(plain.of("  "), faint.of("--- interrupted here ---"))
		}
		number := plain.of(fmt.Sprintf("  #%d", first+i))
		if first+i == marked {
			number = fault.of(fmt.Sprintf("=>#%d", marked))
		}
		p.frame(number.padded(frameIndent), &f, width)
		if i < len(below) {
			p.below(below[i])
		}
	}
}

// below prints what a level has to add.
func (p *printer) below(lines []string) {
	for _, l := range lines {
		p.line(plain.of(strings.Repeat(" ", frameIndent+2)), plain.of(l))
	}
}

// opens reports whether the level is the innermost one of its physical frame.
func opens(frames []Frame, i int) bool {
	return i == 0 || frames[i-1].Kind != frames[i].Kind || !frames[i-1].Inlined
}

// frame prints one level. A place that does not fit goes on a line of its own.
func (p *printer) frame(number span, f *Frame, width int) {
	name, at := code.of(f.label()), place.of(f.place())
	note := faint.of("")
	switch {
	case f.Note != "" && at.text != "":
		note = faint.of(gap + "(" + f.Note + ")")
	case f.Note != "":
		note = faint.of("(" + f.Note + ")")
	}
	used := number.width() + max(width, name.width()) + 2
	if at.text == "" || used+at.width() <= p.width {
		p.line(number, name.padded(width), plain.of(gap), at, note)
		return
	}
	p.line(number, name)
	p.line(plain.of(strings.Repeat(" ", frameIndent+4)), at, note)
}

// threads prints what the others were doing.
func (p *printer) threads(list []Thread, limit int) {
	for _, t := range list {
		head := heading.of(join(cpuName(t.CPU), taskName(t.Comm, t.PID)))
		p.line()
		p.line(head, plain.of(gap), faint.of(t.Note))
		p.frames(t.Frames, limit)
	}
}
