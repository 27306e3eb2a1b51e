package cfi

// The sizes of what the processor and the kernel's entry code push.
const (
	PtRegsSize    = 168
	IretFrameSize = 40
)

// Offsets of what is no register to an unwinder, in pt_regs and iret frame.
const (
	PtRegsCS     = 136
	PtRegsOrigAX = 120
	IretFrameCS  = 8
)

// PtRegs gives the rules at a whole pt_regs that lies at the CFA: the caller was
// interrupted and every register is known.
// Source: linux arch/x86/include/asm/ptrace.h; unchanged since 2.6.
func PtRegs() (rules [NumRegs]Rule) {
	for i, r := range [...]Reg{R15, R14, R13, R12, RBP, RBX, R11, R10, R9, R8, RAX, RCX, RDX, RSI, RDI} {
		rules[r] = Rule{Kind: AtCFA, Off: int64(8 * i)}
	}
	rules[RIP] = Rule{Kind: AtCFA, Off: 128}
	rules[RSP] = Rule{Kind: AtCFA, Off: 152}
	return rules
}

// IretFrame gives the rules at an iret frame that lies at the CFA: entry code
// that has not yet saved the other registers, so these still hold.
func IretFrame() (rules [NumRegs]Rule) {
	for r := range rules {
		rules[r] = Rule{Kind: Same}
	}
	rules[RIP] = Rule{Kind: AtCFA, Off: 0}
	rules[RSP] = Rule{Kind: AtCFA, Off: 24}
	return rules
}
