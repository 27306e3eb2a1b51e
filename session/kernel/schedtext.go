package kernel

import "ktrap/symbols/addr"

// InScheduler reports whether a is in code that a task passes through when it
// goes to sleep, and that says nothing about why: the scheduler and the locks.
// Source: linux kernel/sched/core.c, in_sched_functions.
func (k *Kernel) InScheduler(a addr.Addr) bool {
	within := func(start, end string) bool {
		low, ok1 := k.Symbol(start)
		high, ok2 := k.Symbol(end)
		return ok1 && ok2 && a >= low && a < high
	}
	return within("__sched_text_start", "__sched_text_end") || within("__lock_text_start", "__lock_text_end")
}
