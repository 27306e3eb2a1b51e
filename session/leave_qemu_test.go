//go:build qemu

package session_test

import (
	"context"
	"errors"
	"testing"

	"ktrap/session"
	"ktrap/session/target"
)

// A CPU that sleeps does not end its step, and QEMU tells of the interrupt for another
// one: it would step the CPU when nobody listens any more, and stop the guest for good.
func TestTheGuestRunsOnThoughStepsWereCutShort(t *testing.T) {
	m := up(t, "6.1")
	for range 5 {
		run(t, m.options(t), func(ctx context.Context, s *session.Session) {
			for _, cpu := range cpusOf(ctx, t, s) {
				cutShort(ctx, t, s, cpu)
			}
		})
		m.runs(t)
	}
	m.noBreakpoints(t)
}

func TestARunningGuestIsLeftStandingIfThatIsWished(t *testing.T) {
	m := up(t, "6.1")
	o := m.options(t)
	o.StayPaused = true
	run(t, o, func(ctx context.Context, s *session.Session) { resume(ctx, t, s) })
	if status, err := m.QMP().Status(t.Context()); err != nil || status == "running" {
		t.Errorf("the guest is %s, %v", status, err)
	}
	run(t, m.options(t), func(ctx context.Context, s *session.Session) { resume(ctx, t, s) })
	m.runs(t)
	m.noBreakpoints(t)
}

// Nobody resumes it while ktrap is there.
func TestAGuestThatRanRunsOnWhenKtrapLeaves(t *testing.T) {
	m := up(t, "6.1")
	run(t, m.options(t), func(context.Context, *session.Session) {})
	m.runs(t)
	m.noBreakpoints(t)
}

func cpusOf(ctx context.Context, t *testing.T, s *session.Session) (cpus []target.CPU) {
	t.Helper()
	if _, err := s.Halt(ctx); err != nil {
		t.Fatal(err)
	}
	err := s.Do(ctx, func(ctx context.Context, v *session.Stopped) (err error) {
		cpus, err = v.Target.CPUs(ctx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return cpus
}

// cutShort lets a CPU step, and does not wait for the end.
func cutShort(ctx context.Context, t *testing.T, s *session.Session, cpu target.CPU) {
	t.Helper()
	now, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := s.StepInstruction(now, cpu); err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if _, err := s.Halt(ctx); err != nil {
		t.Fatal(err)
	}
}
