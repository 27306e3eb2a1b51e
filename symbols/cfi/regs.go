package cfi

import "strings"

// Reg is a register in DWARF x86-64 numbering.
// Source: System V AMD64 psABI, "DWARF Register Number Mapping".
type Reg uint8

// The registers an unwinder follows. RIP stands for the return address column.
const (
	RAX Reg = iota
	RDX
	RCX
	RBX
	RSI
	RDI
	RBP
	RSP
	R8
	R9
	R10
	R11
	R12
	R13
	R14
	R15
	RIP
	NumRegs
)

var regNames = [NumRegs]string{
	"rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp",
	"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rip",
}

// String gives gdb's name of the register.
func (r Reg) String() string {
	if r < NumRegs {
		return regNames[r]
	}
	return "r?"
}

// RegByName finds a register by gdb's name, with pc and sp as gdb's aliases.
func RegByName(name string) (Reg, bool) {
	switch name = strings.ToLower(name); name {
	case "pc":
		return RIP, true
	case "sp":
		return RSP, true
	case "fp":
		return RBP, true
	}
	for i, n := range regNames {
		if n == name {
			return Reg(i), true
		}
	}
	return 0, false
}

// Regs is a register set in which each register is known or not.
// The zero value knows nothing.
type Regs struct {
	value [NumRegs]uint64
	known uint32
}

// Get returns the value and whether it is known.
func (r *Regs) Get(n Reg) (uint64, bool) {
	if n >= NumRegs || r.known&(1<<n) == 0 {
		return 0, false
	}
	return r.value[n], true
}

// Set makes a register known.
func (r *Regs) Set(n Reg, v uint64) {
	if n < NumRegs {
		r.value[n] = v
		r.known |= 1 << n
	}
}

// Forget makes a register unknown.
func (r *Regs) Forget(n Reg) {
	if n < NumRegs {
		r.value[n] = 0
		r.known &^= 1 << n
	}
}

// PC is the instruction pointer, 0 if unknown.
func (r *Regs) PC() uint64 { v, _ := r.Get(RIP); return v }

// SP is the stack pointer, 0 if unknown.
func (r *Regs) SP() uint64 { v, _ := r.Get(RSP); return v }
