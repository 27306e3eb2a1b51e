package oops

import (
	"slices"
	"strings"
)

// maxReport bounds the lines kept of one report. What follows is dropped and
// the report is marked as cut.
const maxReport = 4000

// maxReportBytes bounds their text, which long lines could make large.
const maxReportBytes = 1 << 20

// maxAway is how many lines of other contexts end a report: its task may never
// speak again.
const maxAway = 4000

// endOfPanic is the last line of a kernel that does not reboot: who waits for
// the report need not wait for more.
const endOfPanic = "---[ end Kernel panic"

// maxIdle is how many lines without a frame, register or code end a report.
// Lock tables and memory dumps of real reports are shorter; it is what lets a
// report in a stream be told before the next one begins.
const maxIdle = 400

// maxOpen bounds the reports open at once. The oldest is closed for a new one:
// a log that invents caller ids must not fill the memory.
const maxOpen = 64

// segment is the lines of one report, as they come.
type segment struct {
	head    *head
	form    *form    // of the head line alone
	caller  string   // caller id of the head line; "" if the log has none
	time    string   // time stamp of the head line
	stamped bool     // the head line has the prefix of a kernel log
	before  []string // the last lines of the same context in front of the head
	entries []entry
	start   int        // byte offset of the head line
	end     int        // byte offset behind the last line taken
	own     int        // lines that are the report itself: a panic that only follows from it comes after
	stacked bool       // a stack or register block was seen
	traced  bool       // a stack was seen
	allCPUs bool       // backtraces of other CPUs belong to the report
	series  []*segment // reports that wait until this one is known
	idle    int        // lines since the last that can only be of a report
	cut     bool       // lines were dropped
	size    int        // of the text, in bytes
	last    int        // number of the last line taken
	title   string     // once asked for
	nest    nest
}

// segmenter gathers reports from a stream of lines.
// Shape: with caller ids one report per caller may be open, so that reports of
// two CPUs do not mix; without them one at all.
type segmenter struct {
	open   []*segment
	done   func(*segment)
	recent recent
	dump   dump
	lines  int // taken so far

	life life
}

// line takes the next line.
func (g *segmenter) line(l Line) {
	if g.dump.take(&l) {
		return
	}
	if g.dump.name != "" {
		g.endDump()
		g.line(l) // it may begin the next dump
		return
	}
	g.next(l)
}

// endDump takes the lines that were held back.
func (g *segmenter) endDump() {
	for _, l := range g.dump.end() {
		g.next(l)
	}
}

// next takes the next line in the order of the kernel. A head closes the report
// of its caller and opens one, unless it only goes on about what is open already.
func (g *segmenter) next(l Line) {
	h, f := g.head(&l)
	g.resume(&l)
	var series []*segment
	var under *segment
	for _, s := range g.open {
		if h != nil && s.caller == l.Prefix.Caller {
			if s.repeats(&l) {
				s.endOwn()
			} else if !s.continues(f, l.Text) {
				if under = g.suspend(s); under == nil {
					series = g.replace(s, f)
				}
				break
			}
			h = nil
		}
	}
	g.lines++
	for i := len(g.open) - 1; i >= 0; i-- {
		s := g.open[i]
		if s.wants(&l) {
			s.add(&l, g.lines)
		}
		if s.idle > maxIdle || g.lines-s.last > maxAway {
			g.close(s)
		}
	}
	if h != nil {
		g.start(&l, &segment{head: h, form: f, series: series, nest: nest{under: under}})
	}
	g.recent.add(l.Raw)
	if len(g.open) > 0 && strings.HasPrefix(l.Text, endOfPanic) {
		g.closeAll()
	}
}

// head finds the head in a line of the kernel.
func (g *segmenter) head(l *Line) (*head, *form) {
	if l.Prefix.other || strings.Contains(l.Text, " [inline]") { // the line as the kernel printed it comes behind
		return nil, nil
	}
	h, f := matchHead(l.Text)
	if h != nil && f.running && !g.life.runs() {
		h = nil
	}
	g.life.follow(l, f)
	return h, f
}

// start opens a report at its head line.
func (g *segmenter) start(l *Line, s *segment) {
	if len(g.open) == maxOpen {
		g.close(g.open[0])
	}
	s.caller, s.time, s.stamped = l.Prefix.Caller, l.Prefix.Time, l.Prefix.stamped()
	s.start, s.before = l.Off, g.recent.before(l)
	if s.form.running { // found again from its start only with the kernel that ran
		s.start = max(0, s.start-g.recent.sinceKernel())
	}
	s.add(l, g.lines)
	g.open = append(g.open, s)
}

// flush closes every open report.
func (g *segmenter) flush() {
	g.endDump()
	g.closeAll()
}

func (g *segmenter) closeAll() {
	for len(g.open) > 0 {
		g.close(g.open[0])
	}
}

func (g *segmenter) close(s *segment) {
	g.drop(s)
	if under := s.nest.under; under != nil {
		s.nest.under = nil
		g.close(under)
	}
	for _, e := range s.join() {
		g.done(e)
	}
}

func (g *segmenter) drop(s *segment) {
	g.open = slices.DeleteFunc(g.open, func(o *segment) bool { return o == s })
}

// wants says whether a line belongs to the report. With caller ids only lines
// of the same caller do, and those of other CPUs once they were asked for theirs.
func (s *segment) wants(l *Line) bool {
	return s.caller == l.Prefix.Caller || s.allCPUs && len(l.Prefix.Caller) > 0 && l.Prefix.Caller[0] == 'C'
}

// add takes a line, the at-th of the stream.
func (s *segment) add(l *Line, at int) {
	e := readLine(l.Text)
	if l.Prefix.other || s.stamped && !l.Prefix.stamped() && (e.kind == otherLine || e.kind == blankLine) {
		s.idle++
		return // what programs write to the same console
	}
	s.start, s.end = min(s.start, l.Off), max(s.end, l.Off+len(l.Raw)) // the parts of a dump come in reverse
	s.last = at
	if s.size += len(l.Text); len(s.entries) >= maxReport || s.size > maxReportBytes {
		s.cut = true
		return
	}
	switch {
	case e.kind == startLine:
		s.traced, s.stacked = true, true
	case e.kind == ipLine:
		s.stacked = true
	case sendsNMI(l.Text):
		s.allCPUs = true
	}
	if s.idle++; e.kind != otherLine && e.kind != blankLine {
		s.idle = 0
	}
	s.nest.follow(&e)
	s.entries = append(s.entries, e)
}

// continues says whether a head goes on about the open report: the die line
// behind the fault, or the panic the report ends in.
func (s *segment) continues(f *form, text string) bool {
	first := s.form
	switch {
	case f.class == OOM && f.route != nil && !first.minor:
		return true // an allocation that failed on the way
	case first.minor:
		return false
	case f.class == Panic && !s.traced && !first.bare:
		return true
	case f.class == Panic && isConsequence(text):
		s.endOwn()
		return true
	case f.class == Die && !s.stacked && text == s.entries[0].text:
		return true // a fault inside the handling of the same fault
	case f.class == WARN && first.warned:
		return !s.traced
	case f.joins:
		return !s.stacked && !first.bare && (first.class == Die || first.class == BUG || first.class == UBSAN || first.class == Lockdep || s.caller != "")
	}
	return false
}

// consequences are the panics that a report before them decided on.
var consequences = []string{
	"panic_on_warn set", "Fatal exception", "hung_task: blocked tasks", "softlockup: hung tasks", "panic_on_oom", "RCU Stall",
	"Hard LOCKUP", "Machine halted", "kernel stack overflow", "Fatal hardware", "Attempted to kill init!", "Attempted to kill the idle task",
	"oops=panic", "System is deadlocked on memory", "kfence.fault", "kmsan.panic", "kernel: panic_on", "Oops",
}

func isConsequence(text string) bool {
	return slices.ContainsFunc(consequences, func(c string) bool { return strings.Contains(text, c) })
}

func sendsNMI(text string) bool {
	return strings.Contains(text, "Sending NMI from CPU")
}
