//go:build qemu

package session_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"ktrap/session"
	"ktrap/session/guest"
)

// during runs a command in the guest while f looks; the guest may stand in
// the midst of it. The command must end by itself after f.
func during(ctx context.Context, t *testing.T, g *guest.Guest, command string, f func()) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx, command, nil) }()
	f()
	t.Cleanup(func() { g.Close(); <-ended })
}

// uptime asks a running guest for its clock.
func uptime(ctx context.Context, t *testing.T, g *guest.Guest) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var out strings.Builder
	if err := g.Run(ctx, "cat /proc/uptime", &guest.RunOptions{Stdout: &out}); err != nil {
		t.Fatalf("the guest does not run on: %v", err)
	}
	return out.String()
}

func TestStockGDBDebugsAndSeesTheDecodedCrash(t *testing.T) {
	m := boot(t, "6.1", nil)
	o := m.options(t)
	o.Listen = "127.0.0.1:0"
	run(t, o, func(ctx context.Context, s *session.Session) {
		g := m.login(ctx, t, s)
		gdb := startGDB(t, o.Vmlinux)
		gdb.want(t, "target remote "+s.ListenAddr(), "Remote debugging using")
		gdb.want(t, "break vfs_write", "Breakpoint 1 at 0x")
		during(ctx, t, g, "while :; do echo x > /tmp/x; sleep 1; done", func() {
			gdb.want(t, "continue", "hit Breakpoint 1, vfs_write")
		})
		gdb.want(t, "bt", "#0  vfs_write", "ksys_write", "do_syscall_64", "entry_SYSCALL_64")
		stepsOne(t, gdb)
		gdb.want(t, "delete")
		watches(t, gdb)
		gdb.want(t, "monitor info registers", "RIP=", "CR3=")
		gdb.want(t, "monitor ktrap session", "Linux 6.1", "traps armed")
		for range 10 { // now and then the interrupt overtakes gdb's own resume
			gdb.send(t, "continue")
			gdb.until(t, "Continuing.")
			wantInOrder(t, "Ctrl-C", gdb.interrupt(t), "SIGINT")
		}
		gdb.want(t, "detach", "detached")
		before := uptime(ctx, t, g)
		gdb.want(t, "target remote "+s.ListenAddr(), "Remote debugging using")
		crashesUnder(ctx, t, gdb, g)
		gdb.kill()
		if !s.AtCrash() {
			t.Error("a gdb that was killed took the stop of the crash with it")
		}
		t.Logf("uptime between the connections: %s", before)
	})
}

// stepsOne executes one instruction.
func stepsOne(t *testing.T, gdb *gdb) {
	t.Helper()
	before := gdb.do(t, "print/x $pc")
	gdb.want(t, "stepi", "fs/read_write.c")
	if after := gdb.do(t, "print/x $pc"); after[strings.Index(after, "="):] == before[strings.Index(before, "="):] {
		t.Errorf("stepi did not move: %s", after)
	}
}

// watches stops at a write of the kernel's clock.
func watches(t *testing.T, gdb *gdb) {
	t.Helper()
	gdb.want(t, "watch jiffies_64", "atchpoint 2: jiffies_64")
	gdb.want(t, "continue", "atchpoint 2: jiffies_64", "Old value = ", "New value = ")
	gdb.want(t, "delete")
}

// crashesUnder makes the guest oops while gdb has it.
func crashesUnder(ctx context.Context, t *testing.T, gdb *gdb, g *guest.Guest) {
	t.Helper()
	during(ctx, t, g, "sleep 1; echo null > /proc/crashme", func() {
		gdb.want(t, "continue", "BUG: unable to handle kernel NULL pointer dereference in inner_deref",
			"crashme.c:", "received signal SIGSEGV")
	})
	gdb.want(t, "bt", "inner_deref", "vfs_write")
	gdb.want(t, "monitor ktrap report", "inner_deref")
}

func TestAGDBWithoutAFileIsGivenVmlinuxAndItsPlace(t *testing.T) {
	m := boot(t, "6.12", nil)
	o := m.options(t)
	o.Listen = "127.0.0.1:0"
	run(t, o, func(ctx context.Context, s *session.Session) {
		m.login(ctx, t, s)
		gdb := startGDB(t)
		gdb.want(t, "target remote "+s.ListenAddr(), "Reading symbols from "+o.Vmlinux)
		gdb.want(t, "output (char*)linux_banner", "Linux version 6.12")
		gdb.want(t, "detach", "detached")
	})
}

func TestAGDBThatIsKilledInMidStepLeavesNothingBehind(t *testing.T) {
	m := boot(t, "6.1", nil)
	o := m.options(t)
	o.Listen = "127.0.0.1:0"
	said := heard(o)
	run(t, o, func(ctx context.Context, s *session.Session) {
		g := m.login(ctx, t, s)
		gdb := startGDB(t)
		gdb.want(t, "target remote "+s.ListenAddr(), "Remote debugging using")
		gdb.want(t, "break vfs_write", "Breakpoint 1 at 0x")
		gdb.send(t, "stepi 1000000")
		said.wait(ctx, t, session.ClientHas, "gdb1 connected")
		gdb.kill()
		said.wait(ctx, t, session.ClientHas, "gdb1 left")
		resume(ctx, t, s)
		uptime(ctx, t, g) // its SSH server writes
		if !s.Running() {
			t.Error("the breakpoint of the killed gdb was hit")
		}
		if err := g.Run(ctx, "true", nil); err != nil {
			t.Error(err)
		}
	})
}
