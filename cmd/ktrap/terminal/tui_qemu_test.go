//go:build qemu

package terminal

import (
	"strings"
	"testing"

	"ktrap/session/lab"
	"ktrap/session/vm"
)

func TestAPersonUsesGDBsWindows(t *testing.T) {
	l, err := lab.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	k, err := l.Prepare(t.Context(), "6.1", nil)
	if err != nil {
		t.Fatal(err)
	}
	v, err := vm.Start(t.Context(), k.VMOptions())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	g, err := k.WaitReady(t.Context(), v, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	vmlinux, err := k.Path("vmlinux")
	if err != nil {
		t.Fatal(err)
	}
	const gdbPrompt = "(gdb) "
	y := onTTY(t, "gdb", vmlinux, "--stub", v.GDBAddr(), "--listen", "localhost:0", "--report-dir", "", "--", "-nx", "--tui",
		"-iex", "set pagination off", "-iex", "set confirm off", "-iex", "set debuginfod enabled off")
	y.until(gdbPrompt)
	y.keys("break scheduler_tick\r")
	y.until("Breakpoint 1 at")
	y.until(gdbPrompt)
	y.keys("continue\r")
	if screen := y.until("hit Breakpoint 1") + y.until(gdbPrompt); !strings.Contains(screen, "kernel/sched/core.c") {
		t.Errorf("the source window does not name its file: %q", screen)
	}
	y.keys("layout asm\r")
	y.until("scheduler_tick")
	y.until(gdbPrompt)
	y.keys("delete\r")
	y.until(gdbPrompt)
	y.keys("continue\r")
	y.until("Continuing")
	y.keys(ctrlC)
	y.until("SIGINT")
	y.until(gdbPrompt)
	// Ctrl-C while gdb looks at the stacks of all tasks, again and again. Its windows
	// show the end of what it says.
	y.keys("while 1\rthread apply all -q bt\rprintf \"round %d\\n\", 41 + 1\rend\r")
	y.until("round 42")
	y.keys(ctrlC)
	y.until("Quit")
	y.until(gdbPrompt)
	y.keys("printf \"%d\\n\", 4200 + 42\r")
	y.until("4242")
	y.until(gdbPrompt)
	y.keys("quit\r")
	if got := y.status(); got != 0 {
		t.Errorf("quit ended with status %d, want 0", got)
	}
	if err := g.Run(t.Context(), "true", nil); err != nil {
		t.Errorf("the guest afterwards: %v", err)
	}
}
