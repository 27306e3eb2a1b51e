package cause

import (
	"strings"

	"golang.org/x/arch/x86/x86asm"
)

// use says what an instruction does to its memory operand i; empty if it only
// computes the address.
// Source: Intel SDM volume 2.
func use(inst *x86asm.Inst, i int) Op {
	switch inst.Op {
	case x86asm.LEA, x86asm.NOP, x86asm.PREFETCHNTA, x86asm.PREFETCHT0, x86asm.PREFETCHT1, x86asm.PREFETCHT2,
		x86asm.PREFETCHW, x86asm.INVLPG, x86asm.UD0, x86asm.UD1:
		return ""
	case x86asm.XCHG:
		return Modify
	}
	if i > 0 || reads[inst.Op] {
		return Read
	}
	if modifies[inst.Op] {
		return Modify
	}
	if name := inst.Op.String(); name[0] == 'F' && !storesFloat(name) {
		return Read
	}
	return Write
}

// storesFloat tells the x87 instructions that write their operand: FST, FSTP,
// FNSTSW, FISTP, FBSTP, FXSAVE, FNSAVE and their like.
func storesFloat(name string) bool {
	return strings.Contains(name, "ST") && !strings.Contains(name, "RSTOR") || strings.Contains(name, "SAVE")
}

// reads lists what only reads its first operand.
var reads = ops(
	x86asm.CMP, x86asm.TEST, x86asm.BT, x86asm.PUSH, x86asm.CALL, x86asm.JMP, x86asm.LCALL, x86asm.LJMP,
	x86asm.MUL, x86asm.IMUL, x86asm.DIV, x86asm.IDIV,
	x86asm.CMPSB, x86asm.CMPSW, x86asm.CMPSD, x86asm.CMPSQ,
	x86asm.LGDT, x86asm.LIDT, x86asm.LLDT, x86asm.LTR, x86asm.LMSW, x86asm.VERR, x86asm.VERW,
	x86asm.LDMXCSR, x86asm.XRSTOR, x86asm.XRSTOR64, x86asm.XRSTORS, x86asm.XRSTORS64,
	x86asm.CLFLUSH, x86asm.XLATB,
)

// modifies lists what reads and writes its first operand.
var modifies = ops(
	x86asm.ADD, x86asm.ADC, x86asm.SUB, x86asm.SBB, x86asm.AND, x86asm.OR, x86asm.XOR,
	x86asm.INC, x86asm.DEC, x86asm.NEG, x86asm.NOT, x86asm.XADD,
	x86asm.CMPXCHG, x86asm.CMPXCHG8B, x86asm.CMPXCHG16B,
	x86asm.SHL, x86asm.SHR, x86asm.SAR, x86asm.ROL, x86asm.ROR, x86asm.RCL, x86asm.RCR, x86asm.SHLD, x86asm.SHRD,
	x86asm.BTS, x86asm.BTR, x86asm.BTC,
)

func ops(list ...x86asm.Op) map[x86asm.Op]bool {
	m := make(map[x86asm.Op]bool, len(list))
	for _, op := range list {
		m[op] = true
	}
	return m
}

// size is how many bytes of memory an instruction moves, 0 if that is not fixed.
func size(inst *x86asm.Inst) int {
	if n := stringSize(inst.Op); n > 0 {
		return n
	}
	switch inst.Op {
	case x86asm.FXSAVE, x86asm.FXSAVE64, x86asm.FXRSTOR, x86asm.FXRSTOR64:
		return 512
	case x86asm.LGDT, x86asm.LIDT, x86asm.SGDT, x86asm.SIDT:
		return 10
	case x86asm.XLATB, x86asm.CLFLUSH:
		return 1
	}
	return inst.MemBytes
}

// stringSize is the size of one step of a string instruction.
func stringSize(op x86asm.Op) int {
	switch op {
	case x86asm.MOVSB, x86asm.STOSB, x86asm.LODSB, x86asm.SCASB, x86asm.CMPSB, x86asm.INSB, x86asm.OUTSB:
		return 1
	case x86asm.MOVSW, x86asm.STOSW, x86asm.LODSW, x86asm.SCASW, x86asm.CMPSW, x86asm.INSW, x86asm.OUTSW:
		return 2
	case x86asm.MOVSD, x86asm.STOSD, x86asm.LODSD, x86asm.SCASD, x86asm.CMPSD, x86asm.INSD, x86asm.OUTSD:
		return 4
	case x86asm.MOVSQ, x86asm.STOSQ, x86asm.LODSQ, x86asm.SCASQ, x86asm.CMPSQ:
		return 8
	}
	return 0
}

// overwrites reports whether an instruction does not read its first operand.
func overwrites(inst *x86asm.Inst) bool {
	name := strings.TrimPrefix(inst.Op.String(), "V")
	for _, start := range []string{"MOV", "SET", "LEA", "POP", "LODS", "BSF", "BSR", "LZCNT", "TZCNT"} {
		if strings.HasPrefix(name, start) {
			return true
		}
	}
	return inst.Op == x86asm.IMUL && inst.Args[2] != nil
}
