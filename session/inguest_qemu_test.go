//go:build qemu

package session_test

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ktrap/session/guest"
)

// firstLine takes a program's output and passes its first line on.
type firstLine struct {
	text bytes.Buffer
	line chan string // has room for it
}

// Write takes output.
func (f *firstLine) Write(p []byte) (int, error) {
	before := bytes.Count(f.text.Bytes(), []byte("\n"))
	f.text.Write(p)
	if line, _, whole := strings.Cut(f.text.String(), "\n"); whole && before == 0 {
		f.line <- line
	}
	return len(p), nil
}

// inGuest builds a program of testdata/tasks, starts it in the guest, where it ends
// with the test, and gives the line that it says when it is ready.
func inGuest(ctx context.Context, t *testing.T, g *guest.Guest, name string, args ...string) string {
	t.Helper()
	source, err := filepath.Abs("../testdata/tasks/" + name + ".c")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), name)
	if out, err := exec.CommandContext(ctx, "gcc", "-O1", "-static", "-pthread", "-o", program, source).CombinedOutput(); err != nil {
		t.Fatalf("the tag qemu is set, so a C compiler must be there: %v: %s", err, out)
	}
	if err := g.CopyFile(ctx, program, "/tmp/"+name); err != nil {
		t.Fatal(err)
	}
	out := &firstLine{line: make(chan string, 1)}
	ended := make(chan error, 1)
	command := strings.Join(append([]string{"/tmp/" + name}, args...), " ")
	go func() { ended <- g.Run(ctx, command, &guest.RunOptions{Stdout: out, Stderr: out}) }()
	t.Cleanup(func() { g.Close(); <-ended })
	select {
	case line := <-out.line:
		return line
	case err := <-ended:
		t.Fatalf("%s in the guest ended: %v", command, err)
	case <-ctx.Done():
		t.Fatalf("%s in the guest: %v", command, ctx.Err())
	}
	return ""
}
