package unwind

import (
	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
)

// step is how to go from a frame to its caller.
type step struct {
	row    cfi.Row
	source Source
	cfa    uint64
}

// calleeSaved are the registers that ORC leaves to .debug_frame.
var calleeSaved = [...]cfi.Reg{cfi.RBX, cfi.R12, cfi.R13, cfi.R14, cfi.R15}

// plan decides how to go on from f.
func (w *walk) plan(f *Frame) (step, *StopError) {
	row, source, stop := w.choose(f)
	if stop != nil {
		return step{}, stop
	}
	st := step{row: row, source: source}
	if row.Kind == cfi.End {
		return st, nil
	}
	e := evaluator{regs: &f.Regs, mem: w.mem}
	var err error
	if st.cfa, err = e.cfa(row.CFA); err != nil {
		return step{}, stopOf(f, err)
	}
	if source == ORC && row.Kind == cfi.Call {
		w.refine(f, &st)
	}
	return st, nil
}

// choose finds the row for f, from the best source that has one.
func (w *walk) choose(f *Frame) (cfi.Row, Source, *StopError) {
	pc := f.LookupPC()
	if w.Text != nil && !w.Text(pc) {
		return w.chooseOutside(f)
	}
	orc, ok := lookup(w.ORC, pc)
	if ok && orc.Kind != cfi.Undefined {
		return orc, ORC, nil
	}
	if row, found := lookup(w.CFI, pc); found {
		return row, CFI, nil
	}
	if ok {
		return w.chooseUndefined(f)
	}
	if w.Text == nil {
		return w.chooseOutside(f)
	}
	return w.chooseFP(f, NoRow)
}

// chooseUndefined handles code that the kernel declares not unwindable. Mostly
// these are retpolines, which have either pushed nothing but return addresses
// or replaced the last one by the function they are to call.
func (w *walk) chooseUndefined(f *Frame) (cfi.Row, Source, *StopError) {
	if f.Interrupted || f.Source == Popped {
		if w.returnsToText(f) {
			return popRow(), Popped, nil
		}
	} else if row, ok := lookup(w.ORC, f.PC); ok && row.Kind == cfi.Call {
		f.Interrupted = true // no call pushed it: it is about to run
		return row, ORC, nil
	}
	return cfi.Row{}, 0, &StopError{PC: f.PC, Reason: UndefinedCode}
}

// returnsToText reports whether a return address is on top of the stack.
func (w *walk) returnsToText(f *Frame) bool {
	ret, err := word(w.mem, f.SP())
	caller := Frame{PC: addr.Addr(ret)}
	return err == nil && w.isText(caller.LookupPC())
}

// chooseOutside handles a pc that is in no text. After a call through a bad
// pointer the return address is still on top of the stack, as nothing has
// run since; else it may be generated code, which keeps frame pointers.
func (w *walk) chooseOutside(f *Frame) (cfi.Row, Source, *StopError) {
	if f.Interrupted && w.returnsToText(f) {
		return popRow(), Popped, nil
	}
	if !f.PC.Kernel() {
		return cfi.Row{}, 0, &StopError{PC: f.PC, Reason: NotCode}
	}
	return w.chooseFP(f, NotCode)
}

// chooseFP follows the frame pointer, if there is one that makes sense.
func (w *walk) chooseFP(f *Frame, otherwise Reason) (cfi.Row, Source, *StopError) {
	bp, ok := f.Regs.Get(cfi.RBP)
	switch {
	case !ok:
		return cfi.Row{}, 0, &StopError{PC: f.PC, Reason: otherwise}
	case bp == 0:
		return cfi.Row{Kind: cfi.End}, FP, nil
	case !addr.Addr(bp).Kernel():
		return cfi.Row{}, 0, &StopError{PC: f.PC, Reason: otherwise}
	case bp&1 != 0 && w.ORC == nil:
		return encodedRegsRow(), FP, nil
	}
	return fpRow(), FP, nil
}

// refine takes the registers that ORC does not know from .debug_frame, where
// the two agree about the frame: they differ where assembler in a C function
// switches stacks, which only ORC sees.
func (w *walk) refine(f *Frame, st *step) {
	row, ok := lookup(w.CFI, f.LookupPC())
	if !ok {
		return
	}
	cfa, err := evaluator{regs: &f.Regs, mem: w.mem}.cfa(row.CFA)
	if err != nil || cfa != st.cfa {
		w.log.Debug("ORC and .debug_frame disagree", "pc", f.PC, "orc", st.cfa, "cfi", cfa, "err", err)
		return
	}
	for _, r := range calleeSaved {
		st.row.Rules[r] = row.Rules[r]
	}
}

func lookup(t Rows, pc addr.Addr) (cfi.Row, bool) {
	if t == nil {
		return cfi.Row{}, false
	}
	return t.Row(pc)
}
