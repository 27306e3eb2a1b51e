package oops

import "sync"

// heads are the lines that open a report, in the order they are asked: what names
// its reporter precisely before the words that many reporters share. They are put
// together at first use, of which most runs of ktrap have none.
var heads = sync.OnceValue(func() []head {
	return []head{
		{mark: "BUG:", ignore: ignoredBUG, forms: joinForms(memoryForms, sanitizerForms, lockBUGForms, bugForms)},
		{mark: "WARNING:", ignore: ignoredWARNING, forms: joinForms(warnForms, lockForms, otherWarnForms)},
		{mark: "INFO:", ignore: ignoredINFO, forms: joinForms(lockForms, infoForms)},
		{mark: "Unable to handle kernel", forms: armForms},
		{mark: "general protection fault", ignore: []string{"traps: *general protection*ip:", "general protection fault ip:", "general protection ip:"}, forms: gpfForms},
		{mark: "stack segment: ", forms: dieForms("stack segment")},
		{mark: "Kernel panic", ignore: []string{"end Kernel panic"}, forms: panicForms},
		{mark: "rcu_kthread: unable", forms: infoForms},
		{mark: "Kernel BUG", forms: kernelBUGForms},
		{mark: "kernel BUG", forms: kernelBUGForms},
		{mark: "BUG ", ignore: []string{"kasan: bad access detected"}, forms: slubForms},
		{mark: "divide error: ", forms: dieForms("divide error")},
		{mark: "divide_error: ", forms: divideForms},
		{mark: "invalid opcode: ", forms: dieForms("invalid opcode")},
		{mark: "int3: ", forms: dieForms("int3")},
		{mark: "alignment check: ", forms: rareForms("alignment check")},
		{mark: "segment not present: ", forms: rareForms("segment not present")},
		{mark: "invalid TSS: ", forms: rareForms("invalid TSS")},
		{mark: "bounds: ", ignore: []string{"of bounds: "}, forms: rareForms("bounds")},
		{mark: "coprocessor segment overrun: ", forms: rareForms("coprocessor segment overrun")},
		{mark: "Oops - ", ignore: []string{"Internal error:"}, forms: riscvForms},
		{mark: "PANIC: double fault", forms: doubleFaultForms},
		{mark: "UBSAN:", ignore: []string{"Internal error:"}, forms: ubsanForms},
		{mark: "unregister_netdevice: waiting for", forms: netdevForms},
		{mark: "unreferenced object", forms: leakForms},
		{mark: "trusty: panic", ignore: []string{"trusty: panic notifier"}, forms: trustyForms},
		{mark: "Internal error:", forms: internalForms},
		{mark: "Unhandled fault:", forms: unhandledForms},
		{mark: "Alignment trap:", forms: unhandledForms},
		{mark: "Insufficient stack space to handle exception", forms: armStackForms},
		{mark: "VFS: Busy inodes after unmount", forms: vfsForms},
		{mark: "VFS: Close: file count is 0", forms: vfsForms},
		{mark: "invoked oom-killer:", forms: oomForms},
		{mark: ": page allocation failure: order:", forms: oomForms},
		{mark: "Watchdog detected hard LOCKUP", forms: hardLockupForms},
		{mark: "Bad mode in", forms: internalForms},
		{mark: "Booting the kernel.", forms: rebootForms},
		{mark: "SYZFAIL:", forms: syzForms},
		{mark: "SYZFATAL:", forms: syzForms},
		{mark: "fatal error: ", ignore: []string{"*: fatal error: "}, forms: syzForms},
		{mark: "panic: runtime error: ", forms: syzForms},
	}
})

func joinForms(tables ...[]form) []form {
	var all []form
	for _, t := range tables {
		all = append(all, t...)
	}
	return all
}

var ignoredBUG = []string{"INVALID BTF_INFO", "DEBUG:", "[pid *] *BUG:", "BUG_ON"}
