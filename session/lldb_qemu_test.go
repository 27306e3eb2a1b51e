//go:build qemu

package session_test

import (
	"context"
	"os/exec"
	"strings"
	"testing"

	"ktrap/session"
)

func TestLLDBBreaksContinuesAndShowsTheStack(t *testing.T) {
	program, err := exec.LookPath("lldb")
	if err != nil {
		t.Skip("NOT RUN: there is no lldb here (apt-get install lldb)")
	}
	m := boot(t, "6.1", nil)
	o := m.options(t)
	o.Listen = "127.0.0.1:0"
	run(t, o, func(ctx context.Context, s *session.Session) {
		m.login(ctx, t, s).Close()
		args := []string{"-b", "-o", "target create " + o.Vmlinux, "-o", "gdb-remote " + s.ListenAddr()}
		for _, c := range []string{"thread list", "breakpoint set -n scheduler_tick", "continue", "bt", "detach"} {
			args = append(args, "-o", c)
		}
		out, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
		if err != nil {
			t.Errorf("lldb: %v", err)
		}
		wantInOrder(t, "lldb", string(out),
			"thread #2", // the CPUs
			"vmlinux`scheduler_tick at core.c:", "update_process_times", "sysvec_apic_timer_interrupt", "detached")
		if strings.Contains(string(out), "error:") {
			t.Errorf("lldb said:\n%s", out)
		}
	})
}
