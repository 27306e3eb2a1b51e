package oops

// Reports of lockdep and of the lock implementations.

// lockAt takes the lock wanted, else the lock held, else the stack below.
var lockAt = route{"at: {func}", "at: {func}", frames, frames}

// lockForms exist with WARNING: (since 4.15) and with INFO: (before).
var lockForms = []form{
	{
		sample: "WARNING: possible circular locking dependency detected",
		match:  "possible circular locking dependency detected",
		title:  "possible deadlock in {frame}", class: Lockdep, route: lockAt,
	},
	{
		sample: "WARNING: possible irq lock inversion dependency detected",
		match:  "possible irq lock inversion dependency detected",
		title:  "possible deadlock in {frame}", class: Lockdep, route: route{"just changed the state of lock", "at: {func}", atTrace, frames},
	},
	{
		sample: "WARNING: SOFTIRQ-safe -> SOFTIRQ-unsafe lock order detected",
		match:  "-safe -> *unsafe lock order detected",
		title:  "possible deadlock in {frame}", class: Lockdep, route: route{"which became *-irq-safe at:", frames}, other: lockAt, skip: []string{"lock"},
	},
	{
		sample: "WARNING: possible recursive locking detected",
		match:  "possible recursive locking detected",
		title:  "possible deadlock in {frame}", class: Lockdep, route: lockAt,
	},
	{
		sample: "WARNING: inconsistent lock state",
		match:  "inconsistent lock state",
		title:  "inconsistent lock state in {frame}", class: Lockdep, route: route{"takes", "at: {func}", atTrace, frames},
	},
	{
		sample: "WARNING: suspicious RCU usage",
		match:  "suspicious RCU usage", then: "suspicious rcu_dereference*() usage",
		title: "WARNING: suspicious RCU usage in {frame}", class: RCU, route: traceRoute, skip: []string{"rcu", "kmalloc", "slab"},
	},
	{
		sample: "INFO: suspicious RCU usage.",
		match:  "suspicious RCU usage", then: "Call ",
		title: "WARNING: suspicious RCU usage in {frame}", class: RCU, route: traceRoute, skip: []string{"rcu", "kmalloc", "slab"},
	},
	{
		sample: "WARNING: suspicious RCU usage",
		match:  "suspicious RCU usage",
		title:  "WARNING: suspicious RCU usage", class: RCU,
	},
	{
		sample: "WARNING: bad unlock balance detected!",
		match:  "bad unlock balance detected!",
		title:  "WARNING: bad unlock balance in {frame}", class: Lockdep, route: route{"is trying to release lock", frames, atTrace, frames},
	},
	{
		sample: "WARNING: held lock freed!",
		match:  "held lock freed!",
		title:  "WARNING: held lock freed in {frame}", class: Lockdep, route: lockAt,
	},
	{
		sample: "WARNING: lock held when returning to user space!",
		match:  "lock held when returning to user space",
		title:  "WARNING: lock held when returning to user space in {frame}", class: Lockdep, route: route{"at: {func}", atTrace, frames}, bare: true,
	},
	{
		sample: "WARNING: Nested lock was not taken",
		match:  "Nested lock was not taken",
		title:  "WARNING: nested lock was not taken in {frame}", class: Lockdep, route: traceRoute,
	},
	{
		sample: "WARNING: syz-executor/123 still has locks held!",
		match:  "still has locks held!",
		title:  "WARNING: still has locks held in {frame}", class: Lockdep, route: route{"at: {func}", atTrace, frames},
	},
}

// lockBUGForms are the lock reports that say BUG:.
var lockBUGForms = []form{
	{
		sample: "BUG: spinlock bad magic on CPU#1, syz-executor/123",
		match:  "BUG: spinlock {text} on CPU",
		title:  "BUG: spinlock {text} in {frame}", class: Lockdep, route: traceRoute, skip: []string{"spin_"},
	},
	{
		sample: "BUG: rwlock bad magic on CPU#1, syz-executor/123",
		match:  "BUG: rwlock {text} on CPU",
		title:  "BUG: rwlock {text} in {frame}", class: Lockdep, route: traceRoute, skip: []string{"rwlock", "_lock"},
	},
	{
		sample: "BUG: spinlock lockup suspected",
		match:  "BUG: spinlock {text}",
		title:  "BUG: spinlock {text} in {frame}", class: Lockdep, route: traceRoute, skip: []string{"spin_"},
	},
	{
		sample: "[ BUG: bad unlock balance detected! ]",
		match:  "BUG: bad unlock balance detected!",
		title:  "BUG: bad unlock balance in {frame}", class: Lockdep, route: route{"is trying to release lock", frames, atTrace, frames},
	},
	{
		sample: "[ BUG: held lock freed! ]",
		match:  "BUG: held lock freed!",
		title:  "BUG: held lock freed in {frame}", class: Lockdep, route: lockAt,
	},
	{
		sample: "[ BUG: syz-executor/123 still has locks held! ]",
		match:  "BUG: *still has locks held!",
		title:  "BUG: still has locks held in {frame}", class: Lockdep, route: lockAt,
	},
	{
		sample: "[ BUG: lock held when returning to user space! ]",
		match:  "BUG: lock held when returning to user space",
		title:  "BUG: lock held when returning to user space in {frame}", class: Lockdep, route: route{"at: {func}", atTrace, frames}, bare: true,
	},
	{
		sample: "[ BUG: Invalid wait context ]",
		match:  "BUG: Invalid wait context",
		title:  "WARNING: locking bug in {frame}", class: Lockdep, route: traceRoute, skip: []string{"lock"},
	},
}
