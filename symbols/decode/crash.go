package decode

import (
	"fmt"
	"strconv"
	"strings"

	"ktrap/symbols"
	"ktrap/symbols/cause"
	"ktrap/symbols/disasm"
	"ktrap/symbols/oops"
)

// crashOf makes the JSON form of a crash.
func (a *Annotator) crashOf(o *oops.Oops) *Crash {
	c := &Crash{
		Schema: Schema, Title: o.Title, AltTitles: o.AltTitles, Guilty: o.Guilty, Type: o.Type, Class: o.Class,
		Corrupted: o.Corrupted, CorruptedReason: o.CorruptedReason, Suppressed: o.Suppressed, Panicked: o.Panicked,
		CPU: o.CPU, PID: o.PID, Comm: o.Comm, ReportText: string(o.ReportText), Start: o.Start, End: o.End,
		Registers: Registers{}, Code: []Code{}, Source: []Source{}, Modules: []Module{}, Threads: []Thread{}, Incomplete: []string{},
	}
	if c.AltTitles == nil {
		c.AltTitles = []string{}
	}
	if o.Executor != nil {
		c.Executor = &Executor{o.Executor.Proc, o.Executor.ID}
	}
	a.fillKernel(c, o)
	var main []oops.Block
	if o.Main >= 0 && o.Main < len(o.Traces) {
		main = o.Traces[o.Main].Blocks
	}
	c.Frames = a.framesOf(c, o.Frames)
	for i := range o.Traces {
		if t := &o.Traces[i]; i != o.Main {
			c.Threads = append(c.Threads, Thread{CPU: t.Task.CPU, PID: t.Task.PID, Comm: t.Task.Comm, Frames: a.framesOf(c, t.Frames), Note: noteOf(t)})
		}
	}
	c.Registers = registersOf(append(main, o.Blocks...))
	a.fillCause(c, o)
	a.fillSource(c)
	a.fillLog(c, o)
	if m := a.choice.unproven(); m != "" {
		c.Incomplete = append(c.Incomplete, m)
	}
	return c
}

func noteOf(t *oops.Trace) string {
	if t.Kind == oops.OtherTrace || t.Kind == oops.CallTrace {
		return strings.TrimSpace(t.Title)
	}
	return string(t.Kind) + ": " + strings.TrimSpace(t.Title)
}

func (a *Annotator) fillKernel(c *Crash, o *oops.Oops) {
	release, version, _ := strings.Cut(o.Kernel, " ")
	c.Kernel = KernelInfo{Release: release, Version: strings.TrimSpace(version), Tainted: o.Tainted}
	if id, ok := identifyTask(" Comm: x " + o.Kernel); ok {
		c.Kernel.BuildID, c.Kernel.Version = id.buildID, id.version
	}
	k := a.choice.kernel
	switch {
	case k == nil || k.image == nil:
		c.Incomplete = append(c.Incomplete, "no vmlinux: frames have no file and line")
		return
	case a.choice.verdict == refuted && !a.choice.f.Force:
		c.Incomplete = append(c.Incomplete, "vmlinux was refused: "+a.choice.why)
		return
	}
	c.Kernel.Vmlinux, c.Kernel.Proven = k.image.Path(), a.choice.verdict == proven
	if c.Kernel.BuildID == "" && c.Kernel.Proven {
		c.Kernel.BuildID = k.image.BuildID()
	}
	if k.slid {
		c.Kernel.Slide = k.slide.String()
	}
}

// framesOf gives the levels of a stack.
func (a *Annotator) framesOf(c *Crash, list []oops.Frame) []Frame {
	out := []Frame{}
	for i := range list {
		f := &list[i]
		base := Frame{
			Kind: kindOf(f, i), Func: f.Func, Offset: f.Off, Size: f.Size, Module: f.Module, Addr: hexOf(f.Addr),
			File: f.File, Line: f.Line, Inlined: f.Inlined, Reliable: f.Reliable, Context: f.Context,
		}
		p := placeOfFrame(f)
		var ans *answer
		if !p.decoded && (p.name == "" || p.size > 0) {
			ans = a.choice.answer(&p)
		}
		if f.Module != "" {
			a.useModule(c, f)
		}
		out = append(out, a.levelsOf(base, f, ans)...)
	}
	return out
}

func kindOf(f *oops.Frame, i int) string {
	switch {
	case f.Exact && i == 0:
		return "fault"
	case f.Exact:
		return "exception boundary"
	}
	return "call"
}

// levelsOf gives the inlined levels of a frame and the frame.
func (a *Annotator) levelsOf(base Frame, f *oops.Frame, ans *answer) []Frame {
	if ans == nil {
		return []Frame{base}
	}
	base.Note = ans.note
	if len(ans.spots) != 1 {
		if chain := ans.chain(); chain != "" {
			base.Note += ": " + chain
		}
		return []Frame{base}
	}
	s := &ans.spots[0]
	if k := a.choice.kernel; f.Addr == 0 && k.slid && s.fn.Module == "" {
		base.Addr = hexOf(uint64(k.slide.Run(0)) + uint64(s.fn.Start) + f.Off)
	}
	if base.Func == "" {
		base.Func, base.Offset, base.Size, base.Module = s.fn.Name, s.fn.Off, s.fn.Size, s.fn.Module
	}
	if len(s.levels) == 0 {
		base.Note = s.reason.String()
		return []Frame{base}
	}
	var out []Frame
	for i := range s.levels {
		l := &s.levels[i]
		level := base
		level.File, level.path, level.Line, level.Column = l.File, l.Path, l.Line, l.Column
		if level.Inlined = i < len(s.levels)-1; level.Inlined {
			level.Func, level.Offset, level.Size = l.Func, 0, 0
			level.CallFile, level.CallLine = l.CallFile, l.CallLine
		}
		out = append(out, level)
	}
	return out
}

func hexOf(v uint64) string { return "0x" + strconv.FormatUint(v, 16) }

// useModule notes which file a module's frames were answered from.
func (a *Annotator) useModule(c *Crash, f *oops.Frame) {
	for i := range c.Modules {
		if c.Modules[i].Name == f.Module {
			if c.Modules[i].BuildID == "" {
				c.Modules[i].BuildID = f.BuildID
			}
			return
		}
	}
	m := Module{Name: f.Module, Base: hexOf(0), BuildID: f.BuildID}
	k := a.choice.kernel
	switch {
	case k == nil:
		m.Note = "no file"
	case k.refused[f.Module] != "":
		m.Note = k.refused[f.Module]
	default:
		if im := k.moduleImage(f.Module); im != nil {
			m.Path, m.BuildID = im.Path(), im.BuildID()
		}
	}
	c.Modules = append(c.Modules, m)
}

// fillCause explains the fault.
func (a *Annotator) fillCause(c *Crash, o *oops.Oops) {
	place := a.choice.placeOf(o)
	ex, ok := cause.FromOops(o, place)
	if !ok {
		return
	}
	c.Cause = ex.Text
	if at := ex.Access; at != nil && at.Known {
		c.Access = &Access{Op: string(at.Op), Size: at.Size, Addr: hexOf(at.Addr), Expr: at.Expr, Verdict: string(at.Verdict), Offset: at.Offset}
	}
	if ex.FromFile {
		c.Incomplete = append(c.Incomplete, "the log has no code: that of the file is shown")
	}
	var fault int64
	for _, in := range ex.Listing {
		if in.Marked {
			fault = int64(in.Addr)
		}
	}
	for _, in := range disasm.Around(ex.Listing, shownBefore, shownAfter) {
		code := Code{Addr: hexOf(0), Bytes: fmt.Sprintf("%x", in.Bytes), Text: in.Text, Marked: in.Marked, Func: o.RIP.Func}
		code.Offset = uint64(int64(o.RIP.Off) + int64(in.Addr) - fault)
		if place != nil && place.PC != 0 && !place.Linked {
			code.Addr = hexOf(uint64(in.Addr))
		}
		for _, op := range ex.Operands {
			if in.Marked {
				code.Values = append(code.Values, op.String())
			}
		}
		if in.Marked && len(c.Frames) > 0 && c.Frames[0].Kind == "fault" {
			code.File, code.Line = c.Frames[0].File, c.Frames[0].Line
		}
		c.Code = append(c.Code, code)
	}
}

// fillSource adds the source around the fault, or around the function that the
// title names.
func (a *Annotator) fillSource(c *Crash) {
	for i := range c.Frames {
		f := &c.Frames[i]
		if f.Line == 0 || f.Kind != "fault" && f.Func != c.Guilty {
			continue
		}
		text := a.excerpt(&symbols.Location{File: f.File, Path: f.path, Line: f.Line})
		if len(text) == 0 {
			return // as a rule the source is not here
		}
		ex := Source{File: f.File, Func: f.Func}
		for _, l := range text {
			ex.Lines = append(ex.Lines, SourceLine{l.Number, l.Text, l.Number == f.Line})
		}
		c.Source = append(c.Source, ex)
		return
	}
}
