package disasm

import "golang.org/x/arch/x86/x86asm"

// Decoded gives the parts of an instruction, for who asks what it does. It is
// false for what the library does not know and for bytes that are no instruction.
func (i *Instruction) Decoded() (x86asm.Inst, bool) {
	if len(i.Bytes) == 0 || i.Bad {
		return x86asm.Inst{}, false
	}
	d := decode(i.Bytes)
	if d.inst == nil {
		return x86asm.Inst{}, false
	}
	r := renderer{inst: d.inst, code: d.code}
	for n, a := range d.inst.Args {
		if m, ok := a.(x86asm.Mem); ok {
			d.inst.Args[n] = r.relative(m)
		}
	}
	return *d.inst, true
}

// relative puts back the base %rip, which the library drops in vector
// instructions, and the sign of a displacement of 32 bits.
func (r *renderer) relative(m x86asm.Mem) x86asm.Mem {
	if m.Base == 0 && m.Index == 0 && r.vector() {
		m.Base = x86asm.RIP
	}
	if !r.wideImmediate() || m.Base != 0 || m.Index != 0 {
		m.Disp = int64(int32(m.Disp))
	}
	return m
}
