// Package trap decides which kernel functions ktrap stops at, what a hit there
// means, and what to do about it. It is pure: the caller reads registers and
// text and hands them in.
//
// A report has two points: where its context is intact (registers, stack), and
// where its text is complete. Engine pairs them per CPU; points that see a
// report only when it is over are the catch-alls for reports whose own
// function was inlined or is not known here.
package trap

import (
	"ktrap/symbols/cfi"
	"ktrap/symbols/oops"
)

// Role says what can be had at a point.
type Role uint8

// The roles.
const (
	Context  Role = iota // the report begins: registers and stack are intact
	Text                 // the report's text is complete
	CatchAll             // some report has just ended; its text says which
	Reset                // the guest is about to start anew
)

// Point is one kernel function to stop at.
// Source: linux arch/x86/kernel/dumpstack.c, kernel/panic.c, mm/kasan/report.c and
// the files named below; arguments are those of the System V calling convention.
type Point struct {
	Name  string
	Class oops.Class // of the report that begins or ends here, if the point alone tells
	Role  Role
	// Regs is the argument that points to the pt_regs of the fault.
	// HasRegs is false where the report has none and the caller's frame counts.
	Regs    cfi.Reg
	HasRegs bool
	// Fault is the argument with the faulting address.
	Fault    cfi.Reg
	HasFault bool
	// Error is the argument with the CPU's error code.
	Error    cfi.Reg
	HasError bool
	// Task is the argument with the task that the report is about, if that is not
	// the one that reports.
	Task    cfi.Reg
	HasTask bool
	// Returns is set where the text is complete when the function returns, Caught
	// where that is so at the next catch-all on the same CPU.
	Returns, Caught bool
	// Spurious is set where the function returns only if there is nothing to report
	// after all: a page fault that KFENCE has provoked.
	Spurious bool
	// Unless names a function that makes the point superfluous where it exists.
	Unless string
	// Only, if set, decides from the arguments and the task whether the hit counts.
	Only func(h *Hit) bool
}

// emergencyExit ends every report of lockdep and RCU since 6.12. The functions
// that begin them share their pages with those that take every lock, and QEMU
// executes a page with a breakpoint one instruction at a time: the kernel with
// lockdep becomes several times slower.
const emergencyExit = "nbcon_cpu_emergency_exit"

// panicOnWarn ends every report of UBSAN since 6.2. The handlers are entered
// for each fault of a place that has been reported, too, and share a page with
// stack_depot_save_flags, in which a kernel with KASAN spends much of its time.
const panicOnWarn = "check_panic_on_warn"

// taint flags, from include/linux/panic.h.
const (
	taintMachineCheck = 4
	taintBadPage      = 5
	taintDie          = 7
	taintWarn         = 9
	taintSoftLockup   = 14
)

// Points lists what to trap. A kernel has only some of them; the rest are
// skipped. Functions that are too hot to trap are absent on purpose: list
// validation, might_resched, exc_page_fault and their like, and kasan_report,
// which the kernel calls a million times before its shadow memory is set up.
func Points() []Point {
	all := []Point{
		// die paths, arch/x86/mm/fault.c and arch/x86/kernel/{traps,dumpstack}.c
		{Name: "page_fault_oops", Class: oops.Die, Regs: cfi.RDI, HasRegs: true, Error: cfi.RSI, HasError: true, Fault: cfi.RDX, HasFault: true, Spurious: true},
		{Name: "no_context", Class: oops.Die, Regs: cfi.RDI, HasRegs: true, Error: cfi.RSI, HasError: true, Fault: cfi.RDX, HasFault: true, Spurious: true},
		{Name: "die", Class: oops.Die, Regs: cfi.RSI, HasRegs: true, Error: cfi.RDX, HasError: true},
		{Name: "die_addr", Class: oops.Die, Regs: cfi.RSI, HasRegs: true, Error: cfi.RDX, HasError: true, Fault: cfi.RCX, HasFault: true},
		{Name: "oops_end", Class: oops.Die, Role: Text, Regs: cfi.RSI, HasRegs: true},

		// panic, kernel/panic.c; __crash_kexec(NULL) follows the text and precedes the stop of other CPUs
		{Name: "panic", Class: oops.Panic},
		{Name: "vpanic", Class: oops.Panic},
		{Name: "__crash_kexec", Class: oops.Panic, Role: Text, Only: func(h *Hit) bool { return h.Arg(cfi.RDI) == 0 }},
		{Name: "kmsg_dump_desc", Class: oops.Panic, Role: Text, Only: func(h *Hit) bool { return uint32(h.Arg(cfi.RDI)) == 1 }},
		{Name: "kmsg_dump", Class: oops.Panic, Role: Text, Only: func(h *Hit) bool { return uint32(h.Arg(cfi.RDI)) == 1 }},
		{Name: "console_flush_on_panic", Class: oops.Panic, Role: Text},

		// reports that return to their caller
		{Name: "__warn", Class: oops.WARN, Regs: cfi.R8, HasRegs: true, Returns: true},
		{Name: "complete_report_info", Class: oops.KASAN, Caught: true},
		{Name: "print_report", Class: oops.KASAN, Caught: true},
		{Name: "kfence_report_error", Class: oops.KFENCE, Regs: cfi.RDX, HasRegs: true, Fault: cfi.RDI, HasFault: true, Returns: true},
		{Name: "kmsan_report", Class: oops.KMSAN, Returns: true},
		{Name: "kcsan_report_known_origin", Class: oops.KCSAN, Returns: true},
		{Name: "kcsan_report_unknown_origin", Class: oops.KCSAN, Returns: true},
		{Name: "lockdep_rcu_suspicious", Class: oops.RCU, Returns: true, Unless: emergencyExit},
		{Name: "bad_page", Class: oops.BUG, Returns: true},
		{Name: "object_err", Class: oops.SLUB, Returns: true},
		{Name: "slab_err", Class: oops.SLUB, Returns: true},
		{Name: "__schedule_bug", Class: oops.Atomic, Returns: true},
		{Name: "oom_kill_process", Class: oops.OOM, Returns: true},
		{Name: "show_all_workqueues", Class: oops.Workqueue, Returns: true, Only: calledBy("wq_watchdog_timer_fn")},
		{Name: "show_workqueue_state", Class: oops.Workqueue, Returns: true, Only: calledBy("wq_watchdog_timer_fn")},
		{Name: "sched_show_task", Class: oops.Hung, Task: cfi.RDI, HasTask: true, Returns: true, Only: func(h *Hit) bool { return h.Comm == "khungtaskd" }},

		// catch-alls: called when the text of some report is complete
		{Name: "add_taint", Role: CatchAll, Only: reportTaint},
		{Name: panicOnWarn, Role: CatchAll},
		{Name: "panic_on_rcu_stall", Class: oops.RCU, Role: CatchAll},
		{Name: emergencyExit, Role: CatchAll},

		// the guest restarts: addresses of the next kernel will differ
		{Name: "machine_restart", Role: Reset},
		{Name: "emergency_restart", Role: Reset},
	}
	for _, name := range lockdepPrinters {
		all = append(all, Point{Name: name, Class: oops.Lockdep, Returns: true, Unless: emergencyExit})
	}
	for _, kind := range ubsanHandlers {
		all = append(all, Point{Name: "__ubsan_handle_" + kind, Class: oops.UBSAN, Returns: true, Unless: panicOnWarn})
	}
	return all
}

// lockdepPrinters are the static printers of kernel/locking/lockdep.c; compilers
// inline some of them, which is what the catch-alls are for.
var lockdepPrinters = []string{
	"print_circular_bug", "print_usage_bug", "print_deadlock_bug", "print_bad_irq_dependency",
	"print_irq_inversion_bug", "print_freed_lock_bug", "print_held_locks_bug",
	"print_unlock_imbalance_bug", "print_lock_invalid_wait_context",
	"print_lock_nested_lock_not_held", "print_collision",
}

// ubsanHandlers are the handlers of lib/ubsan.c.
var ubsanHandlers = []string{
	"add_overflow", "sub_overflow", "mul_overflow", "negate_overflow", "divrem_overflow",
	"type_mismatch", "type_mismatch_v1", "vla_bound_not_positive", "out_of_bounds",
	"shift_out_of_bounds", "load_invalid_value", "alignment_assumption", "nonnull_arg", "pointer_overflow",
}

// reportTaint keeps the taints that reports leave. TAINT_DIE is left out:
// oops_end is the better point for it; module taints are no report at all.
func reportTaint(h *Hit) bool {
	switch uint32(h.Arg(cfi.RDI)) {
	case taintMachineCheck, taintBadPage, taintWarn, taintSoftLockup:
		return true
	}
	return false
}

func calledBy(names ...string) func(*Hit) bool {
	return func(h *Hit) bool {
		for _, n := range names {
			if h.Caller == n {
				return true
			}
		}
		return false
	}
}

// Resolve finds the address of a point's function: the plain name first, then
// the names compilers give to specialised copies. Fragments (name.cold) are
// never taken: they are entered by a jump, with no arguments.
func (p *Point) Resolve(addrsOf func(name string) []uint64) []uint64 {
	if p.Unless != "" && len(addrsOf(p.Unless)) > 0 {
		return nil
	}
	for _, suffix := range []string{"", ".isra.0", ".constprop.0", ".part.0", ".constprop.0.isra.0"} {
		if found := addrsOf(p.Name + suffix); len(found) > 0 {
			return found
		}
	}
	return nil
}
