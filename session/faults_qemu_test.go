//go:build qemu

package session_test

import (
	"context"
	"errors"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ktrap/rsp"
	"ktrap/session"
	"ktrap/session/kernel"
	"ktrap/symbols/addr"
	"ktrap/symbols/oops"
)

// open runs a session that must fail before its front, and returns the error.
func open(t *testing.T, o *session.Options) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bootWait)
	defer cancel()
	return session.Run(ctx, o, func(context.Context, *session.Session) error {
		t.Error("the front was called")
		return nil
	})
}

// wantMessage requires an error that says each of texts.
func wantMessage(t *testing.T, err error, texts ...string) {
	t.Helper()
	for _, w := range texts {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("error %v, want %q in it", err, w)
		}
	}
}

func TestAStubThatIsNotThereIsSaidWithWhatToDo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "no.sock")
	wantMessage(t, open(t, &session.Options{Stub: "unix:" + path}), "connect to stub", "nothing listens", "-gdb unix:"+path)
}

func TestAStubThatAnotherDebuggerHoldsIsSaid(t *testing.T) {
	m := up(t, "6.1")
	conn, err := rsp.Dial(t.Context(), m.GDBAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	wantMessage(t, open(t, m.options(t)), "another debugger holds the stub")
}

func TestAPortInUseIsSaidBeforeTheGuestIsTouched(t *testing.T) {
	m := up(t, "6.1")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	o := m.options(t)
	o.Listen = l.Addr().String()
	wantMessage(t, open(t, o), "address already in use", "choose one with --listen")
	m.runs(t)
}

func TestAWrongVmlinuxIsRefusedAndTheGuestLeftAsItWas(t *testing.T) {
	m := up(t, "6.1")
	o := m.options(t)
	right := o.Vmlinux
	other, err := prepared(t, "6.12").Path("vmlinux")
	if err != nil {
		t.Fatal(err)
	}
	o.Vmlinux = other
	err = open(t, o)
	mismatch, ok := errors.AsType[*kernel.MismatchError](err)
	if !ok || mismatch.FileID == "" || mismatch.GuestID == "" || mismatch.FileID == mismatch.GuestID {
		t.Fatalf("error %v (%+v)", err, mismatch)
	}
	wantMessage(t, err, mismatch.FileID, mismatch.GuestID, "--force")
	m.runs(t)
	m.noBreakpoints(t)
	if m.saysNoStop(t) {
		t.Skip("NOT RUN: this QEMU does not tell a guest that it stops for ktrap from one that somebody has stopped")
	}
	if err := m.QMP().Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, ok := errors.AsType[*kernel.MismatchError](open(t, o)); !ok {
		t.Error("not refused the second time")
	}
	if status, err := m.QMP().Status(t.Context()); err != nil || status != "paused" {
		t.Errorf("a guest that was paused is %q now (%v)", status, err)
	}
	o.Vmlinux = right
	run(t, o, func(context.Context, *session.Session) {})
}

func TestWithoutAVmlinuxNamedOneIsFoundAndSaid(t *testing.T) {
	m := up(t, "6.12")
	o := m.options(t)
	want := o.Vmlinux
	o.Vmlinux = ""
	said := heard(o)
	run(t, o, func(ctx context.Context, s *session.Session) {
		said.wait(ctx, t, session.Ready, "Linux 6.12")
		said.wait(ctx, t, session.Note, "vmlinux: "+want)
	})
}

func TestAVmlinuxWithoutDebugInfoWorksBySymbolsAndSaysSo(t *testing.T) {
	m := boot(t, "6.1", nil)
	o := m.options(t)
	stripped := filepath.Join(t.TempDir(), "vmlinux")
	if out, err := exec.Command("objcopy", "--strip-debug", o.Vmlinux, stripped).CombinedOutput(); err != nil {
		t.Fatalf("objcopy: %v: %s", err, out)
	}
	o.Vmlinux, o.ModuleDirs = stripped, []string{t.TempDir()}
	said := heard(o)
	run(t, o, func(ctx context.Context, s *session.Session) {
		r := m.crash(ctx, t, s, "bug").Crash.Report
		said.wait(ctx, t, session.Note, "has no debug information")
		if r.Class != oops.BUG || !strings.Contains(r.Title, "c_bug") || len(r.Frames) < 5 {
			t.Errorf("report %q, class %s, %d frames", r.Title, r.Class, len(r.Frames))
		}
		if !strings.Contains(strings.Join(r.Incomplete, "\n"), "no debug information") {
			t.Errorf("the report does not say what is missing: %q", r.Incomplete)
		}
	})
}

func TestAStubThatDiesMidSessionEndsItWithAMessage(t *testing.T) {
	m := boot(t, "6.1", nil)
	o := m.options(t)
	said := heard(o)
	ctx, cancel := context.WithTimeout(t.Context(), bootWait)
	defer cancel()
	err := session.Run(ctx, o, func(ctx context.Context, s *session.Session) error {
		m.login(ctx, t, s)
		if err := m.kill(); err != nil {
			t.Fatal(err)
		}
		return s.UntilLost(ctx)
	})
	if !errors.Is(err, rsp.ErrClosed) {
		t.Errorf("error %v, want ErrClosed", err)
	}
	wantMessage(t, err, "stub closed the connection")
	if said.count(session.StubGone, "") != 1 {
		t.Errorf("events %+v", said.all)
	}
}

func TestAStubThatDiesInsideAnInspectionEndsTheSession(t *testing.T) {
	m := boot(t, "6.1", nil)
	ctx, cancel := context.WithTimeout(t.Context(), bootWait)
	defer cancel()
	err := session.Run(ctx, m.options(t), func(ctx context.Context, s *session.Session) error {
		m.login(ctx, t, s)
		return s.Quiesced(ctx, func(ctx context.Context, v *session.Stopped) error {
			if err := m.kill(); err != nil {
				t.Fatal(err)
			}
			for { // until the link's end is noticed
				if _, err := v.Monitor(ctx, "info status"); err != nil {
					return err
				}
			}
		})
	})
	if !errors.Is(err, rsp.ErrClosed) {
		t.Errorf("error %v, want ErrClosed", err)
	}
}

func TestCancellingInTheMidstOfAnInspectionLeavesTheGuestRunning(t *testing.T) {
	m := up(t, "6.1")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := session.Run(ctx, m.options(t), func(ctx context.Context, s *session.Session) error {
		return s.Quiesced(ctx, func(ctx context.Context, v *session.Stopped) error {
			cancel()
			<-ctx.Done()
			_, err := v.Monitor(ctx, "info registers")
			return err
		})
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	m.runs(t)
	m.noBreakpoints(t)
}

func TestOwnPanicsLeaveTheGuestRunningWithoutBreakpoints(t *testing.T) {
	m := up(t, "6.1")
	for _, where := range []string{"a job", "session loop"} {
		t.Run(where, func(t *testing.T) {
			o := m.options(t)
			o.Listen = "127.0.0.1:0"
			o.OnEvent = func(e session.Event) { // runs on the loop
				if e.Kind == session.ClientHas {
					panic("on purpose")
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), bootWait)
			defer cancel()
			err := session.Run(ctx, o, func(ctx context.Context, s *session.Session) error {
				if where == "a job" {
					return s.Quiesced(ctx, func(context.Context, *session.Stopped) error { panic("on purpose") })
				}
				conn, err := net.Dial("tcp", s.ListenAddr())
				if err != nil {
					return err
				}
				defer conn.Close()
				if _, err := conn.Write([]byte("$?#3f")); err != nil { // a client is who speaks
					return err
				}
				return s.UntilLost(ctx)
			})
			wantMessage(t, err, "ktrap bug: "+where, "on purpose")
			m.runs(t)
			m.noBreakpoints(t)
		})
	}
}

func TestAFullDiskCostsTheReportDirectoryNotTheReport(t *testing.T) {
	m := boot(t, "6.1", nil)
	o := m.options(t)
	o.ReportDir = fullDisk(t)
	said := heard(o)
	run(t, o, func(ctx context.Context, s *session.Session) {
		crash := m.crash(ctx, t, s, "warn").Crash
		said.wait(ctx, t, session.Note, "no space left on device")
		if crash.Report.Title != "WARNING in c_warn" {
			t.Errorf("title %q", crash.Report.Title)
		}
		if !strings.Contains(strings.Join(crash.Report.Incomplete, "\n"), "report directory") {
			t.Errorf("incomplete %q", crash.Report.Incomplete)
		}
	})
}

func TestBreakpointsOfAKilledDebuggerAreRemoved(t *testing.T) {
	m := up(t, "6.1")
	o := m.options(t)
	o.StayPaused = true
	var at addr.Addr
	run(t, o, func(ctx context.Context, s *session.Session) {
		if err := s.Quiesced(ctx, func(_ context.Context, v *session.Stopped) error {
			at = v.World.Symbols.Find("vfs_write")[0].Start
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	})
	m.killedDebugger(t, at)
	o.StayPaused = false
	run(t, o, func(ctx context.Context, s *session.Session) {
		resume(ctx, t, s)
		uptime(ctx, t, m.ssh) // its SSH server writes
		if !s.Running() {
			t.Error("the breakpoint of the killed debugger was hit")
		}
		if class := m.crash(ctx, t, s, "warn").Crash.Report.Class; class != oops.WARN {
			t.Errorf("class %s", class)
		}
	})
}
