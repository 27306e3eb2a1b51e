//go:build qemu

package terminal

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"ktrap/session"
	"ktrap/symbols"
)

// One guest, from the first breakpoint to the crash, on both kernels.
func TestAPersonWorksAtAGuestUntilItCrashes(t *testing.T) {
	all := []string{"6.1", "6.12"}
	if testing.Short() {
		all = all[:1]
	}
	for _, series := range all {
		t.Run(series, func(t *testing.T) {
			ended := onLive(t, series, func(l *live) {
				l.busy()
				l.run("interrupt")
				l.stopAtABreakpoint()
				l.lookAround()
				l.stepByLine()
				l.watchATick()
				l.conditionHolds()
				l.readTheKernel()
				l.breakInAModule()
				l.crash()
			})
			if !errors.Is(ended, ErrCaught) {
				t.Errorf("the terminal ended with %v, want that a crash was caught", ended)
			}
		})
	}
}

func (l *live) stopAtABreakpoint() {
	l.want("break vfs_write", "breakpoint 1 at vfs_write  fs/read_write.c:", "  0xffffffff")
	l.want("continue", "breakpoint 1 in ", ", pid ", ", CPU ", "#0   vfs_write+0x0/", "  fs/read_write.c:")
	l.want("bt", "=>#0   vfs_write+0x0/", "ksys_write+0x", "do_syscall_64+0x", "user mode 0x")
	l.want("breakpoints", "hit once")
}

func (l *live) lookAround() {
	l.want("info args", "file = (struct file *) 0x", "count = ", "pos = (loff_t *) 0x")
	l.want("print current->comm", `"`)
	l.want("print file->f_path.dentry->d_iname", `"`)
	l.want("print $rdx == count", "1")
	l.want("print/x $rip", "0xffffffff")
	l.want("print init_task.comm", `"swapper/0"`)
	l.want("print &init_task.thread_info", "init_task")
	l.want("print per_cpu(runqueues, 1).cpu", "1")
	l.want("print ((struct task_struct *)current)->pid == current->pid", "1")
	l.want("up", "#1   ", "ksys_write")
	l.want("info locals", "fd = ", "buf = ")
	l.want("bt -l", "#0   vfs_write+0x", "\n         file = (struct file *) 0x", "#1   ksys_write+0x", "\n         fd = ", "user mode 0x")
	l.want("down", "#0   vfs_write")
	l.want("frame 1", "#1   ")
	l.want("frame 0", "#0   vfs_write")
	l.want("regs", "RIP: 0010:ffffffff", " vfs_write\n", "\nRAX: ", "\nCS:  0010 DS: ", "\nCR2: ", " CR3: ")
	l.want("x/s linux_banner", `"Linux version 6.`)
	l.want("x/2i $rip", "=> 0xffffffff")
	l.want("x/4a $rsp", "ksys_write+0x")
	l.want("x/4bx linux_banner", "0x4c 0x69 0x6e 0x75")
	l.want("disassemble", "=> 0xffffffff", "instructions")
	l.want("info symbol $rip", "vfs_write")
}

var levelLine = regexp.MustCompile(`#0 +([^\s+]+).*  (\S+:\d+)\n`)

// at checks that the CPU stands at the beginning of a statement of the line that
// is shown, and gives its function.
func (l *live) at(shown string) string {
	l.t.Helper()
	m := levelLine.FindStringSubmatch(shown)
	if m == nil {
		l.t.Fatalf("no place is shown: %s", shown)
	}
	name, place := m[1], m[2]
	err := l.s.Do(l.ctx, func(_ context.Context, v *session.Stopped) error {
		var at symbols.LineRange
		at, ok := v.World.Symbols.LineRange(v.LastStop().PC)
		if got := fmt.Sprintf("%s:%d", at.File, at.Line); !ok || !at.Stmt || got != place {
			l.t.Errorf("shown %s, stands at %s (statement begins: %v)", place, got, at.Stmt)
		}
		return nil
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return name
}

func (l *live) stepByLine() {
	l.want("delete 1")
	for range 3 {
		if name := l.at(l.run("next")); name != "vfs_write" {
			l.t.Errorf("next from vfs_write came to %s", name)
		}
	}
	l.want("tbreak ksys_write", "temporary breakpoint 2")
	l.want("continue", "temporary breakpoint 2 in ", "#0   ksys_write+0x0/")
	for range 40 {
		name := l.at(l.run("step"))
		if name == "vfs_write" {
			l.want("bt", "ksys_write+0x")
			l.want("finish", "ksys_write+0x", "vfs_write returned ")
			l.want("stepi", "#0   ")
			return
		}
	}
	l.t.Error("forty steps from ksys_write never came to vfs_write")
}

func (l *live) watchATick() {
	l.want("watch jiffies_64", "watchpoint 3 on jiffies_64, 8 bytes at 0xffffffff")
	l.want("continue", "watchpoint 3 in ", "jiffies_64 was written", "old value = ", "new value = ")
	l.want("bt", "tick")
	l.want("delete")
	l.want("breakpoints", "no breakpoints")
}

func (l *live) conditionHolds() {
	l.want("tbreak vfs_write if count == 3", "if count == 3")
	l.want("continue", "temporary breakpoint 4 in ")
	l.want("print count", "3")
	l.want("x/3bc buf", "'h' 'i' '\\n'")
	l.want("break vfs_write if no_such_name", "breakpoint 5 at ", " if no_such_name")
	l.want("continue", "cannot be evaluated", "no_such_name")
	l.want("delete 5")
}

func (l *live) readTheKernel() {
	l.want("info tasks", "init", "[kthreadd]")
	l.want("info tasks kthreadd", "[kthreadd]")
	l.want("info cpus", "=> CPU ", "CPU 1")
	l.want("info modules", "virtio_net")
	l.want("info kernel", "release   6.", "build-id ", "found by", "vmlinux   /")
	l.want("dmesg", "Linux version 6.")
	if out := l.run("dmesg 2"); strings.Count(out, "\n") != 2 {
		l.t.Errorf("dmesg 2 printed %q", out)
	}
	l.want("task 1", "now in init, pid 1, not running\n", "#0   ")
	l.want("regs", "EFLAGS: ????????", "RAX: ????????????????")
	l.want("bt", "schedule")
	l.want("cpu 0", ", CPU 0\n", "#0   ")
	l.want("monitor info status", "paused")
	l.want("help", "continue, c", "quit, q, exit")
}

func (l *live) breakInAModule() {
	l.want("info modules", "crashme")
	l.want("break crashme_write", "[crashme]")
	l.background("echo null > /proc/crashme")
	l.want("continue", "crashme_write+0x0/", "[crashme]", "crashme.c:")
	l.want("delete")
}

func (l *live) crash() {
	l.want("continue", "BUG: ", "`report` shows all of it")
	l.want("bt", "crashme")
	l.want("report", "Stack", "Registers", "Code")
	fmt.Fprintln(l.in, "quit")
}
