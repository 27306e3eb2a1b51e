//go:build qemu

package repro

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ktrap/session"
	"ktrap/session/guest"
	"ktrap/session/lab"
	"ktrap/session/report"
	"ktrap/symbols/oops"
)

// classicWait bounds one boot of the kernel with sanitizers, and its crash.
const classicWait = 8 * time.Minute

// classic is a VM as people start it by hand: q35, e1000, a disk image.
type classic struct {
	kernel    *lab.Kernel
	image     string
	stub, ssh string // HOST:PORT
	cmd       *exec.Cmd
	console   *watched
}

// startClassic runs QEMU with the boot line of the classic workflow.
func startClassic(t *testing.T) *classic {
	t.Helper()
	l, err := lab.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Kernel(lab.KASANSeries); err != nil && os.Getenv("KTRAP_LAB_KASAN") == "" {
		t.Skipf("NOT RUN: KTRAP_LAB_KASAN names no kernel with sanitizers (%v)", err)
	}
	k, err := l.Prepare(t.Context(), lab.KASANSeries, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &classic{kernel: k, image: filepath.Join(t.TempDir(), "disk.img"), console: &watched{}}
	if err := l.BuildImage(t.Context(), c.image, k); err != nil {
		t.Fatal(err)
	}
	c.stub, c.ssh = freePort(t), freePort(t)
	c.cmd = exec.Command("qemu-system-x86_64", "-machine", "q35", "-m", "1G", "-smp", "2",
		"-kernel", c.path(t, "bzImage"), "-append", "root=/dev/sda console=ttyS0 net.ifnames=0 kfence.sample_interval=0",
		"-net", "nic,model=e1000", "-net", "user,hostfwd=tcp:"+c.ssh+"-:22",
		"-drive", "file="+c.image+",format=raw", "-snapshot",
		"-gdb", "tcp:"+c.stub, // -s, on a port that is free
		"-display", "none", "-serial", "stdio")
	c.cmd.Stdout, c.cmd.Stderr = c.console, c.console
	t.Logf("%q", c.cmd.Args)
	if err := c.cmd.Start(); err != nil {
		t.Fatalf("the tag qemu is set, so QEMU must be there: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("console:\n%s", c.console.end())
		}
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait() // its error is that it was killed
	})
	return c
}

func (c *classic) path(t *testing.T, name string) string {
	t.Helper()
	p, err := c.kernel.Path(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// freePort finds a loopback port that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (c *classic) guestOptions(t *testing.T) *guest.Options {
	t.Helper()
	return &guest.Options{Addr: c.ssh, Key: c.path(t, "key")}
}

// open opens a session on the VM, once its stub listens.
func (c *classic) open(t *testing.T, reports string, front func(context.Context, *session.Session)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), classicWait)
	defer cancel()
	o := &session.Options{Stub: c.stub, ReportDir: reports, Vmlinux: c.path(t, "vmlinux"), ModuleDirs: []string{c.path(t, "modules")}}
	err := session.Run(ctx, o, func(ctx context.Context, s *session.Session) error {
		front(ctx, s)
		return nil
	})
	if err != nil {
		t.Fatalf("session: %v", err)
	}
}

func TestAVMStartedByHandCrashesUnderACReproducer(t *testing.T) {
	needCompiler(t)
	c := startClassic(t)
	if err := c.console.waitFor(t.Context(), lab.ReadyMarker); err != nil {
		t.Fatal(err)
	}
	r, err := New(t.Context(), "testdata/uaf.c", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	reports := t.TempDir()
	var res Result
	c.open(t, reports, func(ctx context.Context, s *session.Session) {
		res = Attempt(ctx, s, r, &Options{Guest: c.guestOptions(t), Timeout: 2 * time.Minute})
	})
	if res.Verdict != Crashed {
		t.Fatalf("verdict %s: %v", res.Verdict, res.Err)
	}
	if res.Crash.Report.Class != oops.KASAN || !strings.HasPrefix(res.Crash.Report.Title, "KASAN: slab-use-after-free Read in ") {
		t.Errorf("class %s, title %q", res.Crash.Report.Class, res.Crash.Report.Title)
	}
	saved, err := report.Read(res.Crash.Path)
	if err != nil || saved.Title != res.Crash.Report.Title || !strings.Contains(saved.Log, "Freed by task") {
		t.Errorf("the report in %s: %v", res.Crash.Path, err)
	}
	panicAndAttach(t, c)
}

// panicAndAttach lets the same VM panic while nobody is attached, and attaches.
func panicAndAttach(t *testing.T, c *classic) {
	t.Helper()
	g, err := guest.Wait(t.Context(), c.guestOptions(t))
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	dead, give := context.WithCancel(t.Context())
	defer give()
	gone := make(chan error, 1)
	go func() { gone <- g.Run(dead, "echo panic > /proc/crashme", nil) }()
	if err := c.console.waitFor(t.Context(), "---[ end Kernel panic"); err != nil {
		t.Fatal(err)
	}
	give()
	<-gone
	ran := false
	c.open(t, "", func(ctx context.Context, s *session.Session) {
		began := time.Now()
		res := Attempt(ctx, s, &Reproducer{Name: "never run", Command: "false"}, &Options{
			Guest: c.guestOptions(t), Say: func(string) { ran = true },
		})
		if res.Verdict != Crashed || !res.Earlier || time.Since(began) > time.Second {
			t.Errorf("verdict %s after %v: %v", res.Verdict, time.Since(began), res.Err)
			return
		}
		if r := res.Crash.Report; r.Class != oops.Panic || !strings.Contains(r.Title, "crashme asked for a panic") {
			t.Errorf("class %s, title %q", r.Class, r.Title)
		}
	})
	if ran {
		t.Error("the reproducer was run in a guest that has panicked")
	}
}

func TestAVMStartedByHandThatDiesIsNoCrash(t *testing.T) {
	c := startClassic(t)
	if err := c.console.waitFor(t.Context(), "Linux version"); err != nil {
		t.Fatal(err)
	}
	c.open(t, "", func(ctx context.Context, s *session.Session) {
		res := Attempt(ctx, s, &Reproducer{Name: "sleep", Command: "sleep 1000"}, &Options{
			Guest: c.guestOptions(t),
			Say:   func(string) { _ = c.cmd.Process.Kill() },
		})
		if res.Verdict != Infra || res.Err == nil || errors.Is(res.Err, context.DeadlineExceeded) {
			t.Errorf("verdict %s: %v", res.Verdict, res.Err)
		}
	})
}

// watched keeps what a console printed and tells when a text has come.
type watched struct {
	mu   sync.Mutex // exec's copier writes, the test reads
	text bytes.Buffer
	more chan struct{} // closed and forgotten at each arrival
}

// Write takes over a piece of output.
func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.more != nil {
		close(w.more)
		w.more = nil
	}
	return w.text.Write(p)
}

func (w *watched) waitFor(ctx context.Context, text string) error {
	ctx, cancel := context.WithTimeout(ctx, classicWait)
	defer cancel()
	for {
		w.mu.Lock()
		found := bytes.Contains(w.text.Bytes(), []byte(text))
		if w.more == nil {
			w.more = make(chan struct{})
		}
		more := w.more
		w.mu.Unlock()
		if found {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return fmt.Errorf("wait for %q on the console: %w", text, ctx.Err())
		}
	}
}

// end gives the last lines.
func (w *watched) end() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := w.text.Bytes()
	return bytes.Clone(b[max(0, len(b)-8<<10):])
}
