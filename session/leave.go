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
	patience := time.AfterFunc(s.leaving, s.stopWork)
	defer patience.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), 2*s.leaving)
	defer cancel()
	_ = s.call(func() {
		// A CPU that sleeps never ends its step, and a resume would be gone on with.
		if s.machine.Steps() || s.staysPaused() {
			s.step(machine.Interrupt{})
		}
	})
	// Not with the job's own context: that one ends with the work that was stopped.
	err := s.Quiesced(ctx, func(_ context.Context, v *Stopped) error { return v.clearOut(ctx) })
	switch {
	case s.hasBug():
		s.awaitIdle()
		err = errors.Join(s.bug, s.letGo())
	case errors.Is(err, rsp.ErrClosed):
		return nil // the stub is gone, and the guest with it: front has heard
	case errors.Is(err, context.DeadlineExceeded):
		s.log.Warn("leave the guest", "err", err)
		s.end()
		err = s.letGo()
	case err != nil:
		s.end()
		err = errors.Join(err, s.letGo())
	}
	if err != nil {
		return fmt.Errorf("leave the guest: %w", err)
	}
	return nil
}

// clearOut is the last job: what is left to report, then the breakpoints and the steps,
// then the guest goes.
func (v *Stopped) clearOut(ctx context.Context) error {
	last, cancel := context.WithTimeout(ctx, v.leaving/2) // the breakpoints must get their time
	defer cancel()
	v.reportUnfinished(last, "ktrap was told to leave before the kernel did")
	errs := errors.Join(v.removeAll(ctx), v.client.EndSteps(ctx))
	if v.staysPaused() { // without a detach, which would take out what we lost count of
		return errors.Join(errs, v.clearStub(ctx))
	}
	return errors.Join(errs, v.client.Detach(ctx))
}

// hasBug reports whether the loop has panicked.
func (s *Session) hasBug() bool {
	select {
	case <-s.done:
		return s.bug != nil
	default:
		return false
	}
}

// staysPaused reports whether the guest is left standing.
func (s *Session) staysPaused() bool { return s.opts.StayPaused || s.paused && !s.resumed.Load() }

// awaitIdle gives a worker, which has been told to end, the time to do so.
func (s *Session) awaitIdle() {
	if s.idle == nil {
		return
	}
	patience := time.NewTimer(s.leaving)
	defer patience.Stop()
	select {
	case <-s.idle:
	case <-patience.C:
	}
}

// letGo frees the guest without the loop: after ktrap's own panic, or when
// whoever holds the stop lease does not give it back.
func (s *Session) letGo() error {
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	err := s.standAlone(ctx)
	if err == nil {
		err = errors.Join(s.client.EndSteps(ctx), s.clearStub(ctx))
	}
	if !s.staysPaused() { // whatever failed, and however late: it takes breakpoints out too
		ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
		defer cancel()
		err = errors.Join(err, s.client.Detach(ctx))
	}
	if errors.Is(err, rsp.ErrClosed) {
		return nil // QEMU is gone
	}
	return err
}

// standAlone stops the guest without the loop.
func (s *Session) standAlone(ctx context.Context) error {
	if err := s.client.Interrupt(); err != nil && !errors.Is(err, rsp.ErrStopped) {
		return err
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
	return nil
}

// takeBack lets a guest run again that stands only because ktrap has connected,
// when the session cannot be opened.
func (s *Session) takeBack() error {
	if !s.client.Features().Ran {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	if err := s.client.Detach(ctx); err != nil && !errors.Is(err, rsp.ErrClosed) {
		return fmt.Errorf("let the guest run again: %w", err)
	}
	return nil
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
