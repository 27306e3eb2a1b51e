package unwind

import (
	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
)

// Frame is one physical stack frame; inline levels are not frames.
type Frame struct {
	PC   addr.Addr
	CFA  addr.Addr // canonical frame address; 0 if nothing says where it is
	Regs cfi.Regs  // the registers in this frame, as far as known

	// Interrupted frames did not call the frame below them: their PC is the
	// next instruction to run. The PC of the others is a return address.
	Interrupted bool
	Source      Source // what found this frame

	// Kind is FullRegs or PartialRegs when the registers come from a saved
	// pt_regs or iret frame, which lies at RegsAt; else Call.
	Kind   cfi.Kind
	RegsAt addr.Addr

	Stack string // name of the stack the frame is on, if the caller names stacks
	User  bool   // the kernel was entered from here: user mode, always the last frame
}

// LookupPC is the address that symbols and unwind tables are asked for. A
// return address may be the first byte of the next function, so one is
// subtracted unless the frame was interrupted.
func (f *Frame) LookupPC() addr.Addr {
	if f.Interrupted || f.PC == 0 {
		return f.PC
	}
	return f.PC - 1
}

// SP is the stack pointer in the frame, 0 if unknown.
func (f *Frame) SP() addr.Addr { return addr.Addr(f.Regs.SP()) }

// Source tells what found a frame, from certain to doubtful.
type Source uint8

// The sources.
const (
	Given  Source = iota // the registers the walk started from
	ORC                  // the kernel's own unwind tables
	CFI                  // .debug_frame
	Popped               // the return address on top of the stack, as the pc was no code or in a retpoline
	FP                   // the chain of frame pointers
	Guess                // a word on the stack that looks like a return address
)

var sourceNames = [...]string{"given", "orc", "cfi", "popped", "fp", "guess"}

// String names the source.
func (s Source) String() string {
	if int(s) < len(sourceNames) {
		return sourceNames[s]
	}
	return "unknown"
}

// Reliable reports whether the frame is certain, not found by scanning or by
// trusting frame pointers: the kernel prints the others with a question mark.
func (f *Frame) Reliable() bool { return f.Source < FP }
