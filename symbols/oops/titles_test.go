package oops

import (
	"strings"
	"testing"
)

// stack is a call trace of functions, innermost first.
func stack(functions ...string) string {
	return "Call Trace:\n" + frameLines(functions...)
}

func frameLines(functions ...string) string {
	var b strings.Builder
	for _, f := range functions {
		b.WriteString(" " + f + "+0x1/0x20\n")
	}
	return b.String()
}

// at is the register block of a fault in a function.
func at(function string) string { return "RIP: 0010:" + function + "+0x1/0x20\n" }

const cpu = "CPU: 0 UID: 0 PID: 7 Comm: sh Not tainted 6.12.1 #1\n"

// syscall is what every stack of a process ends in.
var syscall = []string{"vfs_write", "ksys_write", "do_syscall_64", "entry_SYSCALL_64_after_hwframe"}

func below(functions ...string) []string { return append(functions, syscall...) }

func TestEveryKindOfReportHasItsTitle(t *testing.T) {
	irq := func(functions ...string) string {
		return "Call Trace:\n <IRQ>\n" + frameLines("dump_stack", "rcu_dump_cpu_stacks", "hrtimer_interrupt") + " </IRQ>\n <TASK>\n asm_sysvec_apic_timer_interrupt+0x1/0x20\n" + at(functions[0]) + frameLines(below(functions[1:]...)...)
	}
	for _, c := range []struct {
		log         string
		class       Class
		title, kind string
	}{
		{"BUG: unable to handle page fault for address: ffffdead00000000\n" + at("memcpy_orig") + stack(below("foo")...), Die, "BUG: unable to handle kernel paging request in foo", "MEMORY_SAFETY_BUG"},
		{"Oops: general protection fault, probably for non-canonical address 0xdffffc0000000003: 0000 [#1] SMP KASAN\nKASAN: null-ptr-deref in range [0x18-0x1f]\n" + at("foo") + stack(below("bar")...), Die, "general protection fault in foo", "DoS"},
		{"Oops: divide error: 0000 [#1] SMP\n" + at("foo") + stack(below("bar")...), Die, "divide error in foo", "DoS"},
		{"Oops: alignment check: 0000 [#1] SMP\n" + at("foo") + stack(below("bar")...), Die, "alignment check in foo", ""},
		{"Oops - illegal instruction [#1]\n" + cpu + "epc : foo+0x1/0x2\n ra : bar+0x1/0x2\nCall Trace:\n[<ffffffff80123456>] bar+0x1/0x2\n[<ffffffff80123456>] bar+0x1/0x2\n", Die, "illegal instruction in foo", ""},
		{"Internal error: UBSAN: array index out of bounds: 00000000f2005512 [#1] SMP\n" + cpu + "pc : foo+0x1/0x2\nlr : bar+0x1/0x2\nCall trace:\n" + frameLines("foo", "bar", "el0t_64_sync"), Die, "Internal error in foo", "DoS"},
		{"UBSAN: array index out of bounds at foo+0x1/0x2 [m]\nOops: invalid opcode: 0000 [#1] SMP\n" + at("foo") + stack(below("bar")...), UBSAN, "UBSAN: array index out of bounds in foo", "UBSAN"},
		{"WARNING: at net/core/dev.c:12 foo+0x1/0x2()\n" + cpu + stack(below("dump_stack", "warn_slowpath_null", "foo")...), WARN, "WARNING in foo", "WARNING"},
		{"rust_kernel: panicked at rust/kernel/lib.rs:12:34:\nexplicit panic\nkernel BUG at rust/helpers/bug.c:7!\nOops: invalid opcode: 0000 [#1] SMP\n" + at("rust_helper_BUG") + stack(below("_RNvCs43vyB533jt3_7___rustc17rust_begin_unwind", "_RNvNtCsbV4WdSVEyWk_4core9panicking9panic_fmt", "foo")...), BUG, "kernel BUG in foo", "BUG"},
		{"BUG: Unable to handle kernel data access on read at 0xc00a000000000000\nOops: Kernel access of bad area, sig: 11 [#1]\n" + cpu + "NIP [c0000000003b8d1c] foo+0x5c/0x120\nLR [c0000000003b8d10] bar+0x50/0x120\nCall Trace:\n[c00000000d2bb940] [c0000000003b8d10] baz+0x50/0x120 (unreliable)\n[c00000000d2bb9a0] [c0000000003b9000] bar+0x12/0x34\n", Die, "BUG: unable to handle kernel paging request in foo", "MEMORY_SAFETY_BUG"},
		{"Kernel panic - not syncing: Kernel stack overflow\n" + cpu + "epc : spin+0x1/0x2 ra : spin+0x1/0x2\nCall Trace:\n[<ffffffff80123456>] spin+0x1/0x2\n[<ffffffff80123456>] foo+0x1/0x2\n[<ffffffff80123456>] do_trap_ecall_u+0x1/0x2\n", Panic, "kernel stack overflow in foo", "DoS"},
		{"INFO: task sh:7 blocked for more than 143 seconds.\n" + stack(below("__schedule", "schedule", "foo_wait", "__do_sys_reboot")...), Hung, "INFO: task hung in reboot", "HANG"},
		{"kernel BUG at mm/filemap.c:12!\nOops: invalid opcode: 0000 [#1] SMP\n" + at("foo") + stack(below("bar")...), BUG, "kernel BUG in foo", "BUG"},
		{"usercopy: Kernel memory exposure attempt detected from SLUB object 'kmalloc-64' (offset 0, size 200)!\nkernel BUG at mm/usercopy.c:102!\n" + at("usercopy_abort") + stack(below("__check_heap_object", "foo")...), BUG, "BUG: bad usercopy in foo", ""},
		{"list_del corruption, ffff888100000000->next is LIST_POISON1 (dead000000000100)\nkernel BUG at lib/list_debug.c:56!\n" + at("__list_del_entry_valid_or_report") + stack(below("foo")...), BUG, "BUG: corrupted list in foo", "MEMORY_SAFETY_BUG"},
		{"detected buffer overflow in memcpy\nkernel BUG at lib/string_helpers.c:1029!\n" + at("fortify_panic") + stack(below("foo")...), BUG, "kernel BUG in foo", "BUG"},
		{"WARNING: CPU: 0 PID: 7 at lib/string_helpers.c:1029 __fortify_report+0x1/0x2\n" + at("__fortify_report") + stack(below("foo")...), WARN, "WARNING in foo", "WARNING"},
		{"WARNING: CPU: 0 PID: 7 at lib/refcount.c:28 refcount_warn_saturate+0x1/0x2\n" + at("refcount_warn_saturate") + stack(below("foo")...), WARN, "WARNING: refcount bug in foo", "REFCOUNT_WARNING"},
		{"WARNING: lib/refcount.c:28 at refcount_warn_saturate+0x1/0x2, CPU#0: sh/7\n" + at("refcount_warn_saturate") + stack(below("foo")...), WARN, "WARNING: refcount bug in foo", "REFCOUNT_WARNING"},
		{"ODEBUG: free active (active state 0) object: ffff888100000000 object type: timer_list hint: f+0x0/0x30\nWARNING: CPU: 0 PID: 7 at lib/debugobjects.c:612 debug_print_object+0x1/0x2\n" + at("debug_print_object") + stack(below("debug_check_no_obj_freed", "kfree", "foo")...), WARN, "WARNING: ODEBUG bug in foo", "WARNING"},
		{"------------[ cut here ]------------\nWARNING: CPU: 0 PID: 7 at net/core/dev.c:12 foo+0x1/0x2\n" + at("foo") + stack(below("bar")...), WARN, "WARNING in foo", "WARNING"},
		{"BUG: KASAN: slab-use-after-free in __list_add_valid+0x1/0x2\nRead of size 8 at addr ffff888100000000 by task sh/7\n" + cpu + stack(below("dump_stack_lvl", "print_report", "kasan_report", "__list_add_valid", "foo")...), KASAN, "KASAN: slab-use-after-free Read in foo", "KASAN-USE-AFTER-FREE-READ"},
		{"BUG: KASAN: stack-out-of-bounds in foo+0x1/0x2\nWrite of size 8 at addr ffff888100000000 by task sh/7\n" + cpu + stack(below("dump_stack_lvl", "foo")...), KASAN, "KASAN: stack-out-of-bounds Write in foo", "KASAN-WRITE"},
		{"BUG: KASAN: null-ptr-deref in foo+0x1/0x2\nRead of size 8 at addr 0000000000000010 by task sh/7\n" + cpu + stack(below("dump_stack_lvl", "foo")...), KASAN, "KASAN: null-ptr-deref Read in foo", "KASAN-NULL-POINTER-DEREFERENCE-READ"},
		{"BUG: KASAN: double-free in kfree+0x1/0x2\nFree of addr ffff888100000000 by task sh/7\n" + cpu + stack(below("dump_stack_lvl", "kasan_report_invalid_free", "kfree", "foo")...), KASAN, "KASAN: double-free in foo", "KASAN-INVALID-FREE"},
		{"BUG: KFENCE: use-after-free write in foo+0x1/0x2\n\nUse-after-free write at 0xffff888100000000 (in kfence-#12):\n" + frameLines(below("foo")...), KFENCE, "KFENCE: use-after-free write in foo", "KFENCE-USE-AFTER-FREE-WRITE"},
		{"BUG: KMSAN: uninit-value in foo+0x1/0x2\n" + frameLines(below("foo")...) + cpu, KMSAN, "KMSAN: uninit-value in foo", "KMSAN-UNINIT-VALUE"},
		{"BUG: KMSAN: kernel-usb-infoleak in usb_submit_urb+0x1/0x2\n" + frameLines(below("kmsan_handle_urb", "usb_submit_urb", "foo")...) + cpu, KMSAN, "KMSAN: kernel-usb-infoleak in foo", "KMSAN-INFO-LEAK"},
		{"BUG: KCSAN: data-race in foo [m] / bar\n\nwrite to 0xffff888100000000 of 4 bytes by task 7 on cpu 0:\n" + frameLines(below("foo")...), KCSAN, "KCSAN: data-race in foo / bar", "KCSAN-DATARACE"},
		{"UBSAN: array-index-out-of-bounds in fs/jfs/jfs_dtree.c:12:34\nindex 9 is out of range for type 's8[8]'\n" + cpu + stack(below("dump_stack_lvl", "__ubsan_handle_out_of_bounds", "foo")...), UBSAN, "UBSAN: array-index-out-of-bounds in foo", "MEMORY_SAFETY_UBSAN"},
		{"UBSAN: shift-out-of-bounds in fs/jfs/jfs_dmap.c:12:34\n" + cpu + stack(below("dump_stack_lvl", "foo")...), UBSAN, "UBSAN: shift-out-of-bounds in foo", "UBSAN"},
		{"WARNING: possible circular locking dependency detected\nsh/7 is trying to acquire lock:\nffff (&a){+.+.}-{4:4}, at: foo+0x1/0x2\n\nbut task is already holding lock:\nffff (&b){+.+.}-{4:4}, at: bar+0x1/0x2\nstack backtrace:\n" + cpu + stack(below("dump_stack_lvl")...), Lockdep, "possible deadlock in foo", "LOCKDEP"},
		{"WARNING: possible recursive locking detected\nsh/7 is trying to acquire lock:\nffff (&a){+.+.}-{4:4}, at: foo+0x1/0x2\n\nbut task is already holding lock:\nffff (&a){+.+.}-{4:4}, at: bar+0x1/0x2\nstack backtrace:\n" + cpu + stack(below("dump_stack_lvl")...), Lockdep, "possible deadlock in foo", "LOCKDEP"},
		{"WARNING: inconsistent lock state\ninconsistent {IN-HARDIRQ-W} -> {HARDIRQ-ON-W} usage.\nsh/7 [HC0[0]:SC0[0]:HE1:SE1] takes:\nffff (l){?...}-{3:3}, at: foo+0x1/0x2\nstack backtrace:\n" + cpu + stack(below("dump_stack_lvl")...), Lockdep, "inconsistent lock state in foo", "LOCKDEP"},
		{"WARNING: suspicious RCU usage\nnet/a.c:12 suspicious rcu_dereference_check() usage!\nstack backtrace:\n" + cpu + stack(below("dump_stack_lvl", "lockdep_rcu_suspicious", "foo")...), RCU, "WARNING: suspicious RCU usage in foo", "WARNING"},
		{"[ BUG: Invalid wait context ]\n6.12.1 #1 Not tainted\nsh/7 is trying to lock:\nffff (l){....}-{3:3}, at: foo+0x1/0x2\nstack backtrace:\n" + cpu + stack(below("dump_stack_lvl", "__lock_acquire", "_raw_spin_lock", "foo")...), Lockdep, "WARNING: locking bug in foo", "LOCKDEP"},
		{"BUG: MAX_LOCKDEP_CHAINS too low!\n" + cpu, Lockdep, "BUG: MAX_LOCKDEP_CHAINS too low!", ""},
		{"BUG: spinlock bad magic on CPU#1, sh/7\n" + cpu + stack(below("dump_stack_lvl", "spin_dump", "do_raw_spin_lock", "foo")...), Lockdep, "BUG: spinlock bad magic in foo", "LOCKDEP"},
		{"rcu: INFO: rcu_preempt self-detected stall on CPU\nrcu: \t0-....: (1 GPs behind)\n" + cpu + irq("spin", "foo"), RCU, "INFO: rcu detected stall in foo", "HANG"},
		{"rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\nrcu: \t1-...0: (1 GPs behind)\nSending NMI from CPU 0 to CPUs 1:\nNMI backtrace for cpu 1\n" + cpu + at("spin") + stack(below("foo")...), RCU, "INFO: rcu detected stall in foo", "HANG"},
		{"rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 1-...D } 2684 jiffies s: 9 root: 0x2/.\nSending NMI from CPU 0 to CPUs 1:\nNMI backtrace for cpu 1\n" + cpu + at("spin") + stack(below("foo")...), RCU, "INFO: rcu detected stall in foo", "HANG"},
		{"watchdog: BUG: soft lockup - CPU#1 stuck for 44s! [sh:7]\n" + cpu + at("spin") + stack(below("foo")...), SoftLockup, "BUG: soft lockup in foo", "HANG"},
		{"watchdog: CPU1: Watchdog detected hard LOCKUP on cpu 1\n" + cpu + at("spin") + stack(below("foo")...), HardLockup, "hard lockup in foo", "HANG"},
		{"INFO: task sh:7 blocked for more than 143 seconds.\n      Not tainted 6.12.1 #1\ntask:sh state:D\n" + stack(below("context_switch", "__schedule", "schedule", "schedule_preempt_disabled", "__mutex_lock", "foo")...), Hung, "INFO: task hung in foo", "HANG"},
		{"INFO: task sh:7 blocked in I/O wait for more than 143 seconds.\n" + stack(below("__schedule", "io_schedule", "folio_wait_bit_common", "foo")...), Hung, "INFO: task hung in foo", "HANG"},
		{"INFO: task sh:7 blocked for more than 143 seconds.\n" + stack(below("__schedule", "schedule", "rtnl_lock", "foo")...), Hung, "INFO: task hung in rtnl_lock", "HANG"},
		{"BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 34s!\nShowing busy workqueues\n", Workqueue, "BUG: workqueue lockup", "HANG"},
		{"BUG: workqueue leaked atomic, lock or RCU: kworker/0:1[17]\n     preempt=0x00000000 lock=0->1 RCU=0->0 workfn=foo\n" + cpu + stack("dump_stack_lvl", "process_one_work", "worker_thread"), BUG, "BUG: workqueue leaked atomic, lock or RCU in foo", ""},
		{"BUG: scheduling while atomic: sh/7/0x00000002\n" + cpu + stack(below("dump_stack_lvl", "__schedule_bug", "__schedule", "schedule", "foo")...), Atomic, "BUG: scheduling while atomic in foo", "ATOMIC_SLEEP"},
		{"BUG: sleeping function called from invalid context at mm/slab.h:421\n" + cpu + stack(below("dump_stack_lvl", "__might_resched", "kmem_cache_alloc", "foo")...), Atomic, "BUG: sleeping function called from invalid context in foo", "ATOMIC_SLEEP"},
		{"BUG: memory leak\nunreferenced object 0xffff888100000000 (size 96):\n  comm \"sh\", pid 7, jiffies 4294937296\n  backtrace (crc 0):\n" + frameLines(below("kmemleak_alloc", "__kmalloc_cache_noprof", "foo")...), BUG, "memory leak in foo", "LEAK"},
		{"BUG: Bad page state in process sh  pfn:1b5b9\npage: refcount:-1 mapcount:0\n" + cpu + stack(below("dump_stack_lvl", "bad_page", "free_unref_page", "foo")...), SLUB, "BUG: Bad page state in foo", ""},
		{"BUG: Bad page map in process sh  pte:8000000012345067 pmd:1\n" + cpu + stack(below("dump_stack_lvl", "print_bad_pte", "foo")...), SLUB, "BUG: Bad page map", ""},
		{"BUG kmalloc-96 (Tainted: G    B      OE     ): Poison overwritten\n" + cpu + stack(below("dump_stack_lvl", "check_bytes_and_report", "check_object", "foo")...), SLUB, "BUG: Poison overwritten in foo", ""},
		{"BUG: TASK stack guard page was hit at ffffc90000d2ff98 (stack is ffffc90000d30000..ffffc90000d37fff)\n" + at("spin") + stack(below("spin", "spin", "foo")...), Die, "BUG: stack guard page was hit in foo", ""},
		{"Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: foo+0x66/0x70 [m]\n" + cpu, Panic, "kernel panic: stack is corrupted in foo", "DoS"},
		{"Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: ffffffff81234567\n" + cpu + stack(below("dump_stack", "panic", "__stack_chk_fail", "foo")...), Panic, "kernel panic: stack is corrupted in foo", "DoS"},
		{"Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\n" + cpu + stack("dump_stack", "panic", "mount_root"), Panic, "kernel panic: VFS: Unable to mount root fs on unknown-block(NUM,NUM)", "DoS"},
		{"Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b\n" + cpu + stack(below("panic", "do_exit")...), Panic, "kernel panic: Attempted to kill init!", "DoS"},
		{"unregister_netdevice: waiting for lo to become free. Usage count = 2\n", BUG, "unregister_netdevice: waiting for DEV to become free", "DoS"},
		{"Unable to handle kernel NULL pointer dereference at virtual address 0000000000000010\nInternal error: Oops: 0000000096000004 [#1] SMP\n" + cpu + "pc : foo+0x1/0x2\nlr : bar+0x1/0x2\nCall trace:\n" + frameLines("foo", "bar", "el0t_64_sync"), Die, "BUG: unable to handle kernel NULL pointer dereference in foo", "NULL-POINTER-DEREFERENCE"},
		{"Unable to handle kernel paging request at virtual address ff60000000000000\nOops [#1]\n" + cpu + "epc : foo+0x1/0x2\n ra : bar+0x1/0x2\nCall Trace:\n[<ffffffff80123456>] foo+0x1/0x2\n[<ffffffff80123456>] bar+0x1/0x2\n", Die, "BUG: unable to handle kernel paging request in foo", "MEMORY_SAFETY_BUG"},
		{"SYZFAIL: failed to recv rpc\nfd=3 want=4 sent=0 n=0\n", BUG, "SYZFAIL: failed to recv rpc", "SYZ_FAILURE"},
		{"panic: runtime error: index out of range [5] with length 5\ngoroutine 1 [running]:\n", BUG, "go runtime error", "DoS"},
	} {
		all := newsOf([]byte(c.log))
		if len(all) != 1 {
			t.Errorf("%d crashes, want %q of\n%s", len(all), c.title, c.log)
			continue
		}
		if o := &all[0]; o.Title != c.title || o.Class != c.class || o.Type != c.kind || o.Corrupted {
			t.Errorf("have %s %q type %q corrupted %q, want %s %q type %q of\n%s", o.Class, o.Title, o.Type, o.CorruptedReason, c.class, c.title, c.kind, c.log)
		}
	}
}

func TestWhatLooksLikeAReportIsNone(t *testing.T) {
	for _, log := range []string{
		"traps: sh[7] general protection fault ip:7f0000001000 sp:7ffc00000000 error:0 in libc.so.6[7f0000000000+1000]",
		"sh[7] general protection fault ip:7f0000001000 sp:7ffc00000000 error:0",
		"traps: sh[7] trap divide error ip:400000 sp:7ffc00000000 error:0 in a[400000+1000]",
		"traps: sh[7] trap invalid opcode ip:400000 sp:7ffc00000000 error:0 in a[400000+1000]",
		"sh[7]: segfault at 0 ip 0000000000400000 sp 00007ffc00000000 error 4 in a[400000+1000]",
		"INFO: NMI handler (perf_event_nmi_handler) took too long to run: 2.277 msecs",
		"perf: interrupt took too long (2509 > 2500), lowering kernel.perf_event_max_sample_rate to 79500",
		"INFO: lockdep is turned off.",
		"INFO: task sh:7 is blocked on a mutex likely owned by task sh:8.",
		"INFO: task sh:7 <writer> blocked on an rw-semaphore likely owned by task sh:8 <writer>",
		"Spectre V2 : WARNING: Unprivileged eBPF is enabled with eIBRS on, data leaks possible",
		"WARNING: The mand mount option has been deprecated and",
		"WARNING: /etc/ssh/moduli does not exist, using fixed modulus",
		"Lockdep: fixing up alternatives: DEBUG_LOCKS_WARN_ON(0)",
		"---[ end Kernel panic - not syncing: Fatal exception ]---",
		"kasan: KernelAddressSanitizer initialized",
		"rcu: INFO: Stall ended before state dump start",
		"BTF: invalid BTF_INFO: x INVALID BTF_INFO:72000001",
		"ODEBUG: Out of memory. ODEBUG disabled",
		"DEBUG: nothing",
		"trusty: panic notifier - trusty version Built: 22:56:33 Sep  3 2018",
	} {
		if all := newsOf([]byte(log + "\n")); len(all) != 0 {
			t.Errorf("%q is taken for %q", log, all[0].Title)
		}
	}
}
