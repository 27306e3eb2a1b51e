//go:build qemu

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"ktrap/session/lab"
	"ktrap/session/vm"
)

// gdbOn runs ktrap gdb with gdb commands on a guest.
func gdbOn(t *testing.T, v *vm.VM, k *lab.Kernel, commands ...string) (out string, status int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	vmlinux, err := k.Path("vmlinux")
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"gdb", vmlinux, "--stub", v.GDBAddr(), "--listen", "localhost:0", "--report-dir", t.TempDir(), "--", "-nx", "-batch"}
	for _, c := range commands {
		args = append(args, "-ex", c)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), asKtrap+"=1")
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &text
	_ = cmd.Run() // the status is looked at
	return text.String(), cmd.ProcessState.ExitCode()
}

func TestGdbIsStartedOnTheKernelAndLeavesItRunning(t *testing.T) {
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
	out, status := gdbOn(t, v, k, "break scheduler_tick", "continue", "bt 2", "info line", "delete", "kill inferiors 1")
	for _, want := range []string{"hit Breakpoint 1, scheduler_tick", "#1 ", "update_process_times", "kernel/sched/core.c"} {
		if !strings.Contains(out, want) {
			t.Errorf("gdb does not say %q:\n%s", want, out)
		}
	}
	if status != exitDone {
		t.Errorf("status %d:\n%s", status, out)
	}
	if err := g.Run(t.Context(), "true", nil); err != nil {
		t.Errorf("the guest afterwards: %v", err)
	}
	// The guest's user space waits until gdb lets it run.
	crashed := make(chan error, 1)
	go func() { crashed <- g.Run(t.Context(), "sleep 3; echo warn > /proc/crashme", nil) }()
	out, status = gdbOn(t, v, k, "continue", "printf \"%s\\n\", linux_banner")
	if status != exitCrash || !strings.Contains(out, "Linux version "+k.Release) {
		t.Errorf("status %d:\n%s", status, out)
	}
	if err := <-crashed; err != nil {
		t.Error(fmt.Errorf("the guest after the crash: %w", err))
	}
}
