package oops

import (
	"bytes"
	"io"
	"iter"
	"slices"
	"strings"
)

// Parse gives every crash in a piece of console text, in the order of their heads.
// Shape: text is a serial log, dmesg output or records of the log buffer, whole or in part.
func Parse(text []byte) []Oops {
	var all []Oops
	g := NewGatherer()
	for l := range Lines(bytes.NewReader(text)) { // a reader of bytes has no errors
		all = append(all, g.Line(l)...)
	}
	all = append(all, g.Flush()...)
	slices.SortStableFunc(all, func(a, b Oops) int { return a.Start - b.Start })
	for i := range all {
		g.Judge(&all[i])
	}
	return all
}

// Crashes gives every crash in a stream of console text, each when its report
// is complete: at the next head of the same context or at the end.
// Errors: what the reader says other than io.EOF, after the crashes before it.
func Crashes(r io.Reader) iter.Seq2[Oops, error] {
	return func(yield func(Oops, error) bool) {
		var ready []*segment
		g := segmenter{done: func(s *segment) { ready = append(ready, s) }}
		drain := func() bool {
			for _, s := range ready {
				if !yield(s.oops(), nil) {
					return false
				}
			}
			ready = ready[:0]
			return true
		}
		for l, err := range Lines(r) {
			if err != nil {
				g.flush()
				if drain() {
					yield(Oops{}, err)
				}
				return
			}
			g.line(l)
			if !drain() {
				return
			}
		}
		g.flush()
		drain()
	}
}

// oops reads a gathered report.
func (s *segment) oops() Oops {
	own := s.entries
	if s.own > 0 {
		own = own[:s.own]
	}
	o, doubtful := s.described(own)
	if s.own == 0 && endsInStack(own) {
		o.corrupt("the end is missing")
	}
	if s.cut {
		o.corrupt("report is longer than what is kept of one")
	}
	o.Traces, o.Blocks = stacks(s.entries)
	o.chooseMain()
	o.fillTask(own)
	var b bytes.Buffer
	for i := range s.entries {
		b.WriteString(s.entries[i].text)
		b.WriteByte('\n')
	}
	o.Report = b.Bytes()
	o.ReportText = s.reportText(doubtful)
	return o
}

// described words what the report is about. Of some all frames are marked '?'. In a
// log with caller ids, where nothing of others is between them, and in a stack whose
// end was printed, these show that the report is whole; the function it is named after
// must be known without them.
func (s *segment) described(own []entry) (o Oops, doubtful bool) {
	blank := Oops{Task: noTask(), Main: -1, Head: s.entries[0].text, Time: s.time, Start: s.start, End: s.end}
	o = blank
	o.describe(s.head, own)
	if o.CorruptedReason != noFrames || s.caller == "" && !hasStackEnd(own) {
		return o, false
	}
	o = blank
	o.describe(s.head, trusted(own))
	return o, true
}

// hasStackEnd says whether the kernel bracketed a stack, and the end was printed.
func hasStackEnd(lines []entry) bool {
	return slices.ContainsFunc(lines, func(e entry) bool { return e.leave && e.marker == "TASK" })
}

// trusted gives the lines with no frame in doubt.
func trusted(lines []entry) []entry {
	lines = slices.Clone(lines)
	for i := range lines {
		lines[i].frame.Reliable = true
	}
	return lines
}

// chooseMain takes the first call trace as the stack of the crash, else the
// first stack of any kind: some reports print theirs without that line.
func (o *Oops) chooseMain() {
	for i := range o.Traces {
		if o.Traces[i].Kind == CallTrace {
			o.Main = i
			break
		}
	}
	if o.Main < 0 && len(o.Traces) > 0 {
		o.Main = 0
	}
	if o.Main < 0 {
		return
	}
	t := &o.Traces[o.Main]
	o.Frames = t.Frames
	for i := range t.Blocks {
		if !t.Blocks[i].User {
			o.RIP = t.Blocks[i].RIP
			break
		}
	}
}

// fillTask takes the first CPU line of the report.
func (o *Oops) fillTask(lines []entry) {
	for i := range lines {
		if lines[i].kind == cpuLine {
			o.Task = parseTask(lines[i].text)
			break
		}
	}
	if caps, ok := pattern("INFO: task {text}:{num} ").find(o.Head); ok && o.PID < 0 {
		o.Comm, o.PID = caps["text"], atoi(caps["num"])
	}
	o.Executor = executorOf(o.Comm)
}

// executorOf reads the command name of a test process.
// Sample: syz.3.584
func executorOf(comm string) *Executor {
	f := strings.Split(comm, ".")
	if len(f) != 3 || f[0] != "syz" || !allDigits(f[1]) || !allDigits(f[2]) {
		return nil
	}
	return &Executor{Proc: atoi(f[1]), ID: atoi(f[2])}
}

// isNoise says whether the test system itself broke down, which makes what the
// kernel says about it worthless.
func isNoise(text []byte) bool {
	for _, s := range noise {
		if bytes.Contains(text, []byte(s)) {
			return true
		}
	}
	return hasKilledTester(text)
}
