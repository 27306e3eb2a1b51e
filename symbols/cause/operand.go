package cause

import (
	"slices"
	"strings"

	"golang.org/x/arch/x86/x86asm"
)

// operands are the registers that the marked instruction read, those that it
// implies last.
func (e *explainer) operands() []Operand {
	var out []Operand
	add := func(o Operand) {
		if !slices.ContainsFunc(out, func(have Operand) bool { return have.Name == o.Name }) {
			out = append(out, o)
		}
	}
	for i, arg := range slices.Backward(e.inst.Args[:]) { // GNU syntax names the target last
		switch a := arg.(type) {
		case x86asm.Reg:
			if o, ok := e.operand(a); ok && (i > 0 || !overwrites(&e.inst)) {
				add(o)
			}
		case x86asm.Mem:
			for _, r := range []x86asm.Reg{a.Base, a.Index} {
				if o, ok := e.operand(r); ok && e.inst.Op != x86asm.NOP && e.inst.Op != x86asm.UD1 {
					add(o)
				}
			}
			if base := segmentBase(a.Segment); base != "" {
				v, ok := e.reg(base)
				add(Operand{Name: base, Value: v, Known: ok})
			}
		}
	}
	for _, name := range e.implied() {
		v, ok := e.reg(name)
		add(Operand{Name: name, Value: v, Known: ok})
	}
	return out
}

// operand is a general register with the value of the part that is named.
func (e *explainer) operand(r x86asm.Reg) (Operand, bool) {
	full := wide(r)
	if full == "" {
		return Operand{}, false
	}
	v, ok := e.reg(full)
	o := Operand{Name: strings.ToLower(r.String()), Known: ok}
	switch bits := width(r); {
	case r >= x86asm.AH && r <= x86asm.BH:
		v = v >> 8 & 0xff
	case bits < 64:
		v &= 1<<bits - 1
	}
	if ok {
		o.Value = v
	}
	switch {
	case r >= x86asm.SPB && r <= x86asm.DIB:
		o.Name = strings.TrimPrefix(full, "r") + "l"
	case r >= x86asm.R8L && r <= x86asm.R15L:
		o.Name = full + "d"
	}
	return o, true
}

// implied are registers that an instruction reads without naming them.
func (e *explainer) implied() []string {
	switch e.inst.Op {
	case x86asm.DIV, x86asm.IDIV:
		return []string{"rax", "rdx"}
	case x86asm.RDMSR:
		return []string{"rcx"}
	case x86asm.WRMSR:
		return []string{"rcx", "rax", "rdx"}
	case x86asm.LEAVE:
		return []string{"rbp"}
	}
	for _, p := range e.inst.Prefix {
		if p == x86asm.PrefixREP || p == x86asm.PrefixREPN {
			if stringSize(e.inst.Op) > 0 {
				return []string{"rcx"}
			}
		}
	}
	if _, ok := e.stack(); ok {
		return []string{"rsp"}
	}
	return nil
}

// names64 are the general registers in the order of their numbers.
var names64 = [16]string{"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
	"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"}

// wide names the register that a register is part of; empty for other kinds.
func wide(r x86asm.Reg) string {
	switch {
	case r >= x86asm.AL && r <= x86asm.BL:
		return names64[r-x86asm.AL]
	case r >= x86asm.AH && r <= x86asm.BH:
		return names64[r-x86asm.AH]
	case r >= x86asm.SPB && r <= x86asm.R15B:
		return names64[r-x86asm.SPB+4]
	case r >= x86asm.AX && r <= x86asm.R15W:
		return names64[r-x86asm.AX]
	case r >= x86asm.EAX && r <= x86asm.R15L:
		return names64[r-x86asm.EAX]
	case r >= x86asm.RAX && r <= x86asm.R15:
		return names64[r-x86asm.RAX]
	}
	return ""
}

// width is how many bits of its register a general register names.
func width(r x86asm.Reg) int {
	switch {
	case r <= x86asm.R15B:
		return 8
	case r <= x86asm.R15W:
		return 16
	case r <= x86asm.R15L:
		return 32
	}
	return 64
}
