package oops

// What else says BUG: and INFO:, stalls and hung tasks among it.

// stallRoute leads to the stack below the timer interrupt that found the stall.
var stallRoute = route{atInterrupted, framesIP}

// nmiRoute leads to the stack of a CPU that was asked for it because it takes no
// interrupts.
var nmiRoute = route{"NMI backtrace for cpu", atIP, atTrace, frames}

var stallAlts = []string{"stall in {frame}"}

var atomicSkip = []string{"^schedule", "__schedule", "preempt_schedule", "_cond_resched", "__cond_resched", "schedule_", "^msleep", "^ssleep$", "^usleep"}

var bugForms = []form{
	{
		sample: "watchdog: BUG: soft lockup - CPU#1 stuck for 44s! [sh:112]",
		match:  "BUG: soft lockup",
		title:  "BUG: soft lockup in {frame}", alts: stallAlts, class: SoftLockup, route: route{atIP, atTrace, frames}, pick: pickStall,
	},
	{
		sample: "BUG: scheduling while atomic: sh/111/0x00000002",
		match:  "BUG: scheduling while atomic",
		title:  "BUG: scheduling while atomic in {frame}", class: Atomic, route: traceRoute, skip: atomicSkip,
	},
	{
		sample: "BUG: sleeping function called from invalid context at mm/slab.h:421",
		match:  "BUG: sleeping function called from invalid context",
		title:  "BUG: sleeping function called from invalid context in {frame}", class: Atomic, route: traceRoute,
	},
	{
		sample: "BUG: using smp_processor_id() in preemptible [00000000] code: syz-executor/123",
		match:  "BUG: using {kind}() in preemptible",
		title:  "BUG: using {kind}() in preemptible code in {frame}", class: Atomic, route: traceRoute, skip: []string{"dump", "preempt", "smp_processor_id", "this_cpu"},
	},
	{
		sample: "BUG: Bad rss-counter state mm:0000000040ba1a50 idx:0 val:1",
		match:  "BUG: Bad rss-counter state",
		title:  "BUG: Bad rss-counter state", class: BUG, bare: true,
	},
	{
		sample: "BUG: non-zero nr_ptes on freeing mm: 1",
		match:  "BUG: non-zero {kind} on freeing mm",
		title:  "BUG: non-zero {kind} on freeing mm", class: BUG, bare: true,
	},
	{
		sample: "BUG: Dentry ffff880175978600{i=8bb9,n=lo}  still in use (1) [unmount of proc proc]",
		match:  "BUG: Dentry * still in use (*) [unmount of {text}]",
		title:  "BUG: Dentry still in use in unmount", alts: []string{"BUG: Dentry still in use [unmount of {text}]"}, class: BUG, warned: true,
	},
	{
		sample: "BUG: Bad page state in process sh  pfn:1b5b9",
		match:  "BUG: Bad page state in process",
		title:  "BUG: Bad page state in {frame}", class: SLUB, route: route{frames, frames},
	},
	{
		sample: "BUG: Bad page map in process sh  pte:1b5b9 pmd:2",
		match:  "BUG: Bad page map in process",
		title:  "BUG: Bad page map", class: SLUB,
	},
	{
		sample: "BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 34s!",
		match:  "BUG: workqueue lockup",
		title:  "BUG: workqueue lockup", class: Workqueue, bare: true,
	},
	{
		sample: "BUG: workqueue leaked lock or atomic: kworker/0:1/0x00000001/17",
		match:  "BUG: workqueue leaked {text}: ", then: "last function: {func}",
		title: "BUG: workqueue leaked {text} in {func}", class: BUG,
	},
	{
		sample: "BUG: workqueue leaked atomic, lock or RCU: kworker/0:1[17]",
		match:  "BUG: workqueue leaked {text}: ", then: "workfn={func}",
		title: "BUG: workqueue leaked {text} in {func}", class: BUG,
	},
	{
		sample: "BUG: MAX_STACK_TRACE_ENTRIES too low!",
		match:  "BUG: MAX_{word} too low!",
		title:  "BUG: MAX_{word} too low!", class: Lockdep, bare: true,
	},
	{
		sample: "BUG: stack guard page was hit at ffffc90000d2ff98 (stack is ffffc90000d30000..ffffc90000d37fff)",
		match:  "BUG: *stack guard page was hit",
		title:  "BUG: stack guard page was hit in {frame}", alts: stackOverflow, class: Die, route: faultRoute, pick: pickStall,
	},
	{
		sample: "BUG: memory leak",
		match:  "BUG: memory leak", then: "unreferenced object",
		title: "memory leak in {frame}", class: BUG, route: leakRoute, skip: leakSkip,
	},
	{
		sample: "BUG: unable to do something never seen",
		match:  "BUG: {text}",
		title:  "BUG: {text}", class: BUG, bare: true,
	},
	{
		sample: "BUG:",
		match:  "BUG:",
		title:  "BUG: corrupted", class: BUG, bare: true, broken: "head line is cut",
	},
}

var ignoredINFO = []string{
	"INFO: lockdep is turned off",
	"INFO: Stall ended before state dump start",
	"INFO: NMI handler",
	"INFO: recovery required on readonly",
	"_INFO:",
	"INFO: task * blocked on a",
	"INFO:*.cc(",
	"INFO:* took too long",
	"INFO: sys_* is not present in /proc/kallsyms",
	"INFO: no syscalls",
	"INFO: Slab 0x",
	"INFO: Object 0x",
	"INFO: Allocated in",
}

// stallSkip leaves out those who found the stall.
var stallSkip = []string{"rcu", "apic_timer_interrupt"}

var hangAlts = []string{"hang in {frame}"}

var infoForms = []form{
	{
		sample: "rcu: INFO: rcu_preempt self-detected stall on CPU",
		match:  "INFO: rcu_{word} self-detected stall",
		title:  "INFO: rcu detected stall in {frame}", alts: stallAlts, class: RCU, route: stallRoute, other: faultRoute, pick: pickStall, skip: stallSkip,
	},
	{
		sample: "rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 1-... } 21 jiffies s: 1",
		match:  "INFO: rcu_{word} detected expedited stall",
		title:  "INFO: rcu detected stall in {frame}", alts: stallAlts, class: RCU, route: stallRoute, other: nmiRoute, pick: pickStall, skip: stallSkip,
	},
	{
		sample: "INFO: rcu_preempt detected stalls on CPUs/tasks:",
		match:  "INFO: rcu_{word} detected",
		title:  "INFO: rcu detected stall in {frame}", alts: stallAlts, class: RCU, route: stallRoute, other: nmiRoute, pick: pickStall, skip: stallSkip,
	},
	{
		sample: "INFO: task sh:111 blocked for more than 10 seconds.",
		match:  "INFO: task * blocked *for more than {num} seconds",
		title:  "INFO: task hung in {frame}", alts: hangAlts, class: Hung, route: traceRoute, pick: pickHung,
	},
	{
		sample: "INFO: task syz-executor:123 can't die for more than 143 seconds.",
		match:  "INFO: task * can't die for more than {num} seconds",
		title:  "INFO: task can't die in {frame}", alts: hangAlts, class: Hung, route: traceRoute, pick: pickHung,
	},
	{
		sample: "INFO: trying to register non-static key.",
		match:  "INFO: trying to register non-static key",
		title:  "INFO: trying to register non-static key in {frame}", class: Lockdep, route: traceRoute,
	},
	{
		sample: "INFO: Freed in fasync_free_rcu+0x14/0x20 age=624 cpu=0 pid=3",
		match:  "INFO: Freed in {text}",
		title:  "INFO: Freed in {text}", class: SLUB, broken: "a slab report without its head",
	},
	{
		sample: "INFO: something never seen",
		match:  "INFO: {text}",
		title:  "INFO: {text}", class: BUG, bare: true,
	},
	{
		sample: "INFO:",
		match:  "INFO:",
		title:  "INFO: corrupted", class: BUG, bare: true, broken: "head line is cut",
	},
}
