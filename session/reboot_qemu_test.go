//go:build qemu

package session_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"ktrap/session"
	"ktrap/session/guest"
	"ktrap/session/trap"
	"ktrap/symbols/oops"
)

func TestTrapsAreArmedAgainAfterAReboot(t *testing.T) {
	for _, how := range []string{"reboot -f", "system_reset"} {
		t.Run(how, func(t *testing.T) {
			m := boot(t, "6.1", nil)
			o := m.options(t)
			said := heard(o)
			run(t, o, func(ctx context.Context, s *session.Session) {
				g := m.login(ctx, t, s)
				said.wait(ctx, t, session.Ready, "Linux")
				began := m.Console().Offset()
				if how == "system_reset" {
					if err := m.QMP().Do(ctx, how, nil, nil); err != nil {
						t.Fatal(err)
					}
				} else { // it never returns, and nobody closes the connection
					during(ctx, t, g, how, func() { said.wait(ctx, t, session.GuestDown, "") })
				}
				said.wait(ctx, t, session.GuestDown, "")
				if _, err := m.Console().WaitFor(ctx, began, "guest is ready"); err != nil {
					t.Fatal(err)
				}
				if n := said.count(session.Ready, "traps armed"); n != 2 {
					t.Fatalf("ready %d times: %+v", n, said.all)
				}
				r := m.crash(ctx, t, s, "null").Crash.Report
				if !strings.HasPrefix(firstFunc(r), "inner_deref") || len(r.Incomplete) > 0 {
					t.Errorf("first frame %s, incomplete %q", firstFunc(r), r.Incomplete)
				}
			})
		})
	}
}

func TestAGuestThatIsResetAtACrashOfItsSecondCPUBootsAgain(t *testing.T) {
	m := boot(t, "6.1", nil)
	run(t, m.options(t), func(ctx context.Context, s *session.Session) {
		g := m.login(ctx, t, s)
		during(ctx, t, g, "taskset 2 sh -c 'echo panic > /proc/crashme'", func() {
			if stop, err := s.Wait(ctx); err != nil || stop.Crash == nil || stop.Crash.Report.CPU != 1 {
				t.Fatalf("the second CPU is to panic, got %+v, %v", stop.Crash, err)
			}
		})
		m.reset(ctx, t, s)
	})
}

func TestTrapsOfAGuestAtItsFirstInstructionAreArmedBeforeInitRuns(t *testing.T) {
	m := boot(t, "6.1", nil)
	o := m.options(t)
	said := heard(o)
	run(t, o, func(ctx context.Context, s *session.Session) {
		said.wait(ctx, t, session.Note, "has not booted its kernel yet")
		if s.Running() {
			t.Error("the guest was at -S and runs")
		}
		resume(ctx, t, s)
		said.wait(ctx, t, session.Ready, "traps armed")
		if c := m.Console().Tail(1 << 20); bytes.Contains(c, []byte("Run /init")) {
			t.Errorf("too late: the guest has said\n%s", c)
		}
	})
}

func TestTwoCPUsThatOopsTogetherGiveTwoReports(t *testing.T) {
	m := boot(t, "6.1", nil)
	o := m.options(t)
	run(t, o, func(ctx context.Context, s *session.Session) {
		first := m.crash(ctx, t, s, "race").Crash.Report
		resume(ctx, t, s)
		stop, err := s.Wait(ctx)
		if err != nil || stop.Crash == nil {
			t.Fatalf("the second oops: %+v, %v", stop, err)
		}
		second := stop.Crash.Report
		if first.CPU == second.CPU || first.Comm == second.Comm {
			t.Errorf("CPU %d %s and CPU %d %s", first.CPU, first.Comm, second.CPU, second.Comm)
		}
		for _, r := range []*struct {
			title, top, log string
			missing         []string
		}{{first.Title, firstFunc(first), first.Log, first.Incomplete}, {second.Title, firstFunc(second), second.Log, second.Incomplete}} {
			if !strings.HasPrefix(r.top, "inner_deref") || len(r.missing) > 0 {
				t.Errorf("%s: first frame %s, incomplete %q", r.title, r.top, r.missing)
			}
		}
		for _, r := range []struct{ comm, log string }{{first.Comm, first.Log}, {second.Comm, second.Log}} {
			wantInOrder(t, "text of "+r.comm, r.log, "BUG: kernel NULL pointer", "Comm: "+r.comm)
		}
	})
}

func TestAWarningWithPanicOnWarnIsOneReport(t *testing.T) {
	m := boot(t, "6.1", nil)
	o := m.options(t)
	said := heard(o)
	run(t, o, func(ctx context.Context, s *session.Session) {
		g := m.login(ctx, t, s)
		during(ctx, t, g, "echo 1 > /proc/sys/kernel/panic_on_warn; echo warn > /proc/crashme", func() {
			stop, err := s.Wait(ctx)
			if err != nil || stop.Crash == nil {
				t.Fatalf("stop %+v, %v", stop, err)
			}
			if r := stop.Crash.Report; r.Class != oops.WARN || !r.Panicked || firstFunc(r) != "c_warn" {
				t.Errorf("class %s, panicked %v, first frame %s", r.Class, r.Panicked, firstFunc(r))
			}
		})
		began := m.Console().Offset()
		resume(ctx, t, s)
		if _, err := m.Console().WaitFor(ctx, began, "end Kernel panic"); err != nil {
			t.Fatal(err)
		}
		if !s.Running() || said.count(session.TrapHit, "") != 1 {
			t.Errorf("running %v, events %+v", s.Running(), said.all)
		}
	})
}

func TestALoggedWarningIsWrittenAndTheGuestGoesOn(t *testing.T) {
	m := boot(t, "6.1", nil)
	o := m.options(t)
	o.ReportDir = t.TempDir()
	var err error
	if o.Policy, err = trap.ParsePolicy("warn=log"); err != nil {
		t.Fatal(err)
	}
	said := heard(o)
	run(t, o, func(ctx context.Context, s *session.Session) {
		g := m.login(ctx, t, s)
		for range 2 {
			if err := g.Run(ctx, "echo warn > /proc/crashme", nil); err != nil {
				t.Fatalf("the guest does not go on: %v", err)
			}
		}
		said.wait(ctx, t, session.Reported, "")
		if !s.Running() || said.count(session.TrapHit, "") != 2 || said.count(session.Reported, "") != 2 {
			t.Errorf("running %v, events %+v", s.Running(), said.all)
		}
	})
}

// After a reset the second CPU waits for the first to start it: it cannot be
// stepped off the breakpoint at which it stood.
func TestAGuestThatStandsAtAPanicBootsAfterAReset(t *testing.T) {
	for cpu, mask := range []string{"1", "2"} {
		t.Run(fmt.Sprintf("CPU %d", cpu), func(t *testing.T) {
			m := boot(t, "6.1", nil)
			o := m.options(t)
			said := heard(o)
			run(t, o, func(ctx context.Context, s *session.Session) {
				g := m.login(ctx, t, s)
				ended := make(chan error, 1)
				go func() { ended <- g.Run(ctx, "taskset "+mask+" sh -c 'echo panic > /proc/crashme'", nil) }()
				defer func() { g.Close(); <-ended }()
				stop, err := s.Wait(ctx)
				if err != nil || stop.Crash == nil || stop.Crash.Report.CPU != cpu {
					t.Fatalf("stop %+v, %v", stop, err)
				}
				began := m.Console().Offset()
				err = s.Do(ctx, func(ctx context.Context, v *session.Stopped) error {
					_, err := v.Monitor(ctx, "system_reset")
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				resume(ctx, t, s)
				if _, err := m.Console().WaitFor(ctx, began, "guest is ready"); err != nil {
					t.Fatal(err)
				}
				if n := said.count(session.Ready, "traps armed"); n != 2 {
					t.Errorf("ready %d times: %+v", n, said.all)
				}
			})
		})
	}
}

func TestAnOopsCutOffByAResetIsReported(t *testing.T) {
	m := boot(t, "6.1", nil)
	o := m.options(t)
	o.Patience = time.Hour
	said := heard(o)
	run(t, o, func(ctx context.Context, s *session.Session) {
		g := m.login(ctx, t, s)
		m.stuckInReport(ctx, t, s, g)
		if err := m.QMP().Do(ctx, "system_reset", nil, nil); err != nil {
			t.Fatal(err)
		}
		said.wait(ctx, t, session.GuestDown, "")
		said.unfinished(t, "the guest was reset")
	})
}

func TestAnOopsThatHangsIsReportedAfterAWhile(t *testing.T) {
	m := boot(t, "6.1", nil)
	o := m.options(t)
	o.Patience = 2 * time.Second
	said := heard(o)
	run(t, o, func(ctx context.Context, s *session.Session) {
		g := m.login(ctx, t, s)
		m.stuckInReport(ctx, t, s, g)
		stop, err := s.Wait(ctx)
		if err != nil || stop.Crash == nil {
			t.Fatalf("stop %+v, %v", stop, err)
		}
		said.unfinished(t, fmt.Sprintf("the guest ran for %v", o.Patience))
	})
}

// stuckInReport makes the guest oops and hang before the text is complete: the
// function that prints registers becomes a jump to itself.
func (m *machine) stuckInReport(ctx context.Context, t *testing.T, s *session.Session, g *guest.Guest) {
	t.Helper()
	reached := make(chan struct{})
	err := s.Quiesced(ctx, func(ctx context.Context, v *session.Stopped) error {
		cpu, err := v.StopCPU(ctx)
		if err != nil {
			return err
		}
		at := v.World.Symbols.Find("__show_regs")[0].Start
		return v.Target.WriteMemory(ctx, cpu, at, []byte{0xeb, 0xfe}) // jmp .
	})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(reached)
		_ = g.Run(ctx, "echo null > /proc/crashme", nil) // the CPU hangs
	}()
	t.Cleanup(func() { g.Close(); <-reached })
	if _, err := m.Console().WaitFor(ctx, 0, "BUG: kernel NULL pointer dereference"); err != nil {
		t.Fatal(err)
	}
}

// unfinished requires one report of an oops that says why it is incomplete.
func (e *events) unfinished(t *testing.T, why string) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, ev := range e.all {
		if ev.Kind != session.TrapHit {
			continue
		}
		r := ev.Crash.Report
		if r.Class != oops.Die || !strings.HasPrefix(firstFunc(r), "inner_deref") || len(r.Incomplete) == 0 {
			t.Errorf("class %s, first frame %s, incomplete %q", r.Class, firstFunc(r), r.Incomplete)
			return
		}
		wantInOrder(t, "what is missing", r.Incomplete[0], "the text of this crash: "+why)
		return
	}
	t.Errorf("no report: %+v", e.all)
}
