package oops

import "strings"

// A console that is read twice repeats whole reports, and the kernel reports a
// stall again as long as it lasts, every task of a set that hangs, and the same
// remark more than once. These are one crash.

// repeats says whether a line is the head of the report once more. A time in whole
// seconds, as of dmesg -T, does not tell it from the same fault on another CPU.
func (s *segment) repeats(l *Line) bool {
	return strings.ContainsAny(s.time, ".,") && s.time == l.Prefix.Time && s.entries[0].text == l.Text
}

// replace ends a report because the head of another has come. If both are of a
// stall or a mere remark, the first waits with those before it, for the second to
// be compared with.
func (g *segmenter) replace(s *segment, next *form) (series []*segment) {
	if s.form.class != next.class || !next.class.lasts() && (s.stacked || !s.form.bare || !next.bare) {
		g.close(s)
		return nil
	}
	g.drop(s)
	if series = s.join(); len(series) > maxOpen {
		g.done(series[0])
		series = series[1:]
	}
	return series
}

// join gives the series that waits for the report, with the report in it.
func (s *segment) join() []*segment {
	series := s.series
	s.series = nil
	for _, e := range series {
		if e.absorb(s) {
			return series
		}
	}
	return append(series, s)
}

// lasts says whether the kernel reports such a crash again while it goes on.
func (c Class) lasts() bool {
	return c == Hung || c == RCU || c == SoftLockup || c == HardLockup || c == Workqueue
}

// absorb adds the report of the same crash that came behind it, if it is one.
func (s *segment) absorb(next *segment) bool {
	if s.name() != next.name() {
		return false
	}
	s.endOwn()
	room := max(0, maxReport-len(s.entries))
	s.entries = append(s.entries, next.entries[:min(room, len(next.entries))]...)
	s.end = max(s.end, next.end)
	return true
}

// name gives the title.
func (s *segment) name() string {
	if s.title == "" {
		s.title = s.oops().Title
	}
	return s.title
}

// endOwn notes that what follows is not part of the report itself.
func (s *segment) endOwn() {
	if s.own == 0 {
		s.own = len(s.entries)
	}
}
