//go:build qemu

package session_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ktrap/rsp"
	"ktrap/session"
	"ktrap/session/guest"
	"ktrap/symbols/addr"
)

// events keeps what a session says.
type events struct {
	mu  sync.Mutex // the loop appends, the test looks
	all []session.Event
}

func (e *events) add(ev session.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, ev)
}

// count tells how many events of a kind have a text.
func (e *events) count(kind session.EventKind, text string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, ev := range e.all {
		if ev.Kind == kind && strings.Contains(ev.Text, text) {
			n++
		}
	}
	return n
}

// wait waits for an event of a kind whose text has a part.
func (e *events) wait(ctx context.Context, t *testing.T, kind session.EventKind, text string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for e.count(kind, text) == 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("no event %s %q in %+v", kind, text, e.all)
		}
	}
}

// heard adds a listener to options.
func heard(o *session.Options) *events {
	var e events
	o.OnEvent = e.add
	return &e
}

// fullDisk gives a folder on a file system without room for a report.
func fullDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=8k"); err != nil {
		t.Skipf("a full disk needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return filepath.Join(dir, "reports")
}

// running is a guest that runs by itself and answers SSH.
type running struct {
	*machine
	ssh *guest.Guest
}

// up boots a guest with no ktrap attached.
func up(t *testing.T, series string) *running {
	t.Helper()
	m := boot(t, series, nil)
	if err := m.QMP().Cont(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), bootWait)
	defer cancel()
	g, err := guest.Wait(ctx, m.kernel.GuestOptions(m.VM))
	if err != nil {
		t.Fatalf("reach the guest: %v", err)
	}
	t.Cleanup(func() { g.Close() })
	return &running{m, g}
}

// answerWait is more than any command of these tests takes.
const answerWait = 30 * time.Second

// do runs a command in the guest and returns what it printed. A guest that does not answer in answerWait is
// described: one that stands would keep the test until its time limit.
func (r *running) do(t *testing.T, command string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), answerWait)
	defer cancel()
	out, err := r.ssh.Output(ctx, command)
	if !errors.Is(err, context.DeadlineExceeded) {
		return string(out), err
	}
	status, statusErr := r.QMP().Status(t.Context())
	if statusErr != nil {
		return "", errors.Join(err, statusErr)
	}
	cpus, regsErr := r.QMP().Monitor(t.Context(), "info registers -a")
	return "", errors.Join(fmt.Errorf("%w: QEMU says that the guest is %q:\n%s", err, status, cpus), regsErr)
}

// kill ends QEMU as the kernel's OOM killer would, and waits for its end.
func (m *machine) kill() error {
	if err := syscall.Kill(m.Pid(), syscall.SIGKILL); err != nil {
		return err
	}
	<-m.Done()
	return nil
}

// runs requires that the guest's clock advances.
func (r *running) runs(t *testing.T) {
	t.Helper()
	first := ""
	for range 100 {
		now, err := r.do(t, "cat /proc/uptime")
		if err != nil {
			t.Fatalf("the guest does not run on: %v", err)
		}
		if first != "" && now != first {
			return
		}
		first = now
	}
	t.Errorf("the guest's uptime stays %s", first)
}

// noBreakpoints lets the guest warn under a debugger that sets nothing and asks
// nothing: QEMU would drop left-over breakpoints at the question ?.
func (r *running) noBreakpoints(t *testing.T) {
	t.Helper()
	conn, err := rsp.Dial(t.Context(), r.GDBAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	write(t, conn, "$qC#b4") // QEMU has stopped for a debugger, and said so before 8.1
	for packet := ""; !strings.HasPrefix(packet, "$QC"); packet = nextPacket(t, in) {
	}
	write(t, conn, "+$c#63")
	if _, err := r.do(t, "echo warn > /proc/crashme"); err != nil {
		t.Fatalf("a breakpoint was left behind: %v", err)
	}
	write(t, conn, "\x03")
	wantPacket(t, in, "$T02") // not T05
	write(t, conn, "+"+string(rsp.AppendPacket(nil, []byte("D;1"))))
	wantPacket(t, in, "$OK")
}

func write(t *testing.T, w io.Writer, wire string) {
	t.Helper()
	if _, err := io.WriteString(w, wire); err != nil {
		t.Fatal(err)
	}
}

// wantPacket requires that the next packet begins so.
func wantPacket(t *testing.T, r *bufio.Reader, begin string) {
	t.Helper()
	if got := nextPacket(t, r); !strings.HasPrefix(got, begin) {
		t.Fatalf("packet %q, want %q", got, begin)
	}
}

// nextPacket reads a packet without its checksum: "$OK#".
func nextPacket(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	got, err := r.ReadString('#')
	if err != nil {
		t.Fatalf("packet %q: %v", got, err)
	}
	return strings.TrimLeft(got, "+0123456789abcdef")
}

// killedDebugger sets a breakpoint and goes away without a word. QEMU keeps the
// breakpoint, and the guest paused.
func (r *running) killedDebugger(t *testing.T, at addr.Addr) {
	t.Helper()
	conn, err := rsp.Dial(t.Context(), r.GDBAddr())
	if err != nil {
		t.Fatal(err)
	}
	c := rsp.NewClient(conn, nil)
	var reader sync.WaitGroup
	reader.Go(func() { _ = c.Run() })
	defer reader.Wait()
	defer c.Close()
	if _, err := c.Handshake(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Insert(t.Context(), rsp.SoftwareBreak, uint64(at), 1); err != nil {
		t.Fatal(err)
	}
}

// noisyLine is a stub's address behind which one reply, the n-th, is handed to
// spoil on its way; spoil returns what is passed on, and false to hang up then.
func noisyLine(t *testing.T, stub string, n int, spoil func(packet []byte) ([]byte, bool)) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { l.Close(); wg.Wait() })
	wg.Go(func() {
		near, err := l.Accept()
		if err != nil {
			return
		}
		defer near.Close()
		far, err := net.Dial("unix", stub)
		if err != nil {
			return
		}
		wg.Go(func() {
			_, _ = io.Copy(far, near) // ends with either end
			far.Close()
		})
		carry(near, far, n, spoil)
		far.Close()
	})
	return "unix:" + path
}

// carry passes packets on until an end closes.
func carry(to io.Writer, from io.Reader, n int, spoil func([]byte) ([]byte, bool)) {
	in := bufio.NewReader(from)
	for i := 1; ; i++ {
		packet, err := in.ReadBytes('#')
		if err != nil {
			return
		}
		sum := make([]byte, 2)
		if _, err := io.ReadFull(in, sum); err != nil {
			return
		}
		packet, goOn := append(packet, sum...), true
		if i == n {
			packet, goOn = spoil(packet)
		}
		if _, err := to.Write(packet); err != nil || !goOn {
			return
		}
	}
}
