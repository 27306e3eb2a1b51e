package oops

import "bytes"

// Gatherer finds crashes in lines that somebody else reads, and passes on.
// It keeps no line that is not of an open report.
type Gatherer struct {
	g         segmenter
	ready     []*segment
	panicAt   int // offset of the last panic line, -1 if none
	disturbed bool
}

// NewGatherer makes a gatherer for one stream.
func NewGatherer() *Gatherer {
	g := &Gatherer{panicAt: -1}
	g.g.done = func(s *segment) { g.ready = append(g.ready, s) }
	return g
}

// Line takes the next line and gives the crashes whose report it ended, as a
// rule none. Crashes that it does not belong to are not changed by it.
func (g *Gatherer) Line(l Line) []Oops {
	if !l.Prefix.other && bytes.Contains(l.Raw, []byte("Kernel panic - not syncing")) {
		g.panicAt = l.Off
	}
	if !g.disturbed {
		g.disturbed = isNoise(l.Raw)
	}
	g.g.line(l)
	return g.take()
}

// Partial gives the report that is open for a caller id, as far as it has come.
func (g *Gatherer) Partial(caller string) (Oops, bool) {
	for _, s := range g.g.open {
		if s.caller == caller {
			return s.oops(), true
		}
	}
	return Oops{}, false
}

// Tail gives the last lines given, unchanged: as a rule some KiB.
func (g *Gatherer) Tail() []byte { return g.g.recent.buf }

// Flush ends every report that is open and gives it.
func (g *Gatherer) Flush() []Oops {
	g.g.flush()
	return g.take()
}

// Judge fills in what lines outside of a report say about it: whether the kernel
// went on to panic, and whether the test system itself broke down. It knows the
// lines taken so far.
func (g *Gatherer) Judge(o *Oops) {
	o.Panicked = o.Panicked || g.panicAt >= o.Start
	o.Suppressed = o.Suppressed || g.disturbed
}

func (g *Gatherer) take() []Oops {
	if len(g.ready) == 0 {
		return nil
	}
	all := make([]Oops, len(g.ready))
	for i, s := range g.ready {
		all[i] = s.oops()
	}
	g.ready = g.ready[:0]
	return all
}
