//go:build qemu

package session_test

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// program is ktrap itself, as `ktrap serve`.
type program struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
}

// built builds ktrap.
func built(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ktrap")
	if out, err := exec.Command("go", "build", "-o", path, "ktrap/cmd/ktrap").CombinedOutput(); err != nil {
		t.Fatalf("build ktrap: %v: %s", err, out)
	}
	return path
}

// serve starts `ktrap serve` on a guest.
func (r *running) serve(t *testing.T, path string) *program {
	t.Helper()
	vmlinux, err := r.kernel.Path("vmlinux")
	if err != nil {
		t.Fatal(err)
	}
	p := &program{cmd: exec.Command(path, "serve", vmlinux, "--stub", r.GDBAddr(), "--listen", "127.0.0.1:0", "--report-dir", t.TempDir())}
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it has ended, or the test has failed
		_ = p.cmd.Wait()
	})
	p.lines = bufio.NewScanner(out)
	return p
}

// until reads events up to one of a kind, "exit" included.
func (p *program) until(t *testing.T, kind string) map[string]any {
	t.Helper()
	late := time.AfterFunc(time.Minute, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	for p.lines.Scan() {
		var e map[string]any
		if err := json.Unmarshal(p.lines.Bytes(), &e); err != nil {
			t.Fatalf("%q: %v", p.lines.Bytes(), err)
		}
		t.Logf("%s", p.lines.Bytes())
		if e["event"] == kind {
			return e
		}
	}
	t.Fatalf("ktrap ended before event %q", kind)
	return nil
}

// terminate asks the program to end and requires that it says so.
func (p *program) terminate(t *testing.T, s syscall.Signal, status float64) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	if e := p.until(t, "exit"); e["status"] != status {
		t.Errorf("exit event %v, want status %v", e, status)
	}
	_ = p.cmd.Wait() // its status is checked next
	if got := p.cmd.ProcessState.ExitCode(); got != int(status) {
		t.Errorf("exit status %d, want %v", got, status)
	}
}

func TestSIGTERMLeavesTheGuestRunningWithoutBreakpoints(t *testing.T) {
	m := up(t, "6.1")
	path := built(t)
	status := 0.0
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		p := m.serve(t, path)
		p.until(t, "ready")
		m.runs(t)
		p.terminate(t, s, status)
		m.runs(t)
		m.noBreakpoints(t)
		status = 3 // its warning is in the log from now on
	}
}

func TestAKtrapThatWasKilledIsStartedAgainAndItsTrapsWork(t *testing.T) {
	m := up(t, "6.1")
	path := built(t)
	p := m.serve(t, path)
	p.until(t, "ready")
	m.runs(t)
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Wait() // killed
	p = m.serve(t, path)
	p.until(t, "ready")
	m.runs(t)
	warned := make(chan error, 1)
	go func() { warned <- m.ssh.Run(t.Context(), "echo warn > /proc/crashme", nil) }()
	if e := p.until(t, "trap"); e["class"] != "warn" || e["stops"] != true {
		t.Errorf("event %v", e)
	}
	p.terminate(t, syscall.SIGTERM, 3)
	if err := <-warned; err != nil {
		t.Errorf("the guest did not go on after the warning: %v", err)
	}
	m.runs(t)
	m.noBreakpoints(t)
}
