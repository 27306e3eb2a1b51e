package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"ktrap/rsp"
	"ktrap/session/machine"
	"ktrap/symbols/addr"
)

// gdb takes its breakpoints out of the guest whenever that stands, and sets them again
// when it lets it go on; before a step it does so for nothing, as a CPU of QEMU's that steps
// looks at no breakpoint. So a code breakpoint that a client has taken out lingers in the stub
// until the guest runs: most often the client has it back by then, and the stub was asked
// nothing.
//
// Source: QEMU 7.2 accel/tcg/cpu-exec.c check_for_breakpoints ("Singlestep overrides
// breakpoints"). Accelerators write them into the guest's text, which is to be right, and where
// a step would meet them.

// removeSoon is [Stopped.Remove] for a client that waits. That the stub refuses is said to
// whoever listens to ktrap.
func (v *Stopped) removeSoon(ctx context.Context, p machine.Point, owner machine.Owner) error {
	if v.underKVM.Load() {
		return v.Remove(ctx, p, owner)
	}
	emulated := v.emulated.Load()
	var known bool
	err := v.call(func() {
		var last bool
		known, last = v.machine.Points.Drop(p, owner)
		switch {
		case !last:
		case !emulated || p.Kind > machine.Hardware: // a step is watched, too
			v.takeOut(p, owner)
		default:
			v.lingers[p] = owner
		}
	})
	if err == nil && !known {
		return notThere(p, owner)
	}
	return err
}

// stays reports whether a point that is wanted is in the stub still, for good from now on.
// It is for a turn of the loop.
func (s *Session) stays(p machine.Point) bool {
	_, there := s.lingers[p]
	delete(s.lingers, p)
	return there
}

// isLingering reports whether a code breakpoint that nobody wants any more is at a. It is
// for a turn of the loop.
func (s *Session) isLingering(a addr.Addr) bool {
	for p := range s.lingers {
		if p.Addr == a {
			return true
		}
	}
	return false
}

// lingering gives the points that nobody wants any more, which the caller is to take out.
// It is for a turn of the loop.
func (s *Session) lingering() []machine.Point {
	gone := slices.Collect(maps.Keys(s.lingers))
	clear(s.lingers)
	return gone
}

// lingeringOf is lingering for those that one client has taken out.
func (s *Session) lingeringOf(owner machine.Owner) (gone []machine.Point) {
	maps.DeleteFunc(s.lingers, func(p machine.Point, of machine.Owner) bool {
		if of == owner {
			gone = append(gone, p)
		}
		return of == owner
	})
	return gone
}

// letGoOf takes out what lingers, before a resume that is more than steps. It is for a turn
// of the loop.
func (s *Session) letGoOf(resume []byte) {
	if !stepsOnly(resume) {
		s.takeOutLingering()
	}
}

// takeOutLingering is for a turn of the loop.
func (s *Session) takeOutLingering() {
	for p, owner := range s.lingers {
		s.takeOut(p, owner)
	}
	clear(s.lingers)
}

// takeOut has the stub remove a point before it takes the next request. It is for a turn of
// the loop.
func (s *Session) takeOut(p machine.Point, owner machine.Owner) {
	s.client.GoRemove(rsp.BreakKind(p.Kind), uint64(p.Addr), p.Size, func(err error) {
		if err != nil && !errors.Is(err, rsp.ErrClosed) {
			s.post(func() { s.publish(Event{Kind: Note, Text: fmt.Sprintf("%s: %v", owner, err), Err: err}) })
		}
	})
}

// stepsOnly reports whether a resume lets no CPU run freely.
func stepsOnly(resume []byte) bool {
	actions, ok := bytes.CutPrefix(resume, []byte("vCont;"))
	if !ok {
		return false
	}
	for one := range bytes.SplitSeq(actions, []byte(";")) {
		if !bytes.HasPrefix(one, []byte("s:")) {
			return false
		}
	}
	return true
}
