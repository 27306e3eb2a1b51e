package oops

// Class is the kind of a crash as policies name it (--on CLASS=POLICY).
type Class string

// The classes, each named after the part of the kernel that speaks.
const (
	Panic      Class = "panic"      // panic() itself is the news
	Die        Class = "oops"       // a fault in kernel mode
	BUG        Class = "bug"        // BUG(), and reports that say BUG: without a class of their own
	WARN       Class = "warn"       // WARN() and reports that say WARNING:
	KASAN      Class = "kasan"      // address sanitizer
	KFENCE     Class = "kfence"     // sampling memory checker
	KMSAN      Class = "kmsan"      // uninitialized memory
	UBSAN      Class = "ubsan"      // undefined behaviour
	KCSAN      Class = "kcsan"      // data races
	SLUB       Class = "slub"       // slab and page allocator consistency
	Lockdep    Class = "lockdep"    // lock order, lock state
	RCU        Class = "rcu"        // stalls and suspicious usage
	Atomic     Class = "atomic"     // sleeping or scheduling where that is forbidden
	SoftLockup Class = "softlockup" // a CPU that does not schedule
	HardLockup Class = "hardlockup" // a CPU that takes no interrupts
	Hung       Class = "hung"       // a task blocked too long
	Workqueue  Class = "workqueue"  // a worker pool that makes no progress
	OOM        Class = "oom"        // out of memory
	Hang       Class = "hang"       // no progress, found from outside the guest
)

// Classes lists every class in the order of the documentation.
func Classes() []Class {
	return []Class{
		Panic, Die, BUG, WARN, KASAN, KFENCE, KMSAN, UBSAN, KCSAN, SLUB, Lockdep,
		RCU, Atomic, SoftLockup, HardLockup, Hung, Workqueue, OOM, Hang,
	}
}
