package oops

import "strings"

// Without caller ids nothing says whose a line is. But a report that comes in the
// middle of another, from an interrupt or from a CPU that got hold of the console,
// comes in one piece as a rule, and the kernel brackets stacks: behind the end of
// the inner report, frames go on with the stack that was left open.

// maxNest bounds how deep reports stand in each other.
const maxNest = 4

// nest is what the brackets say about a report.
type nest struct {
	under *segment // the report it stands in, nil if in none
	open  int      // contexts of its stack that have no end yet: <TASK>, <IRQ>
	over  bool     // its stack or the whole of it has ended
}

// follow takes a line of the report.
func (n *nest) follow(e *entry) {
	switch {
	case strings.HasPrefix(e.text, "---[ end trace"):
		n.open, n.over = 0, true
	case e.kind == startLine, e.kind == ipLine:
		n.over = false
	case e.marker == "":
	case !e.leave:
		n.open, n.over = n.open+1, false
	case n.open > 0:
		n.open--
		n.over = n.open == 0
	}
}

func (n *nest) depth() int {
	d := 0
	for s := n.under; s != nil; s = s.nest.under {
		d++
	}
	return d
}

// suspend lets a report wait whose stack a head stands in the middle of, or the one
// around it. It gives the report that waits, nil if none does.
func (g *segmenter) suspend(s *segment) *segment {
	if s.caller != "" {
		return nil
	}
	if s.nest.open > 0 && s.nest.depth() < maxNest {
		g.drop(s)
		return s
	}
	under := s.nest.under
	s.nest.under = nil
	if under != nil {
		g.close(s)
	}
	return under
}

// resume ends a report that is over when the next line goes on with the stack that
// it stands in.
func (g *segmenter) resume(l *Line) {
	for _, s := range g.open {
		under := s.nest.under
		if under == nil || !s.nest.over || s.caller != l.Prefix.Caller {
			continue
		}
		if e := readLine(l.Text); e.kind != frameLine && (e.kind != markerLine || !e.leave) {
			return
		}
		s.nest.under = nil
		g.close(s)
		under.last = g.lines
		g.open = append(g.open, under)
		return
	}
}
