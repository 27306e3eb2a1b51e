package session

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"ktrap/rsp"
	"ktrap/rsp/rsptest"
	"ktrap/session/machine"
	"ktrap/symbols/addr"
)

// runs is a QEMU whose guest, once resumed, runs until it is interrupted.
func runs() *rsptest.Machine {
	return &rsptest.Machine{Run: func(*rsptest.Machine, string) string { return "" }}
}

func TestAWaitThatIsCancelledLeavesNothingBehind(t *testing.T) {
	withStub(t, runs(), func(ctx context.Context, s *Session) {
		if err := s.Continue(ctx); err != nil {
			t.Fatal(err)
		}
		late, cancel := context.WithCancel(ctx)
		cancel()
		for range 10 {
			if _, err := s.Wait(late); !errors.Is(err, context.Canceled) {
				t.Fatalf("error %v", err)
			}
		}
		left := -1
		if err := s.call(func() { left = len(s.stops) }); err != nil || left != 0 {
			t.Errorf("%d waiters are left, %v", left, err)
		}
	})
}

func TestNobodyResumesAGuestBetweenTheInterruptAndTheWaitForIt(t *testing.T) {
	s := newSession(&Options{}) // whose loop has not begun
	queued := func(n int) {
		for {
			s.turns.mu.Lock()
			has := len(s.turns.queue)
			s.turns.mu.Unlock()
			if has == n {
				return
			}
			runtime.Gosched()
		}
	}
	halted := make(chan error, 1)
	go func() { halted <- s.halt(t.Context()) }() // a gdb connects
	queued(1)
	s.post(func() { s.machine.Step(machine.Resume{Packet: []byte("vCont;c")}) }) // another one is next
	s.begin()
	for waits := 0; ; {
		select {
		case err := <-halted:
			if err != nil {
				t.Error(err)
			}
			return
		default:
		}
		if err := s.call(func() { waits = len(s.stops) }); err != nil || waits > 0 {
			t.Fatalf("it waits for a guest that runs, and has interrupted one that stood: %v", err)
		}
	}
}

func TestAStubThatIsGoneIsToldOfToWhoeverAsksAndDoesNotWait(t *testing.T) {
	s := newSession(&Options{})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.UntilLost(ended); err != nil {
		t.Errorf("the stub is there, and the error is %v", err)
	}
	s.begin()
	s.end()
	close(s.stubLost)
	for range 100 { // a select among several that are ready is right now and then
		if err := s.UntilLost(ended); !errors.Is(err, rsp.ErrClosed) {
			t.Fatalf("error %v", err)
		}
	}
}

// crashLoop makes the session loop panic, as a bug of ktrap's own would.
func (s *Session) crashLoop() {
	_ = s.call(func() { panic("of the test") })
}

// openWithBug runs a session whose loop panics in f, and returns its error.
func openWithBug(t *testing.T, m *rsptest.Machine, f func(ctx context.Context, s *Session)) error {
	t.Helper()
	m.CPUs = []rsptest.CPU{{Regs: rsptest.NewRegs()}}
	o := &Options{Stub: rsptest.ListenUnix(t, ranBefore(m)), NoTraps: true}
	return Run(t.Context(), o, func(ctx context.Context, s *Session) error {
		f(ctx, s)
		return nil
	})
}

func TestDoDoesNotReturnWhileItsFunctionRuns(t *testing.T) {
	m := runs()
	err := openWithBug(t, m, func(ctx context.Context, s *Session) {
		steps := 0 // of the function; the race detector looks too
		err := s.Do(ctx, func(ctx context.Context, v *Stopped) error {
			v.crashLoop()
			<-ctx.Done() // it is told
			for range 1000 {
				runtime.Gosched()
				steps++
			}
			return errors.New("its own")
		})
		if steps != 1000 || err == nil || err.Error() != "its own" {
			t.Errorf("Do returned %v after %d of 1000 steps", err, steps)
		}
	})
	if err == nil || !strings.Contains(err.Error(), "session loop panicked: of the test") {
		t.Errorf("session: %v", err)
	}
	if !m.Detached {
		t.Errorf("the guest was not let go: %v", err)
	}
}

func TestAJobThatWaitsWhenTheLoopEndsNeverRuns(t *testing.T) {
	_ = openWithBug(t, runs(), func(ctx context.Context, s *Session) {
		waits := make(chan error, 1)
		err := s.Do(ctx, func(ctx context.Context, v *Stopped) error {
			go func() {
				waits <- s.Do(ctx, func(context.Context, *Stopped) error {
					t.Error("it ran")
					return nil
				})
			}()
			for queued := 0; queued == 0; {
				if err := s.call(func() { queued = len(s.work) }); err != nil {
					return err
				}
			}
			v.crashLoop()
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		if err := <-waits; err == nil {
			t.Error("a job that never ran has no error")
		}
	})
}

func TestAPausedGuestStaysPausedWhenKtrapHasABug(t *testing.T) {
	m := &rsptest.Machine{CPUs: []rsptest.CPU{{Regs: rsptest.NewRegs()}}}
	o := &Options{Stub: rsptest.ListenUnix(t, m.Handle), NoTraps: true, StayPaused: true}
	err := Run(t.Context(), o, func(ctx context.Context, s *Session) error {
		err := s.Do(ctx, func(ctx context.Context, v *Stopped) error {
			return v.Insert(ctx, code(text), machine.User)
		})
		s.crashLoop()
		return err
	})
	if err == nil || m.Detached || len(m.Breaks) > 0 {
		t.Errorf("error %v, detached %v, left behind %q", err, m.Detached, m.Breaks)
	}
}

func TestAGuestThatStaysPausedKeepsNoBreakpointThatKtrapLostCountOf(t *testing.T) {
	m := &rsptest.Machine{CPUs: []rsptest.CPU{{Regs: rsptest.NewRegs()}}}
	o := &Options{Stub: rsptest.ListenUnix(t, m.Handle), NoTraps: true, StayPaused: true}
	err := Run(t.Context(), o, func(ctx context.Context, s *Session) error {
		return s.Do(ctx, func(ctx context.Context, v *Stopped) error {
			return v.client.Insert(ctx, 0, uint64(text), 1) // as when the answer came too late
		})
	})
	if err != nil || m.Detached || len(m.Breaks) > 0 {
		t.Errorf("error %v, detached %v, left behind %q", err, m.Detached, m.Breaks)
	}
}

func TestAGuestThatRunsIsLeftStandingIfThatIsWished(t *testing.T) {
	m := &rsptest.Machine{CPUs: []rsptest.CPU{{Regs: rsptest.NewRegs()}}}
	resumes := 0
	m.Run = func(*rsptest.Machine, string) string { resumes++; return "" }
	o := &Options{Stub: rsptest.ListenUnix(t, m.Handle), NoTraps: true, StayPaused: true}
	err := Run(t.Context(), o, func(ctx context.Context, s *Session) error { return s.Continue(ctx) })
	if err != nil || m.Detached || resumes != 1 {
		t.Errorf("error %v, detached %v, resumed %d times", err, m.Detached, resumes)
	}
}

// The stub hears the interrupt only when ktrap has given up waiting for the stop: what
// the guest was told to do must not be gone on with then.
func TestAGuestWhoseStubAwakesTooLateIsLetGo(t *testing.T) {
	m := runs()
	m.CPUs = []rsptest.CPU{{Regs: rsptest.NewRegs()}}
	interrupts := 0
	stub := rsptest.ListenUnix(t, func(s *rsptest.Stub, msg rsp.Message) {
		if msg.Kind == rsp.Interrupt {
			if interrupts++; interrupts == 1 {
				return
			}
		}
		m.Handle(s, msg)
	})
	err := Run(t.Context(), &Options{Stub: stub, NoTraps: true}, func(ctx context.Context, s *Session) error {
		s.leaving = 20 * time.Millisecond
		err := s.Do(ctx, func(ctx context.Context, v *Stopped) error { return v.Insert(ctx, code(text), machine.User) })
		return errors.Join(err, s.Continue(ctx))
	})
	if err != nil || !m.Detached || len(m.Breaks) > 0 {
		t.Errorf("error %v, detached %v, left behind %q", err, m.Detached, m.Breaks)
	}
}

func TestWorkThatWasStoppedDoesNotKeepBreakpointsInTheGuest(t *testing.T) {
	m := runs()
	withStub(t, m, func(ctx context.Context, s *Session) {
		err := s.Do(ctx, func(ctx context.Context, v *Stopped) error {
			for i := range addr.Addr(3) {
				if err := v.Insert(ctx, code(text+i), machine.User); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Continue(ctx); err != nil {
			t.Fatal(err)
		}
		s.stopWork() // an inspection took too long
	})
	if !m.Detached || len(m.Breaks) > 0 {
		t.Errorf("detached %v, left behind %q", m.Detached, m.Breaks)
	}
}

// ranBefore is a stub whose guest ran until the debugger came.
func ranBefore(m *rsptest.Machine) rsptest.Handler {
	return func(s *rsptest.Stub, msg rsp.Message) {
		if msg.Kind == rsp.Packet && strings.HasPrefix(string(msg.Body), "qSupported") {
			s.Reply("T02thread:01;")
		}
		m.Handle(s, msg)
	}
}

func TestAGuestThatRanRunsOnWhenTheSessionCannotBeOpened(t *testing.T) {
	for _, fails := range []string{"qfThreadInfo", "qqemu.sstepbits", "?"} {
		m := &rsptest.Machine{CPUs: []rsptest.CPU{{Regs: rsptest.NewRegs()}}}
		m.Override = func(_ *rsptest.Machine, body string) (string, bool) { return "junk", body == fails }
		o := &Options{Stub: rsptest.ListenUnix(t, ranBefore(m)), NoTraps: true}
		err := Run(t.Context(), o, func(context.Context, *Session) error { return nil })
		if fails != "qqemu.sstepbits" && err == nil {
			t.Errorf("%s: no error", fails)
		}
		if !m.Detached {
			t.Errorf("%s: the guest stands still", fails)
		}
	}
}
