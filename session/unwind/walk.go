package unwind

import (
	"errors"
	"log/slog"

	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
)

// position identifies a frame: a walk that meets one twice runs in a circle.
type position struct{ pc, sp addr.Addr }

// walk is the state of one walk.
type walk struct {
	*Unwinder
	mem  Memory
	log  *slog.Logger
	seen map[position]bool
}

func (w *walk) run(f Frame, yield func(Frame, error) bool) {
	for range w.limit() {
		if s, ok := w.stackOf(f.SP()); ok {
			f.Stack = s.Name
		}
		if f.User {
			yield(f, nil)
			return
		}
		st, stop := w.plan(&f)
		f.CFA = addr.Addr(st.cfa)
		if !yield(f, nil) {
			return
		}
		if stop == nil && st.row.Kind == cfi.End {
			return
		}
		var next Frame
		if stop == nil {
			next, stop = w.caller(&f, st)
		}
		if stop != nil {
			w.giveUp(&f, stop, yield)
			return
		}
		f = next
	}
	w.giveUp(&f, &StopError{PC: f.PC, Reason: TooDeep}, yield)
}

// giveUp ends a walk that failed at f: with guesses, if wanted, and the reason.
func (w *walk) giveUp(f *Frame, stop *StopError, yield func(Frame, error) bool) {
	w.log.Debug("walk ended early", "pc", stop.PC, "reason", stop.Reason, "err", stop.Err)
	if w.Scan && stop.Reason != TooDeep && !w.scan(f, yield) {
		return
	}
	yield(Frame{}, stop)
}

// caller goes from f to its caller.
func (w *walk) caller(f *Frame, st step) (Frame, *StopError) {
	e := evaluator{regs: &f.Regs, mem: w.mem}
	next := Frame{Interrupted: st.row.Signal, Source: st.source, Kind: st.row.Kind}
	for i := range cfi.NumRegs {
		v, err := e.rule(i, st.row.Rules[i], st.cfa)
		switch {
		case err == nil:
			next.Regs.Set(i, v)
		case i == cfi.RIP || i == cfi.RSP:
			return Frame{}, stopOf(f, err)
		}
	}
	next.PC = addr.Addr(next.Regs.PC())
	if next.Kind != cfi.Call {
		if stop := w.enter(f, &next, addr.Addr(st.cfa)); stop != nil {
			return Frame{}, stop
		}
	}
	if reason := w.suspect(f, &next, st); reason != 0 {
		return Frame{}, &StopError{PC: f.PC, Reason: reason}
	}
	return next, nil
}

// Selectors of kernel code in saved registers.
const (
	kernelCS    = 0x10
	kernelCSXen = 0xe030
)

// enter completes a frame whose registers were saved at a place, when the
// kernel was entered from it: by an exception, an interrupt or a system call.
func (w *walk) enter(f, next *Frame, at addr.Addr) *StopError {
	off := addr.Addr(cfi.PtRegsCS)
	if next.Kind == cfi.PartialRegs {
		off = cfi.IretFrameCS
	}
	cs, err := word(w.mem, at+off)
	if err != nil {
		return stopOf(f, err)
	}
	next.RegsAt = at
	// From 6.9 on the upper bits of the word belong to FRED.
	switch cs &= 0xffff; {
	case cs&3 == 3 && (!next.PC.Kernel() || next.PC&^0xfff == vsyscall):
		next.User = true
	case cs != kernelCS && cs != kernelCSXen:
		return &StopError{PC: f.PC, Reason: BadRegs}
	}
	return nil
}

// vsyscall is the page that user mode may execute in the kernel half.
const vsyscall = 0xffffffffff600000

// suspect says what is wrong with the caller that a step came up with.
func (w *walk) suspect(f, next *Frame, st step) Reason {
	if next.User {
		return 0
	}
	here := position{next.PC, next.SP()}
	switch {
	case w.seen[here]:
		return Cycle
	case w.goesDown(f, next, st):
		return NotIncreasing
	case !next.Interrupted && next.PC == 0:
		return NotCode
	// A frame pointer proves nothing, so what it leads to has to look right.
	case st.source == FP && !w.isText(next.LookupPC()):
		return NotCode
	}
	w.seen[here] = true
	return 0
}

// goesDown reports a caller below its callee on the same stack. Stacks grow
// down, so that cannot be; but the step from one stack to another may go
// anywhere. Without names of the stacks, a switch of stacks is told by how
// the frame was found: not by counting from rsp.
func (w *walk) goesDown(f, next *Frame, st step) bool {
	if next.SP() > f.SP() {
		return false
	}
	from, ok1 := w.stackOf(f.SP())
	to, ok2 := w.stackOf(next.SP())
	if ok1 && ok2 {
		return from == to
	}
	c := st.row.CFA
	return st.row.Kind == cfi.Call && c.Reg == cfi.RSP && !c.Deref && c.Expr == nil
}

// stopOf makes the end of a walk of an evaluation error.
func stopOf(f *Frame, err error) *StopError {
	reason := Unreadable
	if errors.Is(err, errUnknownReg) {
		reason = UnknownReg
	}
	return &StopError{PC: f.PC, Reason: reason, Err: err}
}
