package session

import (
	"context"
	"fmt"

	"ktrap/rsp"
	"ktrap/session/machine"
	"ktrap/session/target"
)

// Continue lets the guest run and returns at once.
// Errors: rsp.ErrRunning if it runs already, rsp.ErrClosed if the stub is gone.
func (s *Session) Continue(context.Context) error {
	return s.resume(machine.Resume{Packet: []byte("vCont;c")})
}

// StepInstruction executes one instruction on one CPU while the others stand,
// and waits for the guest to stand again.
func (s *Session) StepInstruction(ctx context.Context, cpu target.CPU) (Stop, error) {
	r := machine.Resume{
		Packet: fmt.Appendf(nil, "vCont;s:%v", cpu.Thread),
		Steps:  true, Only: []rsp.ThreadID{cpu.Thread},
	}
	if err := s.resume(r); err != nil {
		return Stop{}, err
	}
	return s.Wait(ctx)
}

// resume posts a resume and reports a refusal.
func (s *Session) resume(r machine.Resume) error {
	var err error
	lost := s.call(func() {
		r.ID = s.newID()
		refused := make(chan error, 1)
		s.waiting[r.ID] = refused
		s.resumer = nil
		s.step(r)
		select {
		case err = <-refused:
		default:
			delete(s.waiting, r.ID)
		}
	})
	if lost != nil {
		return lost
	}
	return err
}

// Interrupt asks a running guest to stand, and does not wait until it does.
func (s *Session) Interrupt() { s.send(machine.Interrupt{}) }

// Running reports whether the guest runs, as clients see it.
func (s *Session) Running() bool {
	var running bool
	if s.call(func() { running = s.machine.Runs() }) != nil {
		return false
	}
	return running
}

// Wait returns when the guest stands, with the reason of its last stop.
// Errors: that of ctx, and rsp.ErrClosed when the stub is gone.
func (s *Session) Wait(ctx context.Context) (Stop, error) {
	return s.wait(ctx, func() {})
}

// Halt stops a guest that runs and returns when it stands, as Wait does. Nobody
// resumes it between the two: an interrupt of a guest that stands does nothing, and
// whoever waits afterwards would wait for as long as somebody else lets it run.
func (s *Session) Halt(ctx context.Context) (Stop, error) {
	return s.wait(ctx, func() { s.step(machine.Interrupt{}) })
}

// wait is Wait after first, which runs in the same turn of the loop.
func (s *Session) wait(ctx context.Context, first func()) (Stop, error) {
	wait := make(chan Stop, 1)
	err := s.call(func() {
		first()
		if s.machine.Runs() {
			s.stops[wait] = struct{}{}
			return
		}
		stop := s.stopped
		if s.machine.State() == machine.Lost {
			stop.Lost = true
		}
		wait <- stop
	})
	if err != nil {
		return Stop{}, err
	}
	select {
	case stop := <-wait:
		switch {
		case stop.Lost:
			return stop, s.lostError()
		case stop.Err != nil:
			return stop, fmt.Errorf("resume the guest: %w", stop.Err)
		}
		return stop, nil
	case <-ctx.Done():
		_ = s.call(func() { delete(s.stops, wait) }) // the loop's end forgets it too
		return Stop{}, ctx.Err()
	case <-s.done:
		return Stop{}, s.lostError()
	}
}

// UntilLost returns when ctx ends, with nil, or when the stub is gone. A stub
// that is gone already is told of even if ctx has ended, too.
func (s *Session) UntilLost(ctx context.Context) error {
	select {
	case <-s.stubLost:
	case <-s.done:
	case <-ctx.Done():
	}
	select { // of several that are ready the first select takes any
	case <-s.stubLost:
		return s.lostError()
	case <-s.done:
		return s.lostError()
	default:
		return nil
	}
}

// KernelKnown reports whether the running kernel has been proven, and so whether
// its traps are armed.
func (s *Session) KernelKnown() bool { return s.world.Load() != nil }

// AtCrash reports whether the guest stands at a crash that was reported.
func (s *Session) AtCrash() bool {
	var at bool
	_ = s.call(func() { at = !s.machine.Runs() && s.stopped.Crash != nil })
	return at
}

// lostError says that the stub is gone, and why if it is known.
func (s *Session) lostError() error {
	var lost error
	if s.call(func() { lost = s.lost }) != nil {
		<-s.done
		lost = s.bug
	}
	if lost == nil {
		return rsp.ErrClosed
	}
	return fmt.Errorf("%w: %w", rsp.ErrClosed, lost)
}
