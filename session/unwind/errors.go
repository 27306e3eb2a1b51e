package unwind

import (
	"fmt"

	"ktrap/symbols/addr"
)

// Reason says why a walk could not go on.
type Reason uint8

// The reasons.
const (
	NotCode       Reason = iota + 1 // the pc is in no text
	NoRow                           // no table covers the pc and there is no frame pointer
	UndefinedCode                   // the tables say that this code cannot be unwound
	Unreadable                      // the stack cannot be read; Err says where
	BadRegs                         // what should be saved registers is something else
	UnknownReg                      // the row needs a register that is not known
	NotIncreasing                   // the caller's frame lies below its callee's
	Cycle                           // the walk came back to a frame it had passed
	TooDeep                         // the limit of frames was reached
)

var reasonTexts = [...]string{
	"", "pc is not code", "no unwind information", "code is marked as not unwindable",
	"stack unreadable", "saved registers make no sense", "frame depends on a lost register", "stack goes in the wrong direction",
	"stack runs in a circle", "too many frames",
}

// String says the reason in words.
func (r Reason) String() string {
	if int(r) < len(reasonTexts) {
		return reasonTexts[r]
	}
	return "unknown reason"
}

// StopError tells where and why a walk ended before the outermost frame.
type StopError struct {
	PC     addr.Addr // of the frame that has no caller
	Reason Reason
	Err    error // the cause, or nil
}

// Error describes the stop.
func (e *StopError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("unwind at %v: %v: %v", e.PC, e.Reason, e.Err)
	}
	return fmt.Sprintf("unwind at %v: %v", e.PC, e.Reason)
}

// Unwrap gives the cause.
func (e *StopError) Unwrap() error { return e.Err }
