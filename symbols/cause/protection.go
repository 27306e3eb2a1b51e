package cause

import (
	"fmt"
	"strings"

	"golang.org/x/arch/x86/x86asm"
)

// protection explains a general protection fault or one of the stack segment.
func (e *explainer) protection() (string, *Access) {
	for _, a := range e.accesses() {
		if a.Known && !e.canonical(a.Addr) {
			return e.judged(a)
		}
	}
	if text, access := e.badJump(); text != "" {
		return text, access
	}
	if e.Fault.HasAddr {
		if text, access := e.named(); text != "" {
			return text, access
		}
	}
	if text := e.privileged(); text != "" {
		return text, nil
	}
	for _, a := range e.accesses() {
		if n := alignment(&e.inst); n > 0 && a.Known && a.Addr%uint64(n) != 0 {
			return fmt.Sprintf("%s: not aligned to %d bytes", e.what(&a), n), &a
		}
	}
	return e.selector(), nil
}

// badJump explains a jump to where no code can be.
func (e *explainer) badJump() (string, *Access) {
	if !e.Relative && e.PC != 0 && !e.canonical(uint64(e.PC)) {
		return e.judged(Access{Op: Execute, Addr: uint64(e.PC), Known: true})
	}
	if !e.known {
		return "", nil
	}
	switch e.inst.Op {
	case x86asm.CALL, x86asm.JMP:
	case x86asm.RET:
		if to, ok := e.retpoline(); ok {
			return e.jumpTo(to)
		}
		return "ret: the return address on the stack is non-canonical", nil
	default:
		return "", nil
	}
	switch to := e.inst.Args[0].(type) {
	case x86asm.Reg:
		return e.jumpTo(to)
	case x86asm.Mem:
		if list := e.accesses(); list[0].Known {
			return fmt.Sprintf("jump through %s = %#x: the pointer there is non-canonical", list[0].Expr, list[0].Addr), nil
		}
	}
	return "", nil
}

// jumpTo explains a jump to what a register holds.
func (e *explainer) jumpTo(to x86asm.Reg) (string, *Access) {
	t := e.term(wide(to), 1)
	if !t.known || e.canonical(t.value) {
		return "", nil
	}
	a := Access{Op: Execute, Known: true}
	a.add(t)
	a.sum(false)
	return e.judged(a)
}

// retpoline finds the register that a thunk jumps to: it overwrites its own
// return address and returns.
// Sample: mov %rbx,(%rsp); ret.
// Source: linux arch/x86/lib/retpoline.S.
func (e *explainer) retpoline() (x86asm.Reg, bool) {
	if e.at == 0 {
		return 0, false
	}
	before, ok := e.list[e.at-1].Decoded()
	if !ok || before.Op != x86asm.MOV {
		return 0, false
	}
	m, memory := before.Args[0].(x86asm.Mem)
	to, register := before.Args[1].(x86asm.Reg)
	return to, memory && register && m == x86asm.Mem{Base: x86asm.RSP, Scale: m.Scale}
}

// named explains a fault by the address that the kernel found out itself.
func (e *explainer) named() (string, *Access) {
	list := e.accesses()
	if e.canonical(e.Fault.Addr) {
		return "", nil
	}
	if len(list) == 1 && !list[0].Known {
		a := list[0]
		a.Addr, a.Known = e.Fault.Addr, true
		return e.judged(a)
	}
	return e.judged(Access{Op: Touch, Addr: e.Fault.Addr, Known: true})
}

// privileged explains instructions that the CPU refuses for what they ask.
func (e *explainer) privileged() string {
	if !e.known {
		return ""
	}
	word := strings.ToLower(e.inst.Op.String())
	switch e.inst.Op {
	case x86asm.RDMSR, x86asm.WRMSR:
		return e.msr(word)
	case x86asm.XRSTOR, x86asm.XRSTOR64, x86asm.XRSTORS, x86asm.XRSTORS64, x86asm.FXRSTOR, x86asm.FXRSTOR64:
		return word + ": the state to restore is invalid or misaligned"
	case x86asm.MOV:
		to, ok := e.inst.Args[0].(x86asm.Reg)
		switch {
		case ok && to >= x86asm.CR0 && to <= x86asm.CR15:
			return e.controlRegister(to)
		case ok && to >= x86asm.ES && to <= x86asm.GS:
			return "load of segment register " + strings.ToLower(to.String()) + ": bad selector" + e.index()
		}
	case x86asm.INT:
		return fmt.Sprintf("int %v: no gate for this vector", e.inst.Args[0])
	case x86asm.IRETQ, x86asm.LRET, x86asm.LTR, x86asm.LLDT:
		return word + ": bad selector or frame" + e.index()
	case x86asm.IN, x86asm.OUT, x86asm.HLT, x86asm.INSB, x86asm.OUTSB:
		return word + ": the CPU did not allow it"
	}
	return ""
}

func (e *explainer) msr(word string) string {
	rcx, ok := e.reg("rcx")
	if !ok {
		return word + ": no such register, or a value that it does not take"
	}
	if word == "rdmsr" {
		return fmt.Sprintf("rdmsr of MSR %#x (ecx): not there, or not readable", uint32(rcx))
	}
	rax, okA := e.reg("rax")
	rdx, okD := e.reg("rdx")
	if !okA || !okD {
		return fmt.Sprintf("wrmsr to MSR %#x (ecx): not there, or a value that it does not take", uint32(rcx))
	}
	return fmt.Sprintf("wrmsr of %#x (edx:eax) to MSR %#x (ecx): not there, or a value that it does not take",
		rdx<<32|rax&0xffffffff, uint32(rcx))
}

func (e *explainer) controlRegister(to x86asm.Reg) string {
	name := strings.ToLower(to.String())
	if from, ok := e.inst.Args[1].(x86asm.Reg); ok {
		if v, ok := e.reg(wide(from)); ok {
			return fmt.Sprintf("write of %s = %#x to %s: bits that it does not take", wide(from), v, name)
		}
	}
	return "write to " + name + ": bits that it does not take"
}

// selector explains a fault by its error code, which names a descriptor.
func (e *explainer) selector() string {
	if index := e.index(); index != "" {
		return "general protection fault" + index
	}
	return ""
}

// index words the error code of a fault that a descriptor has caused.
// Source: Intel SDM volume 3, "Error Code".
func (e *explainer) index() string {
	c := e.Fault.Error
	if !e.Fault.HasCode || c == 0 {
		return ""
	}
	table := "GDT"
	switch {
	case c&2 != 0:
		table = "IDT"
	case c&4 != 0:
		table = "LDT"
	}
	return fmt.Sprintf(", entry %#x of the %s", c>>3&0x1fff, table)
}

// alignment is what an instruction asks of its memory operand, 0 if nothing.
// Source: Intel SDM volume 1, "Memory Alignment"; volume 2, CMPXCHG16B, XSAVE.
func alignment(inst *x86asm.Inst) int {
	switch inst.Op {
	case x86asm.MOVAPS, x86asm.MOVAPD, x86asm.MOVDQA, x86asm.MOVNTDQ, x86asm.MOVNTPS, x86asm.MOVNTPD,
		x86asm.MOVNTDQA, x86asm.CMPXCHG16B, x86asm.FXSAVE, x86asm.FXSAVE64:
		return 16
	case x86asm.XSAVE, x86asm.XSAVE64, x86asm.XSAVEC, x86asm.XSAVEC64, x86asm.XSAVES, x86asm.XSAVES64, x86asm.XSAVEOPT, x86asm.XSAVEOPT64:
		return 64
	}
	return 0
}
