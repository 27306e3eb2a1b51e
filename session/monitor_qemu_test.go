//go:build qemu

package session_test

import (
	"context"
	"strings"
	"testing"

	"ktrap/session"
	"ktrap/session/guest"
)

func TestMonitorCommandsTellWhatGDBCannot(t *testing.T) {
	bareGDB(t, "6.1", func(ctx context.Context, s *session.Session, g *guest.Guest, gdb *gdb) {
		for line, want := range map[string][]string{
			"monitor ktrap":                                     {"ktrap bt", "ktrap who ADDR", "every other monitor command is QEMU's"},
			"monitor ktrap help":                                {"ktrap bt"},
			"monitor ktrap nonsense":                            {"ktrap bt", `there is no command "nonsense"`},
			"monitor ktrap bt":                                  {"thread 1000000", "swapper/", "+0x"},
			"monitor ktrap bt 2":                                {"thread 2: kthreadd, sleeps", "kthreadd+0x"},
			"monitor ktrap bt 4000000":                          {"no such thread"},
			"monitor ktrap bt jiffies":                          {"is on no task's stack"},
			"monitor ktrap who (nil)":                           {"no memory at 0x0"},
			"monitor ktrap session":                             {"Linux 6.1", "build-id", "traps armed", "vmlinux"},
			"monitor ktrap ps kthreadd":                         {"PID", "2", "S", "[kthreadd]", "kthreadd"},
			"monitor ktrap mods":                                {"crashme", "crashme.ko", "virtio_net.ko"},
			"monitor ktrap report":                              {"the guest does not stand at a crash"},
			"monitor ktrap traps":                               {"panic", "policy: "},
			"monitor ktrap on warn=log":                         {"policy: warn=log"},
			"monitor ktrap on warn=loud":                        {"unknown action"},
			"monitor ktrap locate vfs_write":                    {"vfs_write", "vfs_write at fs/read_write.c:"},
			"monitor ktrap locate nothing":                      {"no symbol nothing"},
			"monitor ktrap who crashme_write":                   {"symbol crashme_write [crashme]", "module crashme, section .text+0x", "physical address"},
			"monitor ktrap who 0x10":                            {"no memory at 0x10"},
			"monitor ktrap list":                                {"gdb may join at", "gdb1, this one"},
			"monitor info kvm":                                  {"kvm support: disabled"},
			"monitor ktraps":                                    {"unknown command"},
			"monitor ktrap threads":                             {"cpus or tasks"},
			"eval \"monitor ktrap who %p\", $sp":                {"stack of task swapper/", "page 0x"},
			`eval "monitor ktrap bt %p", $sp`:                   {"thread 1000000", "swapper/"},
			`eval "monitor ktrap who %p", init_task.tasks.next`: {"task_struct of init [1]", "slab cache task_struct, object at 0x", "allocated", "page 0x", "slab"},
		} {
			gdb.want(t, line, want...)
		}
		if got := gdb.do(t, "monitor ktrap dmesg -n 3"); strings.Count(got, "\n") != 3 {
			t.Errorf("three lines of the log: %q", got)
		}
		gdb.want(t, "eval \"monitor ktrap who %p\", &current_task->comm", "task_struct of swapper/")
		gdb.want(t, "eval \"monitor ktrap who %lu\", __per_cpu_offset[1] + 8", "per-CPU data of CPU 1")
		gdb.want(t, "monitor ktrap threads cpus", "threads are cpus")
		gdb.want(t, "info threads", `"CPU 0" (`, `"CPU 1" (`)
		gdb.want(t, "stepi", "(gdb)") // a step ends in the thread in which it began
		gdb.want(t, "tbreak scheduler_tick", "Temporary breakpoint 1")
		gdb.want(t, "continue", "Switching to Thread 2000000", "scheduler_tick (")
		gdb.want(t, "bt", "#0 ")
		gdb.want(t, "monitor ktrap threads tasks", "threads are tasks")
		gdb.want(t, "info threads", `"kthreadd"`)
		gdb.want(t, "tbreak scheduler_tick", "Temporary breakpoint 2")
		if got := gdb.want(t, "continue", "Switching to Thread ", "scheduler_tick ("); strings.Contains(got, "Switching to Thread 2000000") {
			t.Errorf("tasks are threads, and a CPU's has stopped: %s", got)
		}
		gdb.want(t, "detach", "detached")
	})
}
