//go:build qemu

package session_test

import (
	"slices"
	"strings"
)

// features are the rows of the table. One debugger goes through them from the first
// to the last; those with args get a process of their own beside it.
func features() []feature {
	return slices.Concat(connecting(), perCPU(), modules(), tasks(), crashes(), monitorRows(), memoryRows(), last())
}

func connecting() []feature {
	return []feature{
		{
			part: "1", name: "no file, no .gdbinit: vmlinux, where KASLR has put it, modules, tasks",
			steps: []step{
				{do: "target remote PORT", want: []string{"Reading symbols from", "vmlinux"}},
				{do: "output (char*)linux_banner", want: []string{"Linux version 6.1"}},
				{do: "show osabi", want: []string{`currently "none"`}},
				{do: "info sharedlibrary", want: []string{"Yes", "crashme.ko", "Yes", "virtio_net.ko"}},
				{do: "info threads", want: []string{`"swapper/0"`, `"init" (S, CPU `, `"kthreadd" (S, CPU `}},
			},
			never: "it does not ask a stub for the file, nor for tasks",
			lldb:  []step{{do: "gdb-remote PORT"}, {do: "image list", want: []string{"vmlinux"}}},
		},
		{
			part: "1", name: "connecting again",
			steps: []step{
				{do: "disconnect"},
				{do: "target remote PORT", want: []string{"Remote debugging using"}},
				{do: "output linux_banner[0]", want: []string{"76 'L'"}},
			},
			lldb: []step{{do: "detach", want: []string{"detached"}}, {do: "gdb-remote PORT", want: []string{"stopped"}}, {do: "detach", want: []string{"detached"}}},
		},
		{
			part: "1", name: "a file argument",
			steps: []step{
				{do: "disconnect"},
				{do: "file VMLINUX", want: []string{"Reading symbols from"}},
				{do: "target remote PORT", want: []string{"Remote debugging using"}},
				{do: "info symbol linux_banner", want: []string{"linux_banner in section .rodata"}},
				{do: "output linux_banner[0]", want: []string{"76 'L'"}},
			},
			lldb: []step{
				{do: "target create VMLINUX", want: []string{"Current executable set to"}},
				{do: "gdb-remote PORT", want: []string{"stopped"}},
				{do: "thread list", want: []string{"thread #1", "thread #2"}},
				{do: "detach", want: []string{"detached"}},
			},
		},
		{
			part: "1", name: "extended-remote: detach, and connect again",
			steps: []step{
				{do: "disconnect"},
				{do: "target extended-remote PORT", want: []string{"Remote debugging using"}},
				{do: "output linux_banner[0]", want: []string{"76 'L'"}},
				{do: "detach", want: []string{"detached"}},
				{do: "target remote PORT", want: []string{"Remote debugging using"}},
				{do: "output linux_banner[0]", want: []string{"76 'L'"}},
			},
		},
		{
			part: "1", name: "MI with what VS Code's cppdbg sends", args: []string{"--interpreter=mi2"},
			steps: []step{
				{do: "1-gdb-set mi-async on", want: []string{"1^done"}},
				{do: "2-file-exec-and-symbols VMLINUX", want: []string{"2^done"}},
				{do: "3-target-select remote PORT", want: []string{"3^connected"}},
				{do: "4-break-insert -f vfs_write", want: []string{`4^done,bkpt={number="1"`, `func="vfs_write"`}},
				{do: "5-thread-info", want: []string{"5^done,threads=", `name="kthreadd"`}},
				{do: "6-stack-list-frames 0 20", want: []string{"6^done,stack=[frame="}},
				{do: "7-exec-continue", guest: "sleep 1; echo x > /tmp/x", until: `reason="breakpoint-hit"`},
				{do: "8-stack-list-variables 0", want: []string{"8^done", `name="count"`}},
				{do: "9-var-create - * count", want: []string{"9^done", `type="size_t"`}},
				{do: "10-exec-next", until: `reason="end-stepping-range"`},
				{do: "11-break-delete 1", want: []string{"11^done"}},
				{do: "12-target-detach", want: []string{"12^done"}},
			},
		},
		{part: "1", name: dapRow},
		{
			part: "1", name: "a second one beside it, with breakpoints of its own", args: []string{"VMLINUX"},
			steps: []step{
				{do: "target remote PORT", want: []string{"Remote debugging using"}},
				{do: "break vfs_write", want: []string{"Breakpoint 1 at"}},
				{do: "monitor ktrap list", want: []string{"gdb", "gdb", ", this one"}},
				{do: "continue", guest: "sleep 1; echo x > /tmp/x", want: []string{"hit Breakpoint 1, vfs_write"}},
				{do: "disconnect"},
			},
		},
		{
			part: "1", name: "the first one is told that the guest has run meanwhile",
			steps: []step{
				{do: "info breakpoints", want: []string{"No breakpoints"}},
				{do: "stepi", want: []string{"another client let the guest run meanwhile"}},
				{do: "stepi"},
			},
		},
	}
}

func perCPU() []feature {
	return []feature{
		{
			part: "2", name: "per-CPU variables of the CPU of the selected thread",
			steps: []step{
				{do: "disconnect"},
				{do: "target remote PORT", want: []string{"Remote debugging using"}},
				{do: "info threads", want: []string{`"swapper/1"`}},
				{do: "thread 2", want: []string{"Switching to thread 2"}},
				{do: "output cpu_number", want: []string{"1"}},
				{do: "output runqueues.cpu", want: []string{"1"}},
				{do: "output current_task->comm", want: []string{`"`}},
				{do: "thread 1", want: []string{"Switching to thread 1"}},
				{do: "output cpu_number", want: []string{"0"}},
			},
			never: "it keeps what it has read during a stop, whichever thread is selected then",
			lldb: []step{
				{do: "gdb-remote PORT"},
				{do: "thread select 2"},
				{do: "expression cpu_number", want: []string{"= 1"}},
				{do: "thread select 1"},
				{do: "expression cpu_number", want: []string{"= 0"}},
			},
		},
		{
			part: "2", name: "those of another CPU, by __per_cpu_offset",
			steps: []step{
				{do: "p __per_cpu_offset[1]", want: []string{"= 1844"}},
				{do: "p *(int *)((char *)&cpu_number + __per_cpu_offset[1])", want: []string{"= 1"}},
			},
			lldb: []step{
				{do: "expression *(int *)((char *)&cpu_number + __per_cpu_offset[1])", want: []string{"= 1\n"}},
				{do: "expression *(int *)((char *)&cpu_number + __per_cpu_offset[0])", want: []string{"= 0\n"}},
			},
		},
	}
}

func modules() []feature {
	return []feature{
		{
			part: "3", name: "a module without its file is listed by name",
			steps: []step{{do: "info sharedlibrary", want: []string{"No", " failover"}}},
			never: "it is told of no modules",
			lldb:  []step{{do: "image list", want: []string{"failover"}}},
		},
		{
			part: "3, 9", name: "a compressed module is unpacked",
			steps: []step{
				{do: "info sharedlibrary", want: []string{"Yes", "modules/", "/net_failover.ko"}},
				{do: "info line net_failover_create", want: []string{"net_failover.c", "<net_failover_create>"}},
			},
		},
		{
			part: "3", name: "unloading is announced",
			steps: []step{
				{guest: "rmmod crashme; sleep 1; insmod /lib/modules/crashme.ko; echo help > /proc/crashme; sleep 1"},
				{do: "set breakpoint pending on"},
				{do: "break free_module", want: []string{"Breakpoint"}},
				{do: "continue", want: []string{"hit Breakpoint", "free_module"}},
				{do: "delete"},
				{do: "break synchronize_rcu", want: []string{"Breakpoint"}},
				{do: "continue", want: []string{"synchronize_rcu"}},
				{do: "info sharedlibrary", not: "crashme.ko"},
				{do: "delete"},
			},
		},
		{
			part: "3", name: "loading too: pending breakpoints are set, in .init.text as well",
			steps: []step{
				{do: "break crashme_init", want: []string{"(crashme_init) pending"}},
				{do: "break crashme_write", want: []string{"(crashme_write) pending"}},
				{do: "continue", want: []string{`"insmod" hit Breakpoint`, "crashme_init", "crashme.c"}},
				{do: "bt", want: []string{"crashme_init", "do_one_initcall", "do_init_module"}},
				{do: "continue", want: []string{"hit Breakpoint", "crashme_write", "crashme.c"}},
				{do: "info symbol crashme_write", want: []string{"crashme_write in section .text"}},
				{do: "bt", want: []string{"crashme_write", "vfs_write"}},
				{do: "delete"},
			},
		},
	}
}

func tasks() []feature {
	return []feature{
		{
			part: "4", name: "stacks of sleeping tasks",
			steps: []step{
				{do: "disconnect"},
				{do: "target remote PORT", want: []string{"Remote debugging using"}},
				{do: "info threads", want: []string{`"init" (S, CPU `, `"kthreadd" (S, CPU `, ", kthreadd)"}},
				{do: "thread 4", want: []string{"Thread 2)"}},
				{do: "bt", want: []string{"__schedule", "schedule ()", "kthreadd (", "ret_from_fork"}},
				{do: "print $rax", want: []string{"<unavailable>"}},
				{do: "print $rax = 1", want: []string{"Could not write register"}},
				{do: "stepi", want: []string{"this task does not run and cannot be stepped"}},
				{do: "thread apply all bt 2", want: []string{`"kthreadd"`, `"init"`, `"swapper/0"`}},
			},
			never: "its threads are CPUs: it unwinds every thread at each stop",
			lldb:  []step{{do: "thread list", want: []string{"kthreadd"}}},
		},
		{
			part: "4", name: "a breakpoint for a task; finish over its sleep",
			steps: []step{
				{guest: "for i in 1 2 3 4 5 6 7 8; do sleep 1; done"},
				{do: "break hrtimer_nanosleep", want: []string{"Breakpoint"}},
				{do: "continue", want: []string{`"sleep" hit Breakpoint`, "hrtimer_nanosleep"}},
				{do: "delete"},
				{do: `eval "break __schedule thread %d", $_thread`, want: []string{"Breakpoint"}},
				{do: "continue", want: []string{`"sleep" hit Breakpoint`, "__schedule"}},
				{do: "delete"},
				{do: "up 3", want: []string{"hrtimer_nanosleep"}},
				{do: "finish", want: []string{"Run till exit"}},
				{do: "output current_task->comm", want: []string{`"sleep`}},
				{do: "next"},
				{do: "output current_task->comm", want: []string{`"sleep`}},
			},
		},
		{
			part: "4", name: "CPUs as threads, and tasks again",
			steps: []step{
				{do: "monitor ktrap threads cpus", want: []string{"threads are cpus"}},
				{do: "info threads", want: []string{`"CPU 0"`, `"CPU 1"`}},
				{do: "monitor ktrap threads tasks", want: []string{"threads are tasks"}},
				{do: "info threads", want: []string{`"kthreadd"`}},
			},
		},
	}
}

func crashes() []feature {
	return []feature{
		{
			part: "6", name: "breakpoints, stepping, watchpoints, Ctrl-C",
			steps: []step{
				{do: "break vfs_write", want: []string{"Breakpoint"}},
				{do: "continue", guest: "sleep 1; echo x > /tmp/x", want: []string{"hit Breakpoint", "vfs_write"}},
				{do: "stepi", want: []string{"fs/read_write.c"}},
				{do: "next"},
				{do: "delete"},
				{do: "watch jiffies_64", want: []string{"atchpoint"}},
				{do: "continue", want: []string{"Old value = ", "New value = "}},
				{do: "delete"},
				{do: "continue", key: true, want: []string{"SIGINT"}},
			},
			lldb: []step{
				{do: "breakpoint set -n scheduler_tick", want: []string{"Breakpoint 1: where"}},
				{do: "continue", want: []string{"stop reason = breakpoint", "scheduler_tick at core.c:"}},
				{do: "bt", want: []string{"scheduler_tick", "update_process_times", "sysvec_apic_timer_interrupt"}},
				{do: "thread step-inst", want: []string{"stop reason = instruction step"}},
				{do: "breakpoint delete -f", want: []string{"removed"}},
			},
		},
		{
			part: "6", name: "WARN: the report above the prompt, SIGTRAP; traps are no breakpoints",
			steps: []step{
				{do: "continue", guest: "sleep 1; echo warn > /proc/crashme", want: []string{"WARNING in c_warn", "SIGTRAP", "c_warn () at crashme.c:"}},
				{do: "info breakpoints", want: []string{"No breakpoints"}},
				{do: "bt", want: []string{"#0", "c_warn", "crashme_write", "vfs_write", "entry_SYSCALL_64"}},
			},
			lldb: []step{
				{do: "continue", guest: "sleep 1; echo warn > /proc/crashme", want: []string{"WARNING in c_warn", "stop reason = signal SIGTRAP"}},
				{do: "breakpoint list", want: []string{"No breakpoints currently set"}},
				{do: "thread step-inst", want: []string{"stop reason = instruction step into"}},
			},
		},
		{
			part: "6", name: "BUG: SIGABRT",
			steps: []step{{do: "continue", guest: "sleep 1; echo bug > /proc/crashme", want: []string{"kernel BUG in c_bug", "SIGABRT", "c_bug () at crashme.c:"}}},
			lldb:  []step{{do: "continue", guest: "sleep 1; echo bug > /proc/crashme", want: []string{"kernel BUG in c_bug", "stop reason = signal SIGABRT"}}},
		},
		{
			part: "5, 6", name: "a fault: SIGSEGV, at the faulting line with its locals",
			steps: []step{
				{do: "continue", guest: "sleep 1; echo null > /proc/crashme", want: []string{"NULL pointer dereference in inner_deref", "SIGSEGV", "inner_deref"}},
				{do: "bt", want: []string{"#0  ", "inner_deref", "crashme.c:", "crashme_write", "vfs_write", "entry_SYSCALL_64"}},
				{do: "frame function c_null", want: []string{"c_null", "crashme.c:"}},
				{do: "info locals", want: []string{"v = {", "id = 7", `"on-stack"`, "marker = 4660"}},
				{do: "info threads", want: []string{`"crash of sh [`}},
			},
			lldb: []step{
				{do: "continue", guest: "sleep 1; echo null > /proc/crashme", want: []string{"NULL pointer dereference in inner_deref", "stop reason = signal SIGSEGV"}},
				{do: "target modules add MODULES/crashme.ko"},
				{do: "target modules load --file crashme.ko .text CRASHME", want: []string{"section '.text' loaded at 0x"}},
				{do: "bt", want: []string{"inner_deref", "at crashme.c:", "c_null at crashme.c:"}},
				{do: "frame select 1", want: []string{"c_null at crashme.c:"}},
				{do: "frame variable", want: []string{"v = {", "id = 7", "on-stack", "marker = 4660"}},
			},
		},
		{
			part: "5", name: "the raw stop is the task's own thread",
			steps: []step{
				{do: `eval "thread %d", $_thread + 1`, want: []string{"oops_end"}},
				{do: "bt", want: []string{"oops_end", "page_fault_oops"}},
				{do: `eval "monitor ktrap bt %p", $sp`, want: []string{"thread ", ": sh", "oops_end", "inner_deref", "entry_SYSCALL_64"}},
				{do: "monitor ktrap report", want: []string{"inner_deref"}},
			},
		},
	}
}

func monitorRows() []feature {
	row := func(name, do string, want ...string) feature {
		return feature{part: "7", name: "monitor " + name, steps: []step{{do: do, want: want}}}
	}
	list := []feature{
		row("ktrap help", "monitor ktrap help", "ktrap bt", "ktrap who ADDR", "every other monitor command is QEMU's"),
		row("ktrap bt", "monitor ktrap bt 2", "thread 2: kthreadd, sleeps", "kthreadd+0x"),
		row("ktrap dmesg", "monitor ktrap dmesg -n 2", "\n", "\n"),
		row("ktrap ps", "monitor ktrap ps kthreadd", "PID", "[kthreadd]"),
		row("ktrap mods", "monitor ktrap mods", "crashme", "crashme.ko"),
		row("ktrap report", "monitor ktrap report", "inner_deref"),
		row("ktrap traps", "monitor ktrap traps", "panic", "policy: "),
		row("ktrap on", "monitor ktrap on oom=log", "policy: ", "oom=log"),
		row("ktrap locate", "monitor ktrap locate vfs_write", "vfs_write at fs/read_write.c:"),
		row("ktrap session", "monitor ktrap session", "Linux 6.1", "build-id", "traps armed", "vmlinux"),
		row("ktrap list", "monitor ktrap list", "gdb may join at", ", this one"),
		row("ktrap who, of a symbol of a module", "monitor ktrap who crashme_write", "symbol crashme_write [crashme]", "module crashme, section .text+0x"),
		row("ktrap who, of a slab object", `eval "monitor ktrap who %p", init_task.tasks.next`, "task_struct of init [1]", "slab cache task_struct, object at 0x", "allocated"),
		row("ktrap who, of a stack", `eval "monitor ktrap who %p", init_task.stack`, "stack of task swapper/0"),
		row("ktrap who, of per-CPU data", `eval "monitor ktrap who %lu", __per_cpu_offset[1] + 8`, "per-CPU data of CPU 1"),
		row("ktrap who, of a page", `eval "monitor ktrap who %p", &init_task`, "page 0x", "references", "reserved"),
		row("of QEMU", "monitor info kvm", "kvm support: disabled"),
	}
	for i := range list { // those without eval
		if st := list[i].steps[0]; strings.HasPrefix(st.do, "monitor ") {
			list[i].lldb = []step{{do: "process plugin packet " + st.do, want: st.want}}
		}
	}
	return append(list, feature{
		part: "7", name: "packets that abort or end QEMU do not reach it",
		steps: []step{
			{do: "maintenance packet bs", want: []string{"replay mode"}},
			{do: "maintenance packet bc", want: []string{"replay mode"}},
			{do: "kill", want: []string{"killed"}},
			{do: "target remote PORT", want: []string{"Remote debugging using"}},
			{do: "output linux_banner[0]", want: []string{"76 'L'"}},
		},
	})
}

func memoryRows() []feature {
	return []feature{{
		part: "8", name: "large reads: 4 MB twice are the same",
		steps: []step{
			{do: "dump memory TMP/a _text _text+0x400000"},
			{do: "dump memory TMP/b _text _text+0x400000"},
			{do: "shell cmp TMP/a TMP/b && stat -c %s TMP/a", want: []string{"4194304"}},
		},
		lldb: []step{
			{do: "settings set target.process.disable-memory-cache true"},
			{do: "memory read --force --binary --outfile TMP/a --count 0x400000 &linux_banner", want: []string{"4194304 bytes written"}},
			{do: "memory read --force --binary --outfile TMP/b --count 0x400000 &linux_banner", want: []string{"4194304 bytes written"}},
			{do: "platform shell diff -s TMP/a TMP/b", want: []string{"are identical"}},
		},
	}}
}

// last ends the guest.
func last() []feature {
	return []feature{{
		part: "6", name: "panic: SIGABRT; a breakpoint of one's own there is reported as that",
		steps: []step{
			{do: "break *panic", want: []string{"Breakpoint"}},
			{do: "continue", guest: "echo 1 > /proc/sys/kernel/panic; sleep 1; echo panic > /proc/crashme", want: []string{"hit Breakpoint", "panic ("}},
			{do: "delete"},
			{do: "continue", want: []string{"kernel panic: crashme asked for a panic", "SIGABRT"}},
			{do: "bt", want: []string{"panic", "c_panic", "crashme_write"}},
		},
		lldb: []step{
			{do: "breakpoint set -a `(unsigned long)&panic`", want: []string{"Breakpoint "}},
			{do: "continue", guest: "echo 1 > /proc/sys/kernel/panic; sleep 1; echo panic > /proc/crashme", want: []string{"stop reason = breakpoint", "panic"}},
			{do: "breakpoint delete -f", want: []string{"removed"}},
			{do: "continue", want: []string{"kernel panic: crashme asked for a panic", "stop reason = signal SIGABRT"}},
			{do: "detach", want: []string{"detached"}},
		},
	}, {
		part: "1", name: rebootRow,
		steps: []step{
			{do: "break vfs_read", want: []string{"Breakpoint"}},
			{do: "continue", want: []string{"the guest has rebooted", "exited normally"}}, // by itself after its panic; to the same place once in 500 times
			{do: "target remote PORT", want: []string{"Remote debugging using"}},
			{do: "output linux_banner[0]", want: []string{"76 'L'"}},
			{do: "info breakpoints", want: []string{"in vfs_read at fs/read_write.c:"}},
			{do: "delete"},
			{do: "detach", want: []string{"detached"}},
		},
	}}
}

// rebootRow leaves a fresh guest for the next debugger.
const rebootRow = "a reboot that moves the kernel: gdb is told to connect again, and its breakpoints hold"
