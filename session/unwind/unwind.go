// Package unwind walks the stack of a stopped kernel, frame by frame, from a
// set of registers. Every step is a [cfi.Row], whichever table it came from:
//
//   - ORC decides where the caller is; .debug_frame, where it agrees, restores
//     the registers that ORC does not know about.
//   - Without ORC .debug_frame decides, and without both the frame pointer.
//   - A stack that leads nowhere is scanned, if asked for, and what that finds
//     is marked as a guess.
package unwind

import (
	"iter"
	"log/slog"

	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
)

// Memory reads guest memory: all of p, or an error.
type Memory interface {
	ReadMemory(p []byte, a addr.Addr) error
}

// Rows finds the unwind row of a pc.
type Rows interface {
	Row(pc addr.Addr) (cfi.Row, bool)
}

// Stack is one of the kernel's stacks: [Low, High).
type Stack struct {
	Name      string // as the kernel prints it: TASK, IRQ, NMI, #DF
	Low, High addr.Addr
}

// DefaultLimit is the number of frames after which a walk gives up.
const DefaultLimit = 512

// Unwinder walks stacks. Every field may be left out; it is not changed by a
// walk and may serve several at once.
type Unwinder struct {
	ORC Rows // decides the caller
	CFI Rows // .debug_frame; restores registers, decides where ORC has nothing

	// Text reports whether an address is code. Without it, code is what the
	// tables know.
	Text func(addr.Addr) bool
	// Stack finds the stack an address is on. Without it stacks have no names
	// and no bounds, and only a cycle shows that a walk goes astray.
	Stack func(addr.Addr) (Stack, bool)

	Limit int  // most frames of a walk; 0 is DefaultLimit
	Scan  bool // after a failed step go on with guesses
	Log   *slog.Logger
}

// Frames walks from the registers of a running or interrupted CPU.
// Shape: one Frame per physical frame, innermost first, the first being r itself.
// Errors: *StopError as the last element if the walk ended before the
// outermost frame; the frames before it stand.
func (u *Unwinder) Frames(r cfi.Regs, m Memory) iter.Seq2[Frame, error] {
	return u.FramesFrom(Frame{PC: addr.Addr(r.PC()), Regs: r, Interrupted: true}, m)
}

// FramesFrom walks from a frame, as [Inactive] and [Saved] give them.
func (u *Unwinder) FramesFrom(f Frame, m Memory) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		w := walk{Unwinder: u, mem: m, log: u.Log, seen: map[position]bool{{f.PC, f.SP()}: true}}
		if w.log == nil {
			w.log = slog.New(slog.DiscardHandler)
		}
		w.run(f, yield)
	}
}

func (u *Unwinder) limit() int {
	if u.Limit > 0 {
		return u.Limit
	}
	return DefaultLimit
}

// isText reports whether a is code.
func (u *Unwinder) isText(a addr.Addr) bool {
	if u.Text != nil {
		return u.Text(a)
	}
	if !a.Kernel() {
		return false
	}
	for _, t := range []Rows{u.ORC, u.CFI} {
		if t == nil {
			continue
		}
		if r, ok := t.Row(a); ok && r.Kind != cfi.Undefined {
			return true
		}
	}
	return false
}

func (u *Unwinder) stackOf(a addr.Addr) (Stack, bool) {
	if u.Stack == nil {
		return Stack{}, false
	}
	return u.Stack(a)
}
