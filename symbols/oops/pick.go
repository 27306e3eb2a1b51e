package oops

import (
	"slices"
	"strings"
)

// A picker chooses the function a crash is named after from those on its route.
// Shape: the first name is the title's, the others are for alternative titles.
type picker func(funcs []string) []string

// pickFirst names the innermost function.
func pickFirst(funcs []string) []string {
	if len(funcs) == 0 {
		return nil
	}
	return syscallNames(funcs[0])
}

// syscallNames gives the shorter names of a system call's entry function, the
// shortest first: builds differ in which of them survives inlining.
func syscallNames(name string) []string {
	names := []string{name}
	for range 4 {
		short, ok := shorter(names[0])
		if !ok {
			break
		}
		names = append([]string{short}, names...)
	}
	return names
}

// shorter takes one layer off the name of a system call: the layer of the
// argument checks first, then the one of the entry.
func shorter(name string) (string, bool) {
	for _, p := range []string{"__se_sys_", "__do_sys_"} {
		if rest, ok := strings.CutPrefix(name, p); ok {
			return "sys_" + rest, true
		}
	}
	for _, p := range []string{"sys_", "ksys_", "SYSC_", "SyS_", "compat_SYSC_", "compat_SyS_"} {
		if rest, ok := strings.CutPrefix(name, p); ok && rest != "" {
			return rest, true
		}
	}
	return "", false
}

// anchors are functions that dispatch to many others. A stall is sampled
// anywhere inside a loop, so it is named after what the dispatcher called.
var anchors = []string{
	"process_one_work", "do_syscall_", "do_fast_syscall_", "do_int80", "sysenter_dispatch", "tracesys_phase2", "el0_svc", "invoke_syscall", "ret_fast_syscall",
	"entry_SYSCALL", "system_call_fast", "int_ret_from_sys_call", "x64_sys_call", "ia32_sys_call", "syscall_handler", "do_trap_ecall",
	"netif_receive_skb", "do_softirq", "handle_softirqs", "call_timer_fn", "_run_timers", "run_timer_softirq", "hrtimer_run", "run_ksoftirqd", "smpboot_thread_fn",
	"^handle_irq", "^do_IRQ", "^call_on_stack", "^kthread$", "^kernel_thread", "^ret_from_fork", "^do_idle$", "^cpu_startup_entry$", "^start_secondary", "^rest_init$", "^start_kernel$", "^loop_kthread", "^task_work_run",
	"^do_ioctl", "^vfs_ioctl", "^do_vfs_ioctl", "^ksys_ioctl", "_sys_ioctl$", "^sys_ioctl$", "^compat_sys_ioctl", "SyS_ioctl", "SYSC_ioctl", "compat_ioctl", "^compat_blkdev_ioctl", "^blkdev_driver_ioctl", "^compat_blkdev_driver_ioctl", "^blkdev_ioctl", "^block_ioctl", "^sock_ioctl", "^mmap_region", "^__mmap_region", "^vfs_iter_", "^iter_file_splice_write", "^vfs_read", "^vfs_write", "^__vfs_read", "^__vfs_write", "^new_sync_", "^do_iter_", "^do_loop_read", "^do_loop_write", "^do_readv_writev",
	"^sock_sendmsg", "^__sock_sendmsg", "^sock_recvmsg", "^sock_do_ioctl", "^call_read_iter", "^call_write_iter", "^netlink_unicast", "smp_call_function",
	"^rtnetlink_rcv_msg", "^genl_", "^nfnetlink_rcv", "^netlink_dump", "^__sys_bind", "^__sys_connect", "^__sys_setsockopt", "^__sys_getsockopt", "^do_sock_setsockopt", "^__fput",
}

// pickStall names a stall after the function that the first dispatcher called.
// A stack without one is cut, and its functions could be any.
func pickStall(funcs []string) []string {
	if len(funcs) == 0 {
		return nil
	}
	prev := funcs[0]
	for _, f := range funcs {
		if strings.Contains(f, "smp_call_function") {
			return unique([]string{"smp_call_function", f})
		}
		if isAnchor(f) {
			return stallNames(prev)
		}
		prev = f
	}
	return nil
}

// stallNames keeps the prefix of the architecture apart from the system call:
// stalls are filed under sys_x as well as under __x64_sys_x.
func stallNames(name string) []string {
	for _, p := range []string{"__x64_", "__ia32_", "__arm64_"} {
		if rest, ok := strings.CutPrefix(name, p); ok {
			return []string{rest, name}
		}
	}
	return syscallNames(name)
}

func isAnchor(f string) bool {
	for _, a := range anchors {
		if matchName(a, f) {
			return true
		}
	}
	return false
}

// waiters are the functions a blocked task stands in whatever it waits for.
var waiters = []string{"sched", "_lock", "_slowlock", "down", "rwsem", "completion", "kthread", "wait", "synchronize", "context_switch", "__switch_to", "cancel_delayed_work", "rcu_barrier", "^msleep", "^ssleep$", "^usleep"}

// pickHung names a hung task after what it waits for: for the few locks that
// stop half of the kernel after the lock, else after the innermost function
// that is not about waiting.
func pickHung(funcs []string) []string {
	for _, f := range funcs {
		switch {
		case strings.HasPrefix(f, "synchronize_"), strings.HasPrefix(f, "__synchronize_"):
			if strings.Contains(f, "rcu") || f == "synchronize_net" {
				return unique([]string{"synchronize_rcu", f})
			}
		case f == "rtnl_lock", f == "rtnl_lock_killable":
			return unique([]string{"rtnl_lock", f})
		}
	}
	skip := skipList{extra: waiters}
	for _, f := range funcs {
		if !skip.has(f) {
			return []string{f}
		}
	}
	return nil
}

// unique keeps the first of equal names.
func unique(s []string) []string {
	var out []string
	for _, v := range s {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}
