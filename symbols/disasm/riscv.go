package disasm

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/arch/riscv64/riscv64asm"

	"ktrap/symbols/addr"
)

// RISCV64 is Disassemble for riscv: instructions have 2 or 4 bytes, little-endian,
// and what the library does not decode comes as .half or .word.
func RISCV64(code []byte, base, fault addr.Addr, name func(addr.Addr) string) []Instruction {
	var list []Instruction
	mark := len(code)
	if at := fault - base; at < addr.Addr(len(code)) {
		mark = int(at)
	}
	pos := 0
	if mark < len(code) && !riscvLands(code[:mark]) && mark >= 2 {
		list, pos = Words(code[:2], 2, base, fault), 2 // the second half of an instruction
	}
	for pos < len(code) {
		n := riscvSize(code[pos:])
		if pos < mark && pos+n > mark {
			n = mark - pos
		}
		in := Words(code[pos:pos+n:pos+n], n, base+addr.Addr(pos), fault)[0]
		in.decodeRISCV(name)
		list = append(list, in)
		pos += n
	}
	return list
}

// riscvSize is the length of the instruction that code begins with.
// Source: RISC-V unprivileged specification, "Base Instruction-Length Encoding".
func riscvSize(code []byte) int {
	if code[0]&3 == 3 {
		return min(4, len(code))
	}
	return min(2, len(code))
}

// riscvLands reports whether instructions fill code without a rest.
func riscvLands(code []byte) bool {
	for len(code) > 0 {
		n := 2
		if code[0]&3 == 3 {
			n = 4
		}
		if n > len(code) {
			return false
		}
		code = code[n:]
	}
	return true
}

// decodeRISCV writes an instruction if the library knows it.
func (i *Instruction) decodeRISCV(name func(addr.Addr) string) {
	inst, err := riscv64asm.Decode(i.Bytes)
	if err != nil || inst.Len != len(i.Bytes) {
		return
	}
	i.Text, i.Bad = riscvABI(riscv64asm.GNUSyntax(inst)), false
	if !riscvBranches(inst.Op) {
		return
	}
	for _, a := range inst.Args {
		if rel, ok := a.(riscv64asm.Simm); ok {
			i.Target = i.Addr + addr.Addr(int64(rel.Imm))
			last := strings.LastIndexAny(i.Text, " ,") + 1
			i.Text = fmt.Sprintf("%s%#x", i.Text[:last], uint64(i.Target))
		}
	}
	if i.Target != 0 && name != nil && name(i.Target) != "" {
		i.Text += " <" + name(i.Target) + ">"
	}
}

// riscvABI gives registers the names that the kernel prints them by.
func riscvABI(text string) string {
	return riscvNumber.ReplaceAllStringFunc(text, func(r string) string {
		n, _ := strconv.Atoi(r[1:]) // the expression lets nothing else pass
		return riscvRegisters[n]
	})
}

var riscvNumber = regexp.MustCompile(`\bx([12]?[0-9]|3[01])\b`)

// Source: RISC-V ABIs specification, "Integer Register Convention".
var riscvRegisters = [32]string{
	"zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5",
	"a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
}

// riscvBranches are the instructions whose constant is a distance in code.
func riscvBranches(op riscv64asm.Op) bool {
	switch op {
	case riscv64asm.BEQ, riscv64asm.BNE, riscv64asm.BLT, riscv64asm.BGE, riscv64asm.BLTU, riscv64asm.BGEU, riscv64asm.JAL:
		return true
	}
	return false
}
