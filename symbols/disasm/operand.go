package disasm

import (
	"fmt"
	"strings"

	"golang.org/x/arch/x86/x86asm"

	"ktrap/symbols/addr"
)

// operand writes one argument; was is how the library wrote it.
func (r *renderer) operand(a x86asm.Arg, was string) string {
	switch a := a.(type) {
	case x86asm.Rel:
		r.target = r.end() + addr.Addr(int64(a))
		return fmt.Sprintf("%#x", uint64(r.target))
	case x86asm.Imm:
		return r.immediate(a, was)
	case x86asm.Mem:
		return r.mem(a, was)
	}
	return was
}

func (r *renderer) end() addr.Addr { return r.at + addr.Addr(r.inst.Len) }

// immediate writes a constant with as many bits as the instruction uses.
func (r *renderer) immediate(v x86asm.Imm, was string) string {
	if !strings.HasPrefix(was, "$") {
		return was
	}
	switch r.immediateBytes() {
	case 1:
		return fmt.Sprintf("$%#x", uint8(v))
	case 2:
		return fmt.Sprintf("$%#x", uint16(v))
	case 4:
		return fmt.Sprintf("$%#x", uint32(v))
	}
	return fmt.Sprintf("$%#x", uint64(v))
}

// immediateBytes is the width of what the constant is combined with.
func (r *renderer) immediateBytes() int {
	if r.inst.Op == x86asm.PUSH {
		return 8
	}
	for _, a := range r.inst.Args {
		switch a := a.(type) {
		case x86asm.Reg:
			return registerBytes(a)
		case x86asm.Mem:
			return r.inst.MemBytes
		}
	}
	return r.inst.DataSize / 8
}

func registerBytes(r x86asm.Reg) int {
	switch {
	case r >= x86asm.AL && r <= x86asm.R15B:
		return 1
	case r >= x86asm.AX && r <= x86asm.R15W:
		return 2
	case r >= x86asm.EAX && r <= x86asm.R15L:
		return 4
	case r >= x86asm.RAX && r <= x86asm.R15:
		return 8
	}
	return 1 // vector instructions: the constant selects
}

// mem writes a memory operand. The segment is the library's; the strings that
// string instructions imply stay as they are.
func (r *renderer) mem(m x86asm.Mem, was string) string {
	star := strings.HasPrefix(was, "*")
	was = strings.TrimPrefix(was, "*")
	if strings.HasSuffix(was, "}") {
		return was // broadcast of a vector instruction
	}
	segment := ""
	if len(was) > 4 && was[0] == '%' && was[3] == ':' {
		segment = was[:4]
	}
	text := segment + r.place(r.relative(m))
	if star {
		text = "*" + text
	}
	return text
}

// vector reports whether the instruction has a VEX or EVEX prefix.
func (r *renderer) vector() bool {
	return r.code[0] == 0xc4 || r.code[0] == 0xc5 || r.code[0] == 0x62
}

// place writes displacement, base and index, and notes an address that is known.
func (r *renderer) place(m x86asm.Mem) string {
	disp := m.Disp
	switch {
	case m.Base == 0 && m.Index == 0:
		return fmt.Sprintf("%#x", uint64(disp))
	case m.Base == x86asm.RIP:
		r.target, r.memory = r.end()+addr.Addr(disp), true
		return fmt.Sprintf("%#x(%%rip)", disp)
	}
	text := ""
	if disp != 0 || m.Base == x86asm.RBP || m.Base == x86asm.R13 || m.Base == 0 {
		text = fmt.Sprintf("%#x", disp) // %rbp and %r13 cannot be encoded without one
	}
	text += "("
	if m.Base != 0 {
		text += registerName(m.Base)
	}
	if m.Index != 0 {
		text += fmt.Sprintf(",%s,%d", registerName(m.Index), m.Scale)
	}
	return text + ")"
}

// registerName is the name in GNU syntax of a register that addresses memory.
func registerName(r x86asm.Reg) string {
	switch {
	case r >= x86asm.RAX && r <= x86asm.R15:
		return quadNames[r-x86asm.RAX]
	case r >= x86asm.EAX && r <= x86asm.R15L:
		return longNames[r-x86asm.EAX]
	}
	return "%" + strings.ToLower(r.String()) // index vectors
}
