// Package disasm turns kernel code into the lines that kernel people read: GNU
// (AT&T) syntax, call targets by name, and every listing in step with the
// instruction that faulted.
package disasm

import (
	"ktrap/symbols/addr"
)

// Instruction is one line of a listing.
type Instruction struct {
	Addr   addr.Addr
	Bytes  []byte
	Text   string    // GNU (AT&T) syntax; (bad) or .byte where there is no better
	Target addr.Addr // of a direct call or jump, or of memory relative to %rip; 0 if none
	Bad    bool      // the bytes are no instruction
	Marked bool      // the faulting instruction
}

// Disassemble decodes code that lies at base so that one instruction begins
// exactly at fault.
// Shape: the instructions cover code without gaps. If decoding from base runs past
// fault, base was in the middle of an instruction: the bytes that are out of step
// come as (bad). With fault outside the code nothing is marked.
// name, which may be nil, gives what stands at an address, such as foo+0x10; empty
// means that nothing does.
func Disassemble(code []byte, base, fault addr.Addr, name func(addr.Addr) string) []Instruction {
	return nil
}

// Around cuts a listing to what lies around the marked instruction.
func Around(list []Instruction, before, after int) []Instruction { return list }
