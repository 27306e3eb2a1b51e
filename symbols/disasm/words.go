package disasm

import (
	"encoding/binary"
	"fmt"
	"strings"

	"golang.org/x/arch/arm64/arm64asm"

	"ktrap/symbols/addr"
)

// ARM64 is Disassemble for arm64: code is a row of 32-bit words, little-endian,
// and what the library does not decode comes as .word.
func ARM64(code []byte, base, fault addr.Addr, name func(addr.Addr) string) []Instruction {
	list := Words(code, 4, base, fault)
	for i := range list {
		in := &list[i]
		inst, err := arm64asm.Decode(in.Bytes)
		if err != nil || len(in.Bytes) != 4 {
			continue
		}
		in.Text, in.Bad = arm64asm.GNUSyntax(inst), false
		for _, a := range inst.Args {
			if rel, ok := a.(arm64asm.PCRel); ok && branches(inst.Op) {
				in.Target = in.Addr + addr.Addr(int64(rel))
				in.Text = strings.Replace(in.Text, rel.String(), fmt.Sprintf("%#x", uint64(in.Target)), 1)
			}
		}
		if in.Target != 0 && name != nil && name(in.Target) != "" {
			in.Text += " <" + name(in.Target) + ">"
		}
	}
	return list
}

// branches are the instructions whose relative operand is code.
func branches(op arm64asm.Op) bool {
	switch op {
	case arm64asm.B, arm64asm.BL, arm64asm.CBZ, arm64asm.CBNZ, arm64asm.TBZ, arm64asm.TBNZ:
		return true
	}
	return false
}

// Words lists code of a processor that is not decoded here as words of so many
// bytes (1, 2 or 4, little-endian), with the one at fault marked.
func Words(code []byte, size int, base, fault addr.Addr) []Instruction {
	var list []Instruction
	for len(code) > 0 {
		n := min(size, len(code))
		in := Instruction{Addr: base, Bytes: code[:n:n], Bad: true, Marked: base == fault}
		switch n {
		case 4:
			in.Text = fmt.Sprintf(".word  0x%08x", binary.LittleEndian.Uint32(code))
		case 2:
			in.Text = fmt.Sprintf(".half  0x%04x", binary.LittleEndian.Uint16(code))
		default:
			in.Text = byteText(code[:n])
		}
		list = append(list, in)
		code, base = code[n:], base+addr.Addr(n)
	}
	return list
}
