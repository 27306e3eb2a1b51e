package oops

// WARN() and what else says WARNING:.

var ignoredWARNING = []string{
	"WARNING: the mand mount option is being deprecated",
	"WARNING: The mand mount option is being deprecated",
	"WARNING: fbcon: Driver",
	"WARNING: *USES WIRELESS EXTENSIONS",
	"WARNING: *uses wireless extensions",
	"WARNING: Unprivileged eBPF is enabled",
	"WARNING: *CPU*not running at full",
	"WARNING: `*uses*",
	"WARNING: workqueue cpumask: online intersect > possible intersect",
	"WARNING: /etc/ssh/moduli does not exist",
	"WARNING: Unsupported flag value(s) of",
	"WARNING: See https://",
	"WARNING: The *mount option * deprecated",
}

// warnRoute starts where the trap hit; kernels that warn by a call have no such
// place but in the stack.
var warnRoute = route{atIP, frames}

// odebugSkip leaves out the ways in which an active object is freed or reused.
var odebugSkip = []string{"debug_", "rcu", "hrtimer_", "timer_", "work_", "percpu_", "kmem_", "slab_", "kfree", "kvfree", "vunmap", "vfree", "vmalloc", "__free_", "kobject_"}

// mallocSkip leaves out the ways to allocate.
var mallocSkip = []string{"kmalloc", "kcalloc", "kzalloc", "krealloc", "slab", "kmem", "kvmalloc", "memdup"}

// warnForms are WARN() at known places, then at any place. The place may stand
// before or, since 6.19, without the CPU.
var warnForms = []form{
	{
		sample: "WARNING: CPU: 0 PID: 84 at lib/debugobjects.c:514 debug_print_object+0xe8/0x130",
		match:  "WARNING: *lib/debugobjects.c",
		title:  "WARNING: ODEBUG bug in {frame}", class: WARN, route: warnRoute, other: traceRoute, skip: odebugSkip,
	},
	{
		sample: "WARNING: CPU: 0 PID: 1 at mm/usercopy.c:77 usercopy_warn+0x1/0x2",
		match:  "WARNING: *mm/usercopy.c:* usercopy_warn",
		title:  "WARNING: bad usercopy in {frame}", class: WARN, route: warnRoute, other: traceRoute, skip: []string{"usercopy", "check_heap"},
	},
	{
		sample: "WARNING: CPU: 0 PID: 1 at lib/kobject.c:244 kobject_add_internal+0x1/0x2",
		match:  "WARNING: *lib/kobject.c:* kobject_",
		title:  "WARNING: kobject bug in {frame}", class: WARN, route: warnRoute, other: traceRoute, skip: []string{"kobject_"},
	},
	{
		sample: "WARNING: CPU: 0 PID: 1 at fs/proc/generic.c:361 proc_register+0x1/0x2",
		match:  "WARNING: *fs/proc/generic.c:* proc_register",
		title:  "WARNING: proc registration bug in {frame}", class: WARN, route: warnRoute, other: traceRoute, skip: []string{"proc_"},
	},
	{
		sample: "WARNING: CPU: 0 PID: 113 at lib/refcount.c:25 refcount_warn_saturate+0x97/0x110",
		match:  "WARNING: *lib/refcount.c",
		title:  "WARNING: refcount bug in {frame}", class: WARN, route: warnRoute, other: traceRoute, skip: []string{"refcount", "kobject_"},
	},
	{
		sample: "WARNING: CPU: 0 PID: 1 at kernel/locking/lockdep.c:4000 lock_release+0x1/0x2",
		match:  "WARNING: *kernel/locking/lockdep.c:* lock_",
		title:  "WARNING: locking bug in {frame}", class: Lockdep, route: warnRoute, other: traceRoute, skip: []string{"lock_"},
	},
	{
		sample: "WARNING: CPU: 0 PID: 1 at kernel/locking/lockdep.c:873 register_lock_class+0x1/0x2",
		match:  "WARNING: *kernel/locking/lockdep.c",
		title:  "WARNING: locking bug in {frame}", class: Lockdep, route: warnRoute, other: traceRoute, skip: []string{"lock"},
	},
	{
		sample: "WARNING: CPU: 0 PID: 1 at mm/vmalloc.c:3 __vmalloc_node_range+0x1/0x2",
		match:  "WARNING: *mm/vmalloc.c:* __vmalloc_node",
		title:  "WARNING: zero-size vmalloc in {frame}", class: WARN, route: warnRoute, other: traceRoute, skip: []string{"vmalloc"},
	},
	{
		sample: "WARNING: CPU: 0 PID: 1 at mm/slab_common.c:996 kmalloc_slab+0x1/0x2",
		match:  "WARNING: *mm/*.c:{num} {malloc}",
		title:  "WARNING: kmalloc bug in {frame}", class: WARN, route: warnRoute, other: traceRoute, skip: mallocSkip,
	},
	{
		sample: "WARNING: mm/slab_common.c:996 at kmalloc_slab+0x1/0x2, CPU#1: sh/5830",
		match:  "WARNING: mm/*.c:{num} at {malloc}",
		title:  "WARNING: kmalloc bug in {frame}", class: WARN, route: warnRoute, other: traceRoute, skip: mallocSkip,
	},
	{
		sample: "WARNING: CPU: 0 PID: 1 at drivers/usb/core/urb.c:345 usb_submit_urb+0x1/0x2",
		match:  "WARNING: *usb/core/urb.c:* usb_submit_urb",
		title:  "WARNING in {frame}/usb_submit_urb", class: WARN, route: warnRoute, other: traceRoute, skip: []string{"usb_submit_urb", "usb_start_wait_urb", "usb_bulk_msg", "usb_interrupt_msg", "usb_control_msg"},
	},
	{
		sample: "WARNING: CPU: 0 PID: 84 at /build/crashme/crashme.c:138 c_warn+0x37/0x50 [crashme]",
		match:  "WARNING: CPU: * at *:{num} {func}",
		title:  "WARNING in {frame}", class: WARN, route: warnRoute, other: traceRoute,
	},
	{
		sample: "WARNING: fs/dcache.c:829 at fast_dput+0x334/0x430, CPU#1: sh/5830",
		match:  "WARNING: *:{num} at *CPU#{num}",
		title:  "WARNING in {frame}", class: WARN, route: warnRoute, other: traceRoute,
	},
	{
		sample: "WARNING: at net/core/dev.c:12 f+0x1/0x2()",
		match:  "WARNING: at *:{num} {func}",
		title:  "WARNING in {frame}", class: WARN, route: warnRoute, other: traceRoute,
	},
	{
		sample: "WARNING: CPU: 3 PID: 1975 at fs/locks.c:241",
		match:  "WARNING: CPU: * at *:{num}",
		title:  "WARNING in {frame}", class: WARN, route: warnRoute, other: traceRoute,
	},
}

var otherWarnForms = []form{
	{
		sample: "WARNING: kernel stack regs at ffff8801db107a78 in syz-executor0:13571 has bad 'bp' value 0000000000000001",
		match:  "WARNING: kernel stack {kind} at * has bad",
		title:  "WARNING: kernel stack {kind} has bad value", class: WARN, bare: true,
	},
	{
		sample: "WARNING: kernel stack frame pointer at ffff8801db107a78 in sh:13571 has bad value",
		match:  "WARNING: kernel stack frame pointer at * has bad",
		title:  "WARNING: kernel stack regs has bad value", class: WARN, bare: true,
	},
	{
		sample: "usb 5-1: WARNING: ath10k USB support is incomplete, don't expect anything to work!",
		match:  "WARNING: {text}",
		title:  "WARNING: {text}", class: WARN, bare: true,
	},
	{
		sample: "WARNING:",
		match:  "WARNING:",
		title:  "WARNING: corrupted", class: WARN, bare: true, broken: "head line is cut",
	},
}
