package oops

// Faults in kernel mode and what they print first.

var badAccess = []string{"bad-access in {frame}"}

const (
	pagingTitle = "BUG: unable to handle kernel paging request in {frame}"
	nullTitle   = "BUG: unable to handle kernel NULL pointer dereference in {frame}"
)

var memoryForms = []form{
	{
		sample: "BUG: unable to handle kernel paging request at ffff88002bde1e40",
		match:  "BUG: unable to handle kernel paging request",
		title:  pagingTitle, alts: badAccess, class: Die, route: faultRoute,
	},
	{
		sample: "BUG: unable to handle page fault for address: ffffdead00000000",
		match:  "BUG: unable to handle page fault for address",
		title:  pagingTitle, alts: badAccess, class: Die, route: faultRoute,
	},
	{
		sample: "BUG: unable to handle kernel NULL pointer dereference at 0000000000000010",
		match:  "BUG: unable to handle kernel NULL pointer dereference",
		title:  nullTitle, alts: badAccess, class: Die, route: faultRoute,
	},
	{
		sample: "BUG: kernel NULL pointer dereference, address: 0000000000000010",
		match:  "BUG: kernel NULL pointer dereference",
		title:  nullTitle, alts: badAccess, class: Die, route: faultRoute,
	},
	{
		sample: "BUG: Kernel NULL pointer dereference on read at 0x00000000",
		match:  "BUG: Kernel NULL pointer dereference",
		title:  nullTitle, alts: badAccess, class: Die, route: faultRoute,
	},
	{
		sample: "BUG: Unable to handle kernel data access on write at 0xc00a000000f4",
		match:  "BUG: Unable to handle kernel {text} at 0x",
		title:  pagingTitle, alts: badAccess, class: Die, route: faultRoute,
	},
	{
		sample: "BUG: unable to handle kernel ",
		match:  "BUG: unable to handle kernel",
		title:  "BUG: unable to handle kernel", class: Die, bare: true, broken: "head line is cut",
	},
}

var gpfForms = []form{
	{
		sample: "general protection fault: 0000 [#1] SMP DEBUG_PAGEALLOC KASAN",
		match:  "general protection fault",
		title:  "general protection fault in {frame}", alts: badAccess, class: Die, route: faultRoute, joins: true,
	},
}

// dieForms are the exceptions that die() names itself.
func dieForms(name string) []form {
	return []form{{
		sample: name + ": 0000 [#1] PREEMPT SMP NOPTI",
		match:  pattern(name + ": "),
		title:  name + " in {frame}", class: Die, route: faultRoute, joins: true,
	}}
}

// rareForms are those whose names are words of other lines too.
func rareForms(name string) []form {
	f := dieForms(name)
	f[0].match = pattern(name + ": {hex} [#{num}]")
	return f
}

// divideForms is the name of the same exception in kernels around 5.9.
var divideForms = []form{{
	sample: "divide_error: 0000 [#1] PREEMPT SMP KASAN",
	match:  "divide_error: ",
	title:  "divide error in {frame}", class: Die, route: faultRoute, joins: true,
}}

var doubleFaultForms = []form{{
	sample: "traps: PANIC: double fault, error_code: 0x0",
	match:  "PANIC: double fault",
	title:  "PANIC: double fault in {frame}", class: Die, route: faultRoute, joins: true,
}}

var kernelBUGForms = []form{
	{
		sample: "kernel BUG at lib/list_debug.c:51!",
		match:  "ernel BUG at lib/list_debug.c",
		title:  "BUG: corrupted list in {frame}", alts: badAccess, class: BUG, route: faultRoute,
	},
	{
		sample: "kernel BUG at mm/usercopy.c:102!",
		match:  "ernel BUG at mm/usercopy.c",
		title:  "BUG: bad usercopy in {frame}", class: BUG, route: faultRoute, skip: []string{"^usercopy_", "^__check_"},
	},
	{
		sample: "kernel BUG at mm/slub.c:419!",
		match:  "ernel BUG at {text}",
		title:  "kernel BUG in {frame}", class: BUG, route: faultRoute,
	},
}

// armForms are the page faults of arm, arm64 and riscv.
var armForms = []form{
	{
		sample: "Unable to handle kernel NULL pointer dereference at virtual address 0000000000000008",
		match:  "Unable to handle kernel NULL pointer dereference",
		title:  nullTitle, alts: badAccess, class: Die, route: faultRoute,
	},
	{
		sample: "Unable to handle kernel paging request at virtual address dfff800000000000",
		match:  "Unable to handle kernel {text} at virtual address",
		title:  pagingTitle, alts: badAccess, class: Die, route: faultRoute,
	},
	{
		sample: "Unable to handle kernel access to user memory without uaccess routines",
		match:  "Unable to handle kernel ",
		title:  pagingTitle, alts: badAccess, class: Die, route: faultRoute,
	},
}

var internalForms = []form{
	{
		sample: "Internal error: Oops - BUG: 0 [#1] PREEMPT SMP ARM",
		match:  "Internal error: Oops - BUG",
		title:  "kernel BUG in {frame}", class: BUG, route: faultRoute, joins: true,
	},
	{
		sample: "Internal error: Oops - undefined instruction: 0 [#1] SMP ARM",
		match:  "Internal error: Oops - undefined instruction",
		title:  "undefined instruction in {frame}", class: Die, route: faultRoute, joins: true,
	},
	{
		sample: "Internal error: synchronous external abort: 96000210 [#1] SMP",
		match:  "Internal error: synchronous external abort",
		title:  "synchronous external abort in {frame}", class: Die, route: faultRoute, joins: true,
	},
	{
		sample: "Internal error: Oops: 96000004 [#1] PREEMPT SMP",
		match:  "Internal error: {text}:",
		title:  "Internal error in {frame}", alts: badAccess, class: Die, route: faultRoute, joins: true,
	},
	{
		sample: "Bad mode in Error handler detected on CPU1, code 0xbf000002 -- SError",
		match:  "Bad mode in",
		title:  "Bad mode in {frame}", class: Die, route: faultRoute,
	},
	{
		sample: "Internal error: ",
		match:  "Internal error:",
		title:  "Internal error", class: Die, bare: true, broken: "head line is cut", joins: true,
	},
}

// riscvForms are the exceptions that riscv has words for.
var riscvForms = []form{
	{
		sample: "Oops - illegal instruction [#1]",
		match:  "Oops - {text} [#{num}]",
		title:  "{text} in {frame}", class: Die, route: faultRoute, joins: true,
	},
}

var unhandledForms = []form{
	{
		sample: "Unhandled fault: page domain fault (0x01b) at 0x00000e30",
		match:  "Unhandled fault:",
		title:  "Unhandled fault in {frame}", alts: badAccess, class: Die, route: faultRoute,
	},
	{
		sample: "Alignment trap: not handling instruction e1b9bf9f at [<80337ef0>]",
		match:  "Alignment trap:",
		title:  "Alignment trap in {frame}", class: Die, route: faultRoute,
	},
}

var stackOverflow = []string{"stack-overflow in {frame}"}

var armStackForms = []form{{
	sample: "Insufficient stack space to handle exception!",
	match:  "Insufficient stack space to handle exception",
	title:  "kernel stack overflow in {frame}", alts: stackOverflow, class: Die, route: faultRoute, pick: pickStall,
}}
