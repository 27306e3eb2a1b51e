package disasm

import "golang.org/x/arch/x86/x86asm"

// maxInstruction is the longest instruction the CPU accepts.
const maxInstruction = 15

// inStep says how many bytes of code to leave out so that decoding lands exactly
// on mark: code may begin in the middle of an instruction, and only the place of
// the fault is certain. Of the starts nearby that get there, that with the fewest
// bytes of no instruction is taken, or of one that compilers do not write. If none
// does, fault itself is in the middle of an instruction, as after a jump through a
// bad pointer; 0 then keeps what comes before as it would have run.
func inStep(code []byte, mark int) int {
	best, lost := 0, len(code)+1
	for start := range min(maxInstruction, mark+1) {
		pos, bad := start, start
		for pos < mark && bad < lost {
			d := decode(code[pos:])
			pos += d.size
			if d.bad || odd(&d) {
				bad += d.size
			}
		}
		if pos == mark && bad < lost {
			best, lost = start, bad
		}
	}
	return best
}

// odd reports whether an instruction is one that kernels hardly have, but the
// inside of others often looks like: it is short, and its bytes are small numbers.
func odd(d *decoded) bool {
	if d.inst == nil {
		return false
	}
	switch d.inst.Op {
	case x86asm.IN, x86asm.OUT, x86asm.INSB, x86asm.INSW, x86asm.INSD, x86asm.OUTSB, x86asm.OUTSW, x86asm.OUTSD,
		x86asm.ENTER, x86asm.LOOP, x86asm.LOOPE, x86asm.LOOPNE, x86asm.JCXZ, x86asm.JECXZ, x86asm.JRCXZ, x86asm.XLATB,
		x86asm.LRET, x86asm.IRET, x86asm.IRETD, x86asm.LAHF, x86asm.SAHF, x86asm.CMC, x86asm.STD, x86asm.CLC, x86asm.STC,
		x86asm.RCL, x86asm.RCR, x86asm.INT, x86asm.ICEBP, x86asm.FWAIT, x86asm.HLT, x86asm.LODSB, x86asm.LODSD, x86asm.SCASB, x86asm.SCASD,
		x86asm.CMPSB, x86asm.CMPSD, x86asm.MOVSB, x86asm.MOVSD, x86asm.STOSB, x86asm.STOSD, x86asm.ADC, x86asm.SBB:
		return d.code[0]&0xf0 != 0x40 && d.code[0] != 0xf3
	case x86asm.RET:
		return d.size > 1
	case x86asm.ADD:
		return d.code[0] == 0 // bytes, which code seldom adds: 00 00 is add %al,(%rax)
	case x86asm.MOV:
		return d.code[0]&0xfc == 0xa0 // to and from fixed addresses
	}
	return d.code[0] >= 0xd8 && d.code[0] <= 0xdf // of the x87
}
