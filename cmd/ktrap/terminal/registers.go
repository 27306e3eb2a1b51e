package terminal

import (
	"context"
	"fmt"
	"strings"

	"ktrap/session/report"
	"ktrap/symbols/addr"
)

// registers prints them as an oops of the kernel does, question marks for what
// is not known. RIP is followed by its symbol; a task that does not run has no
// more than the general registers.
// Source: linux arch/x86/kernel/process_64.c __show_regs.
func registers(ctx context.Context, t *Terminal, _ string) error {
	regs, err := t.dbg.Registers(ctx)
	if err != nil {
		return err
	}
	rip, _ := regs.Get("rip")
	t.printf("RIP: %s:%s %s\n", hex(regs, "cs", 4), hex(regs, "rip", 16), t.colors.fn(t.dbg.Symbol(addr.Addr(rip))))
	t.printf("RSP: %s:%s EFLAGS: %s\n", hex(regs, "ss", 4), hex(regs, "rsp", 16), hex(regs, "eflags", 8))
	for _, row := range []string{"rax rbx rcx", "rdx rsi rdi", "rbp r8 r9", "r10 r11 r12", "r13 r14 r15"} {
		for i, name := range strings.Fields(row) {
			label := strings.ToUpper(name)
			if len(label) == 2 { // R08, as the kernel has it
				label = "R0" + label[1:]
			}
			t.printf("%s%s: %s", strings.Repeat(" ", min(i, 1)), label, hex(regs, name, 16))
		}
		t.printf("\n")
	}
	if _, ok := regs.Get("cr3"); !ok {
		return nil
	}
	t.printf("FS:  %s(%s) GS:%s(%s) knlGS:%s\n",
		hex(regs, "fs_base", 16), hex(regs, "fs", 4), hex(regs, "gs_base", 16), hex(regs, "gs", 4), hex(regs, "k_gs_base", 16))
	t.printf("CS:  %s DS: %s ES: %s CR0: %s\n", hex(regs, "cs", 4), hex(regs, "ds", 4), hex(regs, "es", 4), hex(regs, "cr0", 16))
	t.printf("CR2: %s CR3: %s CR4: %s\n", hex(regs, "cr2", 16), hex(regs, "cr3", 16), hex(regs, "cr4", 16))
	return nil
}

// hex is a register in so many digits.
func hex(regs report.Registers, name string, digits int) string {
	v, ok := regs.Get(name)
	if !ok {
		return strings.Repeat("?", digits)
	}
	return fmt.Sprintf("%0*x", digits, v)
}
