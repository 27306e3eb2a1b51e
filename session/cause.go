package session

import (
	"fmt"

	"ktrap/session/report"
	"ktrap/session/target"
	"ktrap/session/trap"
	"ktrap/session/unwind"
	"ktrap/symbols/addr"
	"ktrap/symbols/cause"
	"ktrap/symbols/disasm"
	"ktrap/symbols/oops"
)

// explain fills what a report says about the instruction that trapped: the
// listing, and why. Of what a sanitizer reports there is only said, the text.
func (w *World) explain(r *report.Report, c *captured, f cause.Fault, said *oops.Oops) {
	if said != nil {
		if why, ok := cause.FromWords(said, &cause.Place{Levels: w.levelsOf}); ok {
			r.Cause, r.Access = why.Text, accessOf(&why)
			return
		}
	}
	if !c.trapped && c.code == nil && f.Kind != cause.StackProtector {
		return
	}
	why := cause.Explain(&cause.Input{
		Code: c.code, Base: c.codeAt, PC: c.fault, Reg: c.regs.Get, Fault: f, Name: w.SymbolName,
		Member: w.memberAt(c.fault), Areas: c.areas,
	})
	r.Code = w.listing(&why, c.fault)
	if c.trapped || f.Kind == cause.StackProtector {
		r.Cause, r.Access = why.Text, accessOf(&why)
	}
}

// explainText does the same for a crash of which only the kernel's text is left,
// and the code in the guest where a stack leads there.
func (w *World) explainText(r *report.Report, c *captured, said *oops.Oops) {
	place := &cause.Place{PC: addr.Addr(said.RIP.Addr), Name: w.SymbolName, Levels: w.levelsOf}
	if at, err := w.placeOf(&said.RIP); err == nil {
		place.PC = at
	}
	place.Member = w.memberAt(place.PC)
	why, ok := cause.FromOops(said, place)
	if !ok {
		w.explain(r, c, cause.Fault{Kind: cause.Interrupt}, nil)
		return
	}
	r.Cause, r.Access, r.Code = why.Text, accessOf(&why), w.listing(&why, place.PC)
}

// levelsOf gives the inlined levels of a printed frame and the frame, innermost first.
func (w *World) levelsOf(f *oops.Frame) (list []oops.Frame) {
	at, err := w.placeOf(f)
	if err != nil {
		return nil
	}
	frame := unwind.Frame{PC: at, Interrupted: f.Exact}
	levels, _ := w.Symbols.Locate(frame.LookupPC())
	for _, l := range levels {
		list = append(list, oops.Frame{Func: l.Func, File: l.File, Line: l.Line})
	}
	return list
}

// areas reads where the kernel has put its areas; 0 is what cannot be had.
func (w *World) areas(mem target.Memory) cause.Areas {
	read := func(name string) uint64 {
		var b [8]byte
		at, ok := w.Kernel.Symbol(name)
		if !ok || mem.ReadMemory(b[:], at) != nil {
			return 0
		}
		return le64(b[:])
	}
	return cause.Areas{DirectMap: read("page_offset_base"), Vmalloc: read("vmalloc_base"), Vmemmap: read("vmemmap_base")}
}

// memberAt names members behind the pointers that registers hold at a pc.
func (w *World) memberAt(pc addr.Addr) func(cause.Pointer, int64) string {
	im, at, ok := w.Symbols.Home(pc)
	if !ok {
		return nil
	}
	return cause.Members(im, at)
}

// faultOf joins what the stop tells about a fault and what the kernel printed.
func faultOf(o *trap.Open, said *oops.Oops) cause.Fault {
	var f cause.Fault
	if said != nil {
		f = cause.FaultOf(said)
	}
	p := o.Point
	if p == nil {
		return f
	}
	switch {
	case p.Spurious && f.Kind != cause.StackGuard:
		f.Kind = cause.PageFault
	case p.Class == oops.WARN && f.Kind != cause.Warning:
		f = cause.Fault{Kind: cause.Warning}
	case p.Class == oops.KFENCE && f.Kind != cause.Sanitizer:
		f = cause.Fault{Kind: cause.Sanitizer}
	}
	if p.HasError {
		f.Error, f.HasCode = o.Error, true
	}
	// die_addr gets 0 where the kernel does not know the address.
	if p.HasFault && (p.Name != "die_addr" || o.Fault != 0) {
		f.Addr, f.HasAddr = o.Fault, true
	}
	return f
}

// accessOf is the access that failed, where its address is known.
func accessOf(why *cause.Cause) *report.Access {
	a := why.Access
	if a == nil || !a.Known {
		return nil
	}
	return &report.Access{
		Op: string(a.Op), Size: a.Size, Addr: report.Hex(a.Addr), Expr: a.Expr,
		Verdict: string(a.Verdict), Offset: a.Offset,
	}
}

// codeLines is how many instructions a report shows before a fault; after it
// half as many.
const codeLines = 12

// listing is the code around a fault, as far as it belongs to the same function.
func (w *World) listing(why *cause.Cause, fault addr.Addr) []report.Code {
	var out []report.Code
	own, _ := w.Symbols.Func(fault)
	for _, in := range disasm.Around(why.Listing, codeLines, codeLines/2) {
		f, ok := w.Symbols.Func(in.Addr)
		if ok && f.Start != own.Start {
			if in.Addr > fault {
				break // the next function says nothing about this fault
			}
			continue
		}
		line := report.Code{Addr: report.Hex(in.Addr), Bytes: fmt.Sprintf("%x", in.Bytes), Text: in.Text, Marked: in.Marked}
		if ok {
			line.Func, line.Offset = f.Name, f.Off
		}
		if at, _ := w.Symbols.Locate(in.Addr); len(at) > 0 {
			line.File, line.Line = at[0].File, at[0].Line
		}
		for _, o := range why.Operands {
			if in.Marked {
				line.Values = append(line.Values, o.String())
			}
		}
		out = append(out, line)
	}
	return out
}
