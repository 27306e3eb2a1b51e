//go:build qemu

package terminal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"ktrap/rsp"
	"ktrap/session"
	"ktrap/session/guest"
	"ktrap/session/lab"
	"ktrap/session/vm"
)

// liveWait bounds what a test waits for in one guest.
const liveWait = 2 * time.Minute

// live is a terminal on a lab guest whose user space is up.
type live struct {
	t     *testing.T
	ctx   context.Context
	s     *session.Session
	guest *guest.Guest
	in    io.Writer
	out   *bufio.Reader
	mark  int
}

// onLive boots a lab kernel, opens a terminal on it and lets f type. It returns
// what Run did.
func onLive(t *testing.T, series string, f func(*live)) (ended error) {
	t.Helper()
	onHalted(t, series, nil, func(ctx context.Context, s *session.Session, k *lab.Kernel, v *vm.VM) error {
		if err := s.Continue(ctx); err != nil && !errors.Is(err, rsp.ErrRunning) {
			return err
		}
		g, err := guest.Wait(ctx, k.GuestOptions(v))
		if err != nil {
			return fmt.Errorf("reach the guest: %w", err)
		}
		defer g.Close()
		ended = talk(ctx, t, s, g, f)
		return nil
	})
	return ended
}

// onHalted opens a session on a lab machine at its first instruction; adjust,
// which may be nil, changes what it is told.
func onHalted(t *testing.T, series string, adjust func(*session.Options), front func(context.Context, *session.Session, *lab.Kernel, *vm.VM) error) {
	t.Helper()
	k := prepared(t, series)
	ctx, cancel := context.WithTimeout(t.Context(), liveWait)
	defer cancel()
	o := k.VMOptions()
	o.Paused = true
	v, err := vm.Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	so := &session.Options{Stub: v.GDBAddr(), Vmlinux: pathOf(t, k, "vmlinux"), ModuleDirs: []string{pathOf(t, k, "modules")}}
	if adjust != nil {
		adjust(so)
	}
	err = session.Run(ctx, so, func(ctx context.Context, s *session.Session) error { return front(ctx, s, k, v) })
	if err != nil {
		t.Errorf("session: %v", err)
	}
}

// prepared gives a lab kernel; it may download, and that time is not the guest's.
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

func pathOf(t *testing.T, k *lab.Kernel, part string) string {
	t.Helper()
	path, err := k.Path(part)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// talk opens the terminal on two pipes.
func talk(ctx context.Context, t *testing.T, s *session.Session, g *guest.Guest, f func(*live)) (ended error) {
	inR, inW, err := os.Pipe() // with a buffer: the terminal may be printing while the test types
	if err != nil {
		t.Fatal(err)
	}
	outR, outW := io.Pipe()
	var terminal sync.WaitGroup
	terminal.Go(func() {
		ended = Run(ctx, s, &Options{In: inR, Out: outW, Err: outW})
		outW.Close()
	})
	defer inR.Close()
	defer terminal.Wait()
	defer inW.Close()
	defer outR.CloseWithError(io.ErrClosedPipe) // the terminal prints on into nothing
	f(&live{t: t, ctx: ctx, s: s, guest: g, in: inW, out: bufio.NewReader(outR)})
	return ended
}

// busy keeps a shell of the guest at work: it writes "hi\n" again and again.
func (l *live) busy() {
	l.t.Helper()
	l.background("while true; do echo hi > /tmp/x; cat /tmp/x > /dev/null; sleep 0.1; done")
}

// background starts a command in the guest that ends with the test.
func (l *live) background(command string) {
	l.t.Helper()
	ctx, cancel := context.WithCancel(l.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = l.guest.Run(ctx, command, nil) // it is cut off
	}()
	l.t.Cleanup(func() { cancel(); <-done })
}

// run types a command and returns what it printed. The guest must stand
// after it: a print with a number of its own marks the end.
func (l *live) run(command string) string {
	l.t.Helper()
	l.mark++
	end := fmt.Sprint(424200000 + l.mark)
	if _, err := fmt.Fprintf(l.in, "%s\nprint %s\n", command, end); err != nil {
		l.t.Fatalf("%s: the terminal has ended: %v\n%s", command, err, l.rest())
	}
	var b strings.Builder
	for {
		line, err := l.out.ReadString('\n')
		if strings.TrimSpace(line) == end {
			l.t.Logf("(ktrap) %s\n%s", command, b.String())
			return b.String()
		}
		b.WriteString(line)
		if err != nil {
			l.t.Fatalf("%s: the terminal ended: %v\n%s", command, err, b.String())
		}
	}
}

func (l *live) rest() string {
	b, _ := io.ReadAll(l.out)
	return string(b)
}

// want runs a command whose output must contain all of some texts.
func (l *live) want(command string, texts ...string) string {
	l.t.Helper()
	out := l.run(command)
	for _, w := range texts {
		if !strings.Contains(out, w) {
			l.t.Errorf("%s: %q is not in what it printed:\n%s", command, w, out)
		}
	}
	return out
}
