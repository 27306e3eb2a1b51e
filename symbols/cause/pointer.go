package cause

import (
	"slices"

	"golang.org/x/arch/x86/x86asm"

	"ktrap/symbols"
	"ktrap/symbols/addr"
	"ktrap/symbols/disasm"
	"ktrap/symbols/elffile"
)

// Pointer says where an instruction has a pointer from.
type Pointer struct {
	Register string
	Back     uint64  // so many bytes before the instruction the register was used
	Via      []int64 // offsets of what was loaded, from there on, to have the pointer
}

// memberName names what lies behind the pointer in a register: a variable, or what
// was loaded from behind a variable just before.
// Sample: mov 0x28(%rdi),%rax; mov 0x10(%rax),%eax is of v->peer->id.
func (e *explainer) memberName(register string, offset int64) string {
	if e.Member == nil {
		return ""
	}
	if name := e.Member(Pointer{Register: register}, offset); name != "" {
		return name
	}
	p, at := Pointer{Register: register}, e.at
	for range maxLoads {
		i, disp, ok := e.loaded(&p, at)
		if !ok {
			break
		}
		at, p.Via = i, append([]int64{disp}, p.Via...)
		p.Back = uint64(e.marked.Addr - e.list[i].Addr)
		if name := e.Member(p, offset); name != "" {
			return name
		}
	}
	return ""
}

// farBack is how many instructions a pointer may have been loaded before its use,
// maxLoads how many pointers may have led to it.
const (
	farBack  = 8
	maxLoads = 4
)

// loaded finds the load that the register of a pointer has its value from at an
// instruction, in straight code, and sets the register that it was loaded through.
func (e *explainer) loaded(p *Pointer, at int) (load int, disp int64, ok bool) {
	register := p.Register
	for i := at - 1; i >= 0 && i >= at-farBack; i-- {
		inst, ok := e.list[i].Decoded()
		if !ok {
			return 0, 0, false
		}
		to, isReg := inst.Args[0].(x86asm.Reg)
		if !isReg || wide(to) != register {
			if !keeps(&inst, register) {
				return 0, 0, false
			}
			continue
		}
		m, isMem := inst.Args[1].(x86asm.Mem)
		if inst.Op == x86asm.MOV && isMem && width(to) == 64 && m.Segment == 0 && m.Index == 0 && wide(m.Base) != "" && m.Base != x86asm.RSP {
			p.Register = wide(m.Base)
			return i, m.Disp, true
		}
		if !keeps(&inst, register) {
			return 0, 0, false
		}
	}
	return 0, 0, false
}

// keeps reports whether an instruction leaves a register as it is, and goes on
// with the next one.
func keeps(inst *x86asm.Inst, register string) bool {
	switch inst.Op {
	case x86asm.NOP, x86asm.CMP, x86asm.TEST, x86asm.PUSH:
		return true
	case x86asm.MOV, x86asm.LEA, x86asm.MOVZX, x86asm.MOVSX, x86asm.MOVSXD, x86asm.ADD, x86asm.SUB, x86asm.AND, x86asm.OR, x86asm.XOR,
		x86asm.SHL, x86asm.SHR, x86asm.SAR, x86asm.INC, x86asm.DEC, x86asm.NEG, x86asm.NOT:
		to, ok := inst.Args[0].(x86asm.Reg)
		return !ok || wide(to) != register
	case x86asm.CALL:
		// Source: System V ABI, AMD64 supplement, "Register Usage".
		return slices.Contains([]string{"rbx", "rbp", "r12", "r13", "r14", "r15"}, register)
	}
	return false
}

// entered reports whether the code between two instructions of a function may be
// entered otherwise than from above: then the first says nothing about the second.
func entered(im *symbols.Image, from, to addr.LinkAddr) bool {
	f, ok := im.SymbolAt(to)
	if !ok || from < f.Addr || f.Size == 0 || f.Size > maxFunction {
		return true
	}
	parts := []symbols.Symbol{f}
	if cold, ok := im.Symbol(f.Name + ".cold"); ok {
		if im.IsModule() {
			return true // its jumps back are the loader's to fill in
		}
		parts = append(parts, cold)
	}
	found := false
	err := elffile.Guard(func() error {
		found = slices.ContainsFunc(parts, func(s symbols.Symbol) bool { return leads(im, s, from, to) })
		return nil
	})
	return found || err != nil
}

// leads reports whether code may lead to a place behind from, up to to.
func leads(im *symbols.Image, part symbols.Symbol, from, to addr.LinkAddr) bool {
	code := bytesAt(im, part.Addr, part.Size)
	list := disasm.Disassemble(code, addr.Addr(part.Addr), addr.Addr(to), nil)
	return code == nil || slices.ContainsFunc(list, func(in disasm.Instruction) bool {
		return in.Bad || jumpsInto(&in, addr.Addr(from), addr.Addr(to))
	})
}

// maxFunction bounds the code that is looked through.
const maxFunction = 256 << 10

// jumpsInto reports whether an instruction may lead to a place behind from, up to to.
func jumpsInto(in *disasm.Instruction, from, to addr.Addr) bool {
	inst, ok := in.Decoded()
	if !ok {
		return false // none of those jumps
	}
	if _, direct := inst.Args[0].(x86asm.Rel); !direct {
		return inst.Op == x86asm.JMP // through a table, to wherever
	}
	return inst.Op != x86asm.CALL && in.Target > from && in.Target <= to
}

// bytesAt gives so many bytes of a file's code, nil if they are not all there.
func bytesAt(im *symbols.Image, at addr.LinkAddr, size uint64) []byte {
	s, ok := im.File().SectionAt(uint64(at))
	if !ok {
		return nil
	}
	data, err := im.File().Section(s.Name)
	off := uint64(at) - s.Addr
	if err != nil || off > uint64(len(data)) || size > uint64(len(data))-off {
		return nil
	}
	return data[off : off+size]
}
