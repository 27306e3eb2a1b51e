package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"ktrap/rsp"
	"ktrap/session/machine"
)

// leaveTimeout bounds the wait for an inspection that is under way, and then
// that for a stub that no longer answers.
const leaveTimeout = 5 * time.Second

// leave takes every breakpoint out and lets the guest go as promised: it runs
// on, unless it was paused before and nobody resumed it, or is to stay paused.
func (s *Session) leave() error {
	// An inspection may finish its report, but not keep the guest for ever.
	patience := time.AfterFunc(leaveTimeout, s.stopWork)
	defer patience.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), 2*leaveTimeout)
	defer cancel()
	_ = s.call(func() {
		if s.machine.Steps() { // a CPU that sleeps never ends its step
			s.step(machine.Interrupt{})
		}
	})
	err := s.Quiesced(ctx, func(ctx context.Context, v *Stopped) error {
		v.reportUnfinished(ctx, "ktrap was told to leave before the kernel did")
		errs := v.removeAll(ctx)
		if s.staysPaused() {
			return errs
		}
		return errors.Join(errs, s.client.Detach(ctx))
	})
	select {
	case <-s.done: // the loop has panicked: nobody else talks to the stub now
		err = s.bug
		if s.bug != nil {
			err = errors.Join(s.bug, s.letGo(ctx))
		}
	default:
	}
	if errors.Is(err, rsp.ErrClosed) {
		return nil // the stub is gone, and the guest with it: front has heard
	}
	if err != nil {
		return fmt.Errorf("leave the guest: %w", err)
	}
	return nil
}

// staysPaused reports whether the guest is left standing.
func (s *Session) staysPaused() bool { return s.opts.StayPaused || s.paused && !s.resumed.Load() }

// letGo frees the guest without the loop, after ktrap's own panic.
func (s *Session) letGo(ctx context.Context) error {
	if s.client.Running() {
		if err := s.client.Interrupt(); err != nil {
			return err
		}
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for s.client.Running() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("stop the guest: %w", ctx.Err())
		}
	}
	return errors.Join(s.clearStub(ctx), s.client.Detach(ctx))
}

// clearStub takes out every breakpoint in QEMU, whoever set it: an earlier
// debugger that was killed, or ktrap itself. QEMU takes them out when it is
// asked ? and at a detach, but only those of the CPU that Hc has selected; what
// is left on the others cannot even be removed one by one.
// Source: QEMU 7.2 gdbstub.c handle_target_halt, accel/tcg/tcg-accel-ops.c
// tcg_remove_all_breakpoints and tcg_remove_breakpoint.
func (s *Session) clearStub(ctx context.Context) error {
	if !s.client.Features().QEMU {
		return nil
	}
	threads, err := s.client.Threads(ctx)
	if err != nil {
		return fmt.Errorf("list CPUs: %w", err)
	}
	slices.Reverse(threads) // so that the first CPU stays selected
	for _, t := range threads {
		for _, body := range []string{"Hc" + t.String(), "?"} {
			if _, err := s.client.Do(ctx, rsp.AnyThread, []byte(body)); err != nil {
				return fmt.Errorf("clear breakpoints of CPU %v: %w", t, err)
			}
		}
	}
	return nil
}
