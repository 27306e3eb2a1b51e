package oops

// Panics, and what has a head of its own.

var panicForms = []form{
	{
		sample: "Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: ffffffff81234567",
		match:  "Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: ffff",
		title:  "kernel panic: stack is corrupted in {frame}", class: Panic, route: traceRoute,
	},
	{
		sample: "Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: c_stackprot+0x66/0x70 [crashme]",
		match:  "Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: {func}",
		title:  "kernel panic: stack is corrupted in {func}", class: Panic, bare: true,
	},
	{
		sample: "Kernel panic - not syncing: kernel stack overflow",
		match:  "Kernel panic - not syncing: kernel stack overflow",
		title:  "kernel stack overflow in {frame}", alts: stackOverflow, class: Panic, route: traceRoute, skip: []string{"bad_stack"}, pick: pickStall,
	},
	{
		sample: "Kernel panic - not syncing: Kernel stack overflow",
		match:  "Kernel panic - not syncing: Kernel stack overflow",
		title:  "kernel stack overflow in {frame}", alts: stackOverflow, class: Panic, route: faultRoute, other: traceRoute, pick: pickStall,
	},
	{
		sample: "Kernel panic - not syncing: corrupted stack end detected inside scheduler",
		match:  "Kernel panic - not syncing: corrupted stack end detected inside scheduler",
		title:  "kernel panic: corrupted stack end in {frame}", alts: stackOverflow, class: Panic, route: traceRoute, pick: pickStall,
	},
	{
		sample: "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000009",
		match:  "Kernel panic - not syncing: Attempted to kill init!",
		title:  "kernel panic: Attempted to kill init!", class: Panic,
	},
	{
		sample: "Kernel panic - not syncing: Couldn't open N_TTY ldisc for ptm1 --- error -12.",
		match:  "Kernel panic - not syncing: Couldn't open N_TTY ldisc for",
		title:  "kernel panic: Couldn't open N_TTY ldisc", class: Panic,
	},
	{
		sample: "Kernel panic - not syncing: Fatal exception in interrupt",
		match:  "Kernel panic - not syncing: Fatal exception",
		title:  "kernel panic: Fatal exception", class: Panic, broken: "the exception itself is missing",
	},
	{
		sample: "Kernel panic - not syncing: kernel: panic_on_warn set ...",
		match:  "Kernel panic - not syncing: *panic_on_warn set",
		title:  "kernel panic: panic_on_warn set", class: Panic, broken: "the warning itself is missing",
	},
	{
		sample: "Kernel panic - not syncing: hung_task: blocked tasks",
		match:  "Kernel panic - not syncing: hung_task: blocked tasks",
		title:  "kernel panic: hung_task: blocked tasks", class: Panic, broken: "the hung task itself is missing",
	},
	{
		sample: "Kernel panic - not syncing: sysrq triggered crash",
		match:  "Kernel panic - not syncing: {text}",
		title:  "kernel panic: {text}", class: Panic,
	},
	{
		sample: "Kernel panic",
		match:  "Kernel panic",
		title:  "kernel panic: corrupted", class: Panic, bare: true, broken: "head line is cut",
	},
}

var netdevForms = []form{{
	sample: "unregister_netdevice: waiting for lo to become free. Usage count = 2",
	match:  "unregister_netdevice: waiting for",
	title:  "unregister_netdevice: waiting for DEV to become free", class: BUG, bare: true,
}}

var trustyForms = []form{
	{
		sample: "trusty: panic (caller 0xffffffffe000fbd0): DEBUG ASSERT FAILED at (trusty/kernel/lk/reflist.h:63): list_in_list(&ref->ref_node)",
		match:  "trusty: panic* ASSERT FAILED at (*): {text}",
		title:  "trusty: ASSERT FAILED: {text}", class: Panic, bare: true,
	},
	{
		sample: "trusty: panic (caller 0xffffffffe000fbd0): something",
		match:  "trusty: panic{text}",
		title:  "trusty: panic{text}", class: Panic, bare: true,
	},
}

var vfsForms = []form{
	{
		sample: "VFS: Busy inodes after unmount of loop0. Self-destruct in 5 seconds.  Have a nice day...",
		match:  "VFS: Busy inodes after unmount",
		title:  "VFS: Busy inodes after unmount (use-after-free)", class: BUG, bare: true,
	},
	{
		sample: "VFS: Close: file count is 0",
		match:  "VFS: Close: file count is 0",
		title:  "VFS: Close: file count is zero (use-after-free)", class: BUG, bare: true,
	},
}

var oomForms = []form{
	{
		sample: "sh invoked oom-killer: gfp_mask=0xdc0(GFP_KERNEL|__GFP_ZERO), order=0, oom_score_adj=0",
		match:  "invoked oom-killer:",
		title:  "out of memory", class: OOM, minor: true,
	},
	{
		sample: "sh: page allocation failure: order:4, mode:0xcc0(GFP_KERNEL), nodemask=(null),cpuset=/,mems_allowed=0",
		match:  ": page allocation failure: order:",
		title:  "page allocation failure in {frame}", class: OOM, route: traceRoute, minor: true,
	},
}

var hardLockupForms = []form{{
	sample: "NMI watchdog: Watchdog detected hard LOCKUP on cpu 1",
	match:  "Watchdog detected hard LOCKUP",
	title:  "hard lockup in {frame}", alts: stallAlts, class: HardLockup, route: faultRoute, pick: pickStall,
}}

// rebootForms are what the decompressor says. It is a crash where a kernel ran
// before and neither panicked nor was told to reboot.
var rebootForms = []form{{
	sample: "Booting the kernel.",
	match:  "^Booting the kernel.",
	title:  "unexpected kernel reboot", class: BUG, bare: true, running: true,
}}

var syzForms = []form{
	{
		sample: "SYZFAIL: failed to recv rpc",
		match:  "SYZFAIL: {text}",
		title:  "SYZFAIL: {text}", class: BUG, bare: true,
	},
	{
		sample: "2022/10/02 11:34:15 SYZFATAL: executor 4 failed 11 times: failed to create temp dir",
		match:  "SYZFATAL: {text}",
		title:  "SYZFATAL: {text}", alts: []string{"SYZFATAL"}, class: BUG, bare: true,
	},
	{
		sample: "fatal error: out of memory",
		match:  "fatal error: ", then: "goroutine ",
		title: "go runtime error", class: BUG, bare: true,
	},
	{
		sample: "panic: runtime error: index out of range",
		match:  "panic: runtime error: ",
		title:  "go runtime error", class: BUG, bare: true,
	},
}
