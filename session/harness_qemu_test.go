//go:build qemu

package session_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"ktrap/rsp"
	"ktrap/session"
	"ktrap/session/guest"
	"ktrap/session/lab"
	"ktrap/session/vm"
)

// bootWait bounds everything a test waits for in one guest.
const bootWait = 4 * time.Minute

// machine is one lab guest under test.
type machine struct {
	*vm.VM
	kernel *lab.Kernel
}

// prepared gives a lab kernel, preparing it if need be.
func prepared(t *testing.T, series string) *lab.Kernel {
	t.Helper()
	l, err := lab.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	k, err := l.Prepare(t.Context(), series, nil)
	if err != nil {
		t.Fatalf("the tag qemu is set, so the lab must be there: %v", err)
	}
	return k
}

// boot starts a lab guest, stopped at its first instruction. change may alter
// the machine first.
func boot(t *testing.T, series string, change func(*vm.Options)) *machine {
	t.Helper()
	k := prepared(t, series)
	o := k.VMOptions()
	o.Paused = true
	if change != nil {
		change(o)
	}
	v, err := vm.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%q", v.Args())
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("console:\n%s", v.Console().Tail(8<<10))
		}
		if err := v.Close(); err != nil {
			t.Errorf("close the VM: %v", err)
		}
	})
	return &machine{v, k}
}

// saysNoStop reports whether this is a QEMU (8.1 or newer) that sends no stop at connect.
func (m *machine) saysNoStop(t *testing.T) bool {
	t.Helper()
	var v struct{ QEMU struct{ Major, Minor int } }
	if err := m.QMP().Do(t.Context(), "query-version", nil, &v); err != nil {
		t.Fatal(err)
	}
	return v.QEMU.Major > 8 || v.QEMU.Major == 8 && v.QEMU.Minor > 0
}

// options are those of a session on the machine.
func (m *machine) options(t *testing.T) *session.Options {
	t.Helper()
	o := &session.Options{Stub: m.GDBAddr(), Log: testLog(t), Console: func() []byte { return m.Console().Tail(64 << 10) }}
	for name, to := range map[string]func(string){
		"vmlinux": func(p string) { o.Vmlinux = p },
		"modules": func(p string) { o.ModuleDirs = []string{p} },
	} {
		path, err := m.kernel.Path(name)
		if err != nil {
			t.Fatal(err)
		}
		to(path)
	}
	return o
}

// testLog shows everything that a session does when KTRAP_TEST_LOG is set.
func testLog(t *testing.T) *slog.Logger {
	if os.Getenv("KTRAP_TEST_LOG") == "" {
		return nil
	}
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// run opens a session for the length of f.
func run(t *testing.T, o *session.Options, f func(ctx context.Context, s *session.Session)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bootWait)
	defer cancel()
	err := session.Run(ctx, o, func(ctx context.Context, s *session.Session) error {
		f(ctx, s)
		return nil
	})
	if err != nil {
		t.Errorf("session: %v", err)
	}
}

// resume lets the guest run, whether or not it does already.
func resume(ctx context.Context, t *testing.T, s *session.Session) {
	t.Helper()
	if err := s.Continue(ctx); err != nil && !errors.Is(err, rsp.ErrRunning) {
		t.Fatal(err)
	}
}

// login lets the guest run until its SSH answers. A guest that crashes before
// never answers. One that crashes at a stale int3 boots once more: QEMU 7.2 (TCG) runs
// one now and then, in 1 of some 200 boots, while the kernel patches itself.
func (m *machine) login(ctx context.Context, t *testing.T, s *session.Session) *guest.Guest {
	t.Helper()
	g, err := m.tryLogin(ctx, t, s)
	if err != nil && strings.Contains(err.Error(), "it crashed: int3 in ") {
		t.Logf("booted once more: %v", err)
		if err := m.QMP().Do(ctx, "system_reset", nil, nil); err != nil {
			t.Fatal(err)
		}
		g, err = m.tryLogin(ctx, t, s)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}

func (m *machine) tryLogin(ctx context.Context, t *testing.T, s *session.Session) (*guest.Guest, error) {
	t.Helper()
	resume(ctx, t, s)
	waiting, cancel := context.WithCancelCause(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		if stop, err := s.Wait(waiting); err == nil && stop.Crash != nil {
			cancel(fmt.Errorf("it crashed: %s\n%s", stop.Crash.Report.Title, stop.Crash.Report.Log))
		}
	}()
	g, err := guest.Wait(waiting, m.kernel.GuestOptions(m.VM))
	cancel(nil)
	<-watched
	if err != nil {
		return nil, fmt.Errorf("reach the guest: %w (%w)", err, context.Cause(waiting))
	}
	return g, nil
}

// crash runs a keyword of the crash module and returns the stop.
func (m *machine) crash(ctx context.Context, t *testing.T, s *session.Session, keyword string) session.Stop {
	t.Helper()
	g := m.login(ctx, t, s)
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx, "echo "+keyword+" > /proc/crashme", nil) }()
	t.Cleanup(func() { g.Close(); <-ended })
	stop, err := s.Wait(ctx)
	if err != nil {
		t.Fatalf("wait for the crash %q: %v", keyword, err)
	}
	if stop.Crash == nil {
		t.Fatalf("the guest stopped at %v without a report (signal %d)", stop.PC, stop.Reply.Signal)
	}
	return stop
}
