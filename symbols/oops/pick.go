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

// callLayers are what the entry functions of a system call have in front of its
// name, in the order in which they come off: that of the argument checks before
// that of the entry. The layer of the architecture is the last, so it only comes
// off alone.
var callLayers = []struct{ prefix, rest string }{
	{"__se_sys_", "sys_"}, {"__do_sys_", "sys_"},
	{"sys_", ""}, {"ksys_", ""}, {"SYSC_", ""}, {"SyS_", ""}, {"compat_SYSC_", ""}, {"compat_SyS_", ""},
	{"__x64_sys_", "sys_"}, {"__ia32_sys_", "sys_"}, {"__arm64_sys_", "sys_"}, {"__riscv_sys_", "sys_"},
}

// syscallNames gives the shorter names of a system call's entry function, the
// shortest first: builds differ in which of them survives inlining.
func syscallNames(name string) []string {
	names := []string{name}
	for _, l := range callLayers {
		if call, ok := strings.CutPrefix(names[0], l.prefix); ok && call != "" {
			names = append([]string{l.rest + call}, names...)
		}
	}
	return names
}

// anchors are functions that dispatch to many others. A stall is sampled
// anywhere inside a loop, so it is named after what the dispatcher called.
var anchors = []string{
	"process_one_work", "do_syscall_", "do_fast_syscall_", "do_int80", "sysenter_dispatch", "tracesys_phase2", "el0_svc", "invoke_syscall", "ret_fast_syscall",
	"entry_SYSCALL", "system_call_fast", "int_ret_from_sys_call", "x64_sys_call", "ia32_sys_call", "syscall_handler", "do_trap_ecall",
	"netif_receive_skb", "do_softirq", "handle_softirqs", "call_timer_fn", "_run_timers", "run_timer_softirq", "hrtimer_run", "run_ksoftirqd", "smpboot_thread_fn",
	"^handle_irq", "^do_IRQ", "^call_on_stack", "^kthread$", "^kthread_worker_fn", "^kernel_thread", "^ret_from_fork", "^do_idle$", "^cpu_startup_entry$", "^start_secondary", "^rest_init$", "^start_kernel$", "^loop_kthread", "^task_work_run",
	"^do_ioctl", "^vfs_ioctl", "^do_vfs_ioctl", "^ksys_ioctl", "_sys_ioctl$", "^sys_ioctl$", "^compat_sys_ioctl", "SyS_ioctl", "SYSC_ioctl", "compat_ioctl", "^compat_blkdev_ioctl", "^blkdev_driver_ioctl", "^compat_blkdev_driver_ioctl", "^blkdev_ioctl", "^block_ioctl", "^sock_ioctl", "^mmap_region", "^__mmap_region", "^vfs_iter_", "^iter_file_splice_write", "^vfs_read", "^vfs_write", "^ksys_read$", "^ksys_write$", "^kernel_read$", "^kernel_write$", "^__kernel_write", "^do_dentry_open", "^vfs_open", "^sock_mmap", "^ksys_mmap_pgoff", "^__vfs_read", "^__vfs_write", "^new_sync_", "^do_iter_", "^do_loop_read", "^do_loop_write", "^do_readv_writev",
	"^sock_sendmsg", "^__sock_sendmsg", "^sock_recvmsg", "^sock_do_ioctl", "^call_read_iter", "^call_write_iter", "^netlink_unicast", "smp_call_function",
	"^rtnetlink_rcv_msg", "^genl_", "^nfnetlink_rcv", "^netlink_dump", "^__sys_bind", "^__sys_connect", "^sys_connect", "^SYSC_connect", "^SyS_connect", "^sys_socketpair", "^__sys_socketpair", "^__sys_listen", "^kernel_listen", "^__sys_accept", "^kernel_accept", "^kernel_setsockopt", "^sock_common_setsockopt", "^sk_common_release", "^sock_release", "^__sock_release", "^__sys_setsockopt", "^__sys_getsockopt", "^do_sock_setsockopt", "^__fput",
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
			return syscallNames(prev)
		}
		prev = f
	}
	return nil
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
		case strings.Contains(f, "rtnl_lock"):
			return []string{f}
		case slices.ContainsFunc([]string{"synchronize_rcu", "synchronize_srcu", "synchronize_net", "synchronize_sched"}, func(s string) bool { return strings.Contains(f, s) }):
			return unique([]string{"synchronize_rcu", f})
		}
	}
	skip := skipList{extra: waiters}
	for _, f := range funcs {
		if !skip.has(f) {
			return syscallNames(f)
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
