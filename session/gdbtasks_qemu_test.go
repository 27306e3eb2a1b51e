//go:build qemu

package session_test

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"ktrap/session"
	"ktrap/session/guest"
)

// bareGDB boots a guest and gives f a gdb that was told nothing but where to
// connect.
func bareGDB(t *testing.T, series string, f func(ctx context.Context, s *session.Session, g *guest.Guest, gdb *gdb)) {
	t.Helper()
	m := boot(t, series, nil)
	o := m.options(t)
	o.Listen = "127.0.0.1:0"
	run(t, o, func(ctx context.Context, s *session.Session) {
		g := m.login(ctx, t, s)
		gdb := startGDB(t)
		gdb.want(t, "target remote "+s.ListenAddr(), "Reading symbols from "+o.Vmlinux)
		f(ctx, s, g, gdb)
	})
}

func TestAGDBWithoutAFileKnowsModulesTasksAndPerCPUVariables(t *testing.T) {
	bareGDB(t, "6.1", func(ctx context.Context, s *session.Session, g *guest.Guest, gdb *gdb) {
		gdb.want(t, "output (char*)linux_banner", "Linux version 6.1")
		gdb.want(t, "show osabi", `"auto" (currently "none")`)
		gdb.want(t, "info sharedlibrary", "Yes", "crashme.ko", "Yes", "virtio_net.ko")
		gdb.want(t, "info line virtnet_poll", "virtio_net.c", "<virtnet_poll>")
		gdb.want(t, "output virtio_net_driver.driver.name", `"virtio_net"`)

		list := gdb.want(t, "info threads", `"swapper/0"`, `"swapper/1"`, `Thread 1 "init" (S, CPU `, `Thread 2 "kthreadd" (S, CPU `, ", kthreadd)")
		cpus := [2]string{threadOf(t, list, "swapper/0"), threadOf(t, list, "swapper/1")}
		for i, on := range regexp.MustCompile(`"swapper/(\d)" \(R, on CPU \d\)`).FindAllStringSubmatch(list, -1) {
			if i == 0 {
				t.Logf("idle: %q", on[0])
			}
			gdb.want(t, "thread "+cpus[on[1][0]-'0'], "Switching to thread")
			gdb.want(t, "output current_task->comm", `"swapper/`+on[1])
			gdb.want(t, "output cpu_number", on[1])
			gdb.want(t, "output runqueues.cpu", on[1])
		}
		gdb.want(t, "output *(int*)((char*)&cpu_number + __per_cpu_offset[1])", "1")
		gdb.want(t, "thread "+threadOf(t, list, "kthreadd"), "Switching to thread")
		gdb.want(t, "bt", "__schedule", "schedule ()", "kthreadd (", "ret_from_fork")
		gdb.want(t, "print $rax", "<unavailable>")
		gdb.want(t, "print $rax = 1", "Could not write register", "they were saved")
		gdb.want(t, "stepi", "this task does not run and cannot be stepped", `"kthreadd" stopped.`)

		gdb.want(t, "disconnect")
		gdb.want(t, "target extended-remote "+s.ListenAddr(), "Remote debugging using")
		gdb.want(t, "output linux_banner[0]", "76 'L'")
		gdb.want(t, "detach", "detached")
		gdb.want(t, "target remote "+s.ListenAddr(), "Remote debugging using")
		gdb.want(t, "info threads", `"kthreadd"`)
	})
}

// threadOf is gdb's own number of the thread of that name.
func threadOf(t *testing.T, list, name string) string {
	t.Helper()
	for line := range strings.Lines(list) {
		if strings.Contains(line, `"`+name+`"`) {
			return strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "*"))[0]
		}
	}
	t.Fatalf("no thread %s in:\n%s", name, list)
	return ""
}

func TestABreakpointForATaskHoldsForTheTask(t *testing.T) {
	bareGDB(t, "6.1", func(ctx context.Context, s *session.Session, g *guest.Guest, gdb *gdb) {
		during(ctx, t, g, "while ! [ -e /tmp/end ]; do sleep 1; done", func() {
			gdb.want(t, "break hrtimer_nanosleep", "Breakpoint 1 at 0x")
			gdb.want(t, "continue", `"sleep" hit Breakpoint 1, hrtimer_nanosleep`)
			gdb.want(t, "delete")
			who := gdb.do(t, "output $_thread")
			gdb.want(t, `eval "break __schedule thread %d", $_thread`, "Breakpoint 2 at 0x")
			gdb.want(t, "continue", `"sleep" hit Breakpoint 2, __schedule`)
			gdb.want(t, "delete")
			gdb.want(t, "up 3", "hrtimer_nanosleep")
			gdb.want(t, "finish", "Run till exit")
			if now := gdb.do(t, "output $_thread"); now != who {
				t.Errorf("finish came back in thread %s, not %s", now, who)
			}
			gdb.want(t, "output current_task->comm", `"sleep`)
			gdb.want(t, "next")
			gdb.want(t, "next")
			gdb.want(t, "output current_task->comm", `"sleep`)
			gdb.want(t, "detach", "detached")
		})
		if err := g.Run(ctx, "touch /tmp/end", nil); err != nil {
			t.Error(err)
		}
	})
}

func TestAtACrashGDBStandsWhereItHappened(t *testing.T) {
	bareGDB(t, "6.1", func(ctx context.Context, s *session.Session, g *guest.Guest, gdb *gdb) {
		during(ctx, t, g, "sleep 1; echo null > /proc/crashme", func() {
			gdb.want(t, "continue", "BUG: unable to handle kernel NULL pointer dereference in inner_deref",
				"received signal SIGSEGV", "inner_deref")
		})
		gdb.want(t, "bt", "#0  ", "inner_deref", "crashme.c:", "crashme_write", "vfs_write", "entry_SYSCALL_64")
		gdb.want(t, "info locals")
		gdb.want(t, "output $_thread")
		gdb.want(t, "stepi", "this is where the crash happened")
		list := gdb.want(t, "info threads", `"crash of sh [`, `(BUG: unable to handle`)
		gdb.want(t, "thread "+threadOf(t, list, "sh"), "oops_end")
		gdb.want(t, "bt", "oops_end", "page_fault_oops")
		gdb.want(t, "monitor ktrap report", "inner_deref")
	})
}
