package unwind

import (
	"errors"
	"slices"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
)

// Functions of the made-up kernel of these tests, 0x100 bytes each.
const (
	leaf addr.Addr = 0xffffffff81000000 + 0x100*iota
	middle
	outer
	exception // entry code: pt_regs on top of the stack
	early     // entry code: iret frame on top of the stack
	lost      // not unwindable
	entered   // after code that is not unwindable
	realigned // CFA in r10
	switched  // previous stack pointer on top of the stack
	module    // .debug_frame only
	downward  // a table that is wrong
	jit       // frame pointer only
	start     // outermost
	textEnd
)

const (
	stack addr.Addr = 0xffffc90000010000 // where the stacks of the tests begin
	bad   addr.Addr = 0xffffffffdead0000 // no code
)

// rowsOf are tables by function.
type rowsOf map[addr.Addr]cfi.Row

// Row gives the row of the function a pc is in.
func (r rowsOf) Row(pc addr.Addr) (cfi.Row, bool) {
	row, ok := r[pc&^0xff]
	return row, ok
}

func kernelRows() rowsOf {
	frame := func(off int64) cfi.Row { return callRow(cfi.CFARule{Reg: cfi.RSP, Off: off}) }
	leafRow := frame(8)
	leafRow.Rules[cfi.RBP] = cfi.Rule{Kind: cfi.Same}
	sp := cfi.CFARule{Reg: cfi.RSP}
	return rowsOf{
		leaf:      leafRow,
		middle:    frame(24),
		outer:     fpRow(),
		exception: {CFA: sp, Rules: cfi.PtRegs(), Kind: cfi.FullRegs, Signal: true},
		early:     {CFA: sp, Rules: cfi.IretFrame(), Kind: cfi.PartialRegs, Signal: true},
		lost:      {Kind: cfi.Undefined},
		entered:   leafRow,
		realigned: callRow(cfi.CFARule{Reg: cfi.R10}),
		switched:  callRow(cfi.CFARule{Reg: cfi.RSP, Deref: true, After: 8}),
		downward:  frame(-8),
		start:     {Kind: cfi.End},
	}
}

func inText(a addr.Addr) bool { return a >= leaf && a < textEnd }

// at gives a word of the test stack its place.
func at(i int) addr.Addr { return stack + addr.Addr(8*i) }

// onStack lays words out from the start of the test stack.
func onStack(values ...any) words {
	m := make(words)
	for i, v := range values {
		switch v := v.(type) {
		case addr.Addr:
			m[at(i)] = uint64(v)
		case int:
			m[at(i)] = uint64(v)
		}
	}
	return m
}

// ptRegs adds a pt_regs at a place of the test stack.
func (m words) ptRegs(i int, pc, sp addr.Addr, cs uint64) words {
	for j := range cfi.PtRegsSize / 8 {
		m[at(i+j)] = 0x1000 + uint64(j)
	}
	m[at(i+16)], m[at(i+17)], m[at(i+19)] = uint64(pc), cs, uint64(sp)
	return m
}

func regsAt(pc, sp addr.Addr) (r cfi.Regs) {
	r.Set(cfi.RIP, uint64(pc))
	r.Set(cfi.RSP, uint64(sp))
	return r
}

// walkAll walks to the end.
func walkAll(u *Unwinder, r cfi.Regs, m Memory) (frames []Frame, err error) {
	for f, e := range u.Frames(r, m) {
		if e != nil {
			err = e
			break
		}
		frames = append(frames, f)
	}
	return frames, err
}

func pcs(frames []Frame) (pcs []addr.Addr) {
	for _, f := range frames {
		pcs = append(pcs, f.PC)
	}
	return pcs
}

func TestWalkGoesOn(t *testing.T) {
	const user = addr.Addr(0x7f0000001234)
	tests := []struct {
		name string
		regs cfi.Regs
		mem  words
		want []addr.Addr
	}{
		{"through calls to the outermost frame", regsAt(leaf, at(0)),
			onStack(middle+5, 0, 0, start+9), []addr.Addr{leaf, middle + 5, start + 9}},
		{"over a return address that is the first byte of the next function", regsAt(leaf, at(0)),
			onStack(outer, 0, 0, start+9), []addr.Addr{leaf, outer, start + 9}},
		{"through an exception, whose pc is exact", regsAt(exception+5, at(0)),
			onStack().ptRegs(0, leaf, at(21), 0x10).with(21, start+9), []addr.Addr{exception + 5, leaf, start + 9}},
		{"to user mode", regsAt(exception+5, at(0)),
			onStack().ptRegs(0, user, 0x7ff000000000, 0x33), []addr.Addr{exception + 5, user}},
		{"through entry code that has saved nothing yet", regsAt(early+5, at(0)),
			onStack(leaf, 0x10, 0, at(5), 0x18, start+9), []addr.Addr{early + 5, leaf, start + 9}},
		{"from one stack to another, further down", regsAt(switched+5, at(100)),
			onStack(0, start+9, 0).with(100, at(1)), []addr.Addr{switched + 5, start + 9}},
		{"after a call through NULL", regsAt(0, at(0)),
			onStack(middle+5, 0, 0, start+9), []addr.Addr{0, middle + 5, start + 9}},
		{"after a call through a wild pointer", regsAt(bad, at(0)),
			onStack(middle+5, 0, 0, start+9), []addr.Addr{bad, middle + 5, start + 9}},
		{"in a retpoline, which has pushed its own address", regsAt(lost+5, at(0)),
			onStack(lost+9, middle+5, 0, 0, start+9), []addr.Addr{lost + 5, lost + 9, middle + 5, start + 9}},
		{"in a retpoline, about to enter a function", regsAt(lost+5, at(0)),
			onStack(entered, middle+5, 0, 0, start+9), []addr.Addr{lost + 5, entered, middle + 5, start + 9}},
		{"in a module that has no ORC", regsAt(module, at(0)),
			onStack(start + 9), []addr.Addr{module, start + 9}},
		{"through generated code by its frame pointer", regsAtFP(jit+5, at(0), at(2)),
			onStack(0, 0, 0, start+9), []addr.Addr{jit + 5, start + 9}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u := &Unwinder{ORC: kernelRows(), CFI: rowsOf{module: kernelRows()[leaf]}, Text: inText}
			frames, err := walkAll(u, tt.regs, tt.mem)
			if err != nil || !slices.Equal(pcs(frames), tt.want) {
				t.Errorf("got %v, %v; want %v", pcs(frames), err, tt.want)
			}
		})
	}
}

func (m words) with(i int, a addr.Addr) words {
	m[at(i)] = uint64(a)
	return m
}

func regsAtFP(pc, sp, fp addr.Addr) cfi.Regs {
	r := regsAt(pc, sp)
	r.Set(cfi.RBP, uint64(fp))
	return r
}

func TestWalkStops(t *testing.T) {
	endless := make(words)
	for i := range 3000 {
		endless[at(i)] = uint64(leaf + 5)
	}
	tests := []struct {
		name   string
		regs   cfi.Regs
		mem    words
		frames int
		want   Reason
	}{
		{"in code marked as not unwindable", regsAt(leaf, at(0)), onStack(lost + 5), 2, UndefinedCode},
		{"at saved registers that are none", regsAt(exception, at(0)), onStack().ptRegs(0, leaf, at(30), 0x1234), 1, BadRegs},
		{"at registers of user mode that is in the kernel", regsAt(exception, at(0)), onStack().ptRegs(0, leaf, at(30), 0x33), 1, BadRegs},
		{"where the stack cannot be read", regsAt(leaf, at(0)), onStack(), 1, Unreadable},
		{"where the frame depends on a lost register", regsAt(leaf, at(0)), onStack(realigned + 5), 2, UnknownReg},
		{"at a return address that is no code", regsAt(leaf, at(0)), onStack(bad), 2, NotCode},
		{"at a return address of zero", regsAt(leaf, at(0)), onStack(0), 1, NotCode},
		{"at a wild pc with nothing to return to", regsAt(bad, at(0)), onStack(1), 1, NotCode},
		{"at a pc in user space with nothing to return to", regsAtFP(0x4141414141, at(0), at(0)), onStack(1, start), 1, NotCode},
		{"without tables and frame pointer", regsAt(jit, at(0)), onStack(start + 9), 1, NoRow},
		{"at a frame pointer that leads to no code", regsAtFP(jit, at(0), at(0)), onStack(0, 77), 1, NotCode},
		{"when a call goes down the stack", regsAt(downward+5, at(4)), onStack(0, 0, start+9), 1, NotIncreasing},
		{"in a circle", regsAtFP(outer+5, at(2), at(0)), onStack(at(0), outer+5), 1, Cycle},
		{"after too many frames", regsAt(leaf, at(0)), endless, 64, TooDeep},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u := &Unwinder{ORC: kernelRows(), Text: inText, Limit: 64}
			frames, err := walkAll(u, tt.regs, tt.mem)
			stop, ok := errors.AsType[*StopError](err)
			if !ok || stop.Reason != tt.want {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if len(frames) != tt.frames {
				t.Errorf("%d frames before it, want %d: %v", len(frames), tt.frames, pcs(frames))
			}
		})
	}
}

func TestACallerBelowItsCalleeIsBelievedOnAnotherStackOnly(t *testing.T) {
	// outer counts from rbp, which leads below the stack pointer.
	mem := onStack(0, start+9, 0)
	regs := regsAtFP(outer+5, at(8), at(0))
	low, high := Stack{"IRQ", at(0), at(4)}, Stack{"TASK", at(4), at(16)}
	for name, tt := range map[string]struct {
		stacks []Stack
		ok     bool
	}{
		"two stacks":     {[]Stack{low, high}, true},
		"one stack":      {[]Stack{{"TASK", at(0), at(16)}}, false},
		"unknown stacks": {nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			u := &Unwinder{ORC: kernelRows(), Text: inText, Stack: func(a addr.Addr) (Stack, bool) {
				for _, s := range tt.stacks {
					if a >= s.Low && a < s.High {
						return s, true
					}
				}
				return Stack{}, false
			}}
			frames, err := walkAll(u, regs, mem)
			if tt.ok != (err == nil) {
				t.Fatalf("got %v, %v", pcs(frames), err)
			}
			if len(tt.stacks) == 2 && (frames[0].Stack != "TASK" || frames[1].Stack != "IRQ") {
				t.Errorf("frames are on %q and %q", frames[0].Stack, frames[1].Stack)
			}
		})
	}
}
