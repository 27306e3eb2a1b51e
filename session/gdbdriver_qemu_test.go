//go:build qemu

package session_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// gdbWait bounds one command: stock gdb needs half a minute of CPU for its
// first expression over a kernel without an index.
const gdbWait = 2 * time.Minute

const prompt = "(gdb) "

// gdb is a stock gdb behind pipes.
type gdb struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	done chan struct{} // closed when its output has ended

	mu   sync.Mutex // the copier appends, the test looks
	out  bytes.Buffer
	more chan struct{} // one slot: something was appended
	read int           // what was returned; owned by the test
}

// Write takes gdb's output.
func (g *gdb) Write(p []byte) (int, error) {
	g.mu.Lock()
	g.out.Write(p)
	g.mu.Unlock()
	select {
	case g.more <- struct{}{}:
	default:
	}
	return len(p), nil
}

// startGDB starts a gdb that knows nothing but args.
func startGDB(t *testing.T, args ...string) *gdb {
	t.Helper()
	return startProgram(t, "gdb", args...)
}

// startProgram starts a gdb by its name.
func startProgram(t *testing.T, program string, args ...string) *gdb {
	t.Helper()
	g := begin(t, program, append([]string{"-nx", "-q", "-ex", "set pagination off", "-ex", "set confirm off", "-ex", "set width 0"}, args...)...)
	g.until(t, prompt)
	return g
}

// begin starts a debugger and waits for nothing.
func begin(t *testing.T, program string, args ...string) *gdb {
	t.Helper()
	g := &gdb{cmd: exec.Command(program, args...), more: make(chan struct{}, 1), done: make(chan struct{})}
	g.cmd.Stdout, g.cmd.Stderr = g, g
	var err error
	if g.in, err = g.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := g.cmd.Start(); err != nil {
		t.Fatalf("the tag qemu is set, so %s must be there: %v", program, err)
	}
	go func() {
		_ = g.cmd.Wait() // killed or not: its output tells
		close(g.done)
	}()
	t.Cleanup(func() {
		g.kill()
		if t.Failed() {
			t.Logf("%s said:\n%s", program, g.out.String())
		}
	})
	return g
}

// kill ends gdb as the kernel's OOM killer would.
func (g *gdb) kill() {
	_ = g.cmd.Process.Kill() // it may have ended by itself
	<-g.done
}

// until waits for a text and returns what came up to its end.
func (g *gdb) until(t *testing.T, text string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), gdbWait)
	defer cancel()
	got, err := g.await(ctx, text)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// await waits for a text and returns what came up to its end. What was looked at is
// not looked at again: this process's time is that of ktrap in tables.
func (g *gdb) await(ctx context.Context, text string) (string, error) {
	for from := g.read; ; {
		g.mu.Lock()
		said := g.out.Bytes()
		if i := bytes.Index(said[from:], []byte(text)); i >= 0 {
			end := from + i + len(text)
			got := string(said[g.read:end])
			g.mu.Unlock()
			g.read = end
			return got, nil
		}
		from = max(g.read, len(said)-len(text)+1)
		g.mu.Unlock()
		select {
		case <-g.more:
			continue
		case <-g.done:
		case <-ctx.Done():
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		fresh := string(g.out.Bytes()[g.read:])
		if ctx.Err() == nil {
			return fresh, fmt.Errorf("gdb ended before it said %q: %q", text, fresh)
		}
		return fresh, fmt.Errorf("gdb did not say %q: %q", text, fresh)
	}
}

// send types a line and does not wait.
func (g *gdb) send(t *testing.T, format string, args ...any) {
	t.Helper()
	if _, err := fmt.Fprintf(g.in, format+"\n", args...); err != nil {
		t.Fatal(err)
	}
}

// do types a line and returns what gdb says to it.
func (g *gdb) do(t *testing.T, format string, args ...any) string {
	t.Helper()
	g.send(t, format, args...)
	return g.until(t, prompt)
}

// want types a line and requires texts in the answer, in that order.
func (g *gdb) want(t *testing.T, line string, texts ...string) string {
	t.Helper()
	got := g.do(t, "%s", line)
	wantInOrder(t, line, got, texts...)
	return got
}

func wantInOrder(t *testing.T, what, got string, texts ...string) {
	t.Helper()
	rest := got
	for _, w := range texts {
		_, after, ok := strings.Cut(rest, w)
		if !ok {
			t.Fatalf("%s: no %q, or not in this place, in:\n%s", what, w, got)
		}
		rest = after
	}
}

// interrupt is Ctrl-C.
func (g *gdb) interrupt(t *testing.T) string {
	t.Helper()
	if err := g.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	return g.until(t, prompt)
}
