package session

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"ktrap/session/kernel"
	"ktrap/session/report"
	"ktrap/session/target"
	"ktrap/session/trap"
	"ktrap/symbols"
	"ktrap/symbols/oops"
)

// collect makes the crash whose text is complete now. It returns nil if there
// was none after all: a sanitizer's report function also runs for accesses that
// the kernel keeps quiet about.
func (v *Stopped) collect(ctx context.Context, cpu target.CPU, do trap.Do) *Crash {
	o := do.Complete
	c, _ := o.Context.(*captured)
	if c == nil {
		c = &captured{cpu: cpu}
	}
	records, err := v.World.Kernel.Log(ctx)
	if err != nil {
		c.missing("kernel log: %v", err)
	}
	said := v.textOf(records, o)
	if do.Confirm && (said == nil || o.Point.Role == trap.CatchAll && !whole(said)) {
		return nil
	}
	if said != nil {
		c = v.stalled(ctx, c, said)
	}
	r := v.newReport(c, o)
	r.Dmesg = kernel.Dmesg(records)
	r.Panicked = do.Panicked || o.Class == oops.Panic
	if said == nil {
		r.Missing("the kernel's text of this crash is not in its log")
		v.titleFromStack(r, o)
	} else {
		fillFromText(r, said)
	}
	v.World.explain(r, c, faultOf(o, said), said)
	r.Source = v.source(c.frames, r.Guilty)
	if n := len(records); n > 0 {
		v.seen = records[n-1].Seq + 1
	}
	crash := &Crash{Report: r, Thread: c.cpu.Thread, Frames: c.frames}
	if c.blocked {
		crash.Task = &c.task
	}
	return crash
}

// textOf finds what the kernel printed about a report: the last crash in the
// log since the previous report, of this CPU if any names it.
func (v *Stopped) textOf(records []kernel.Record, o *trap.Open) *oops.Oops {
	fresh := records
	for len(fresh) > 0 && fresh[0].Seq < v.seen {
		fresh = fresh[1:]
	}
	found := oops.Parse(kernel.Dmesg(fresh))
	for i := len(found) - 1; i >= 0; i-- {
		if found[i].CPU == o.CPU {
			return &found[i]
		}
	}
	if len(found) > 0 {
		return &found[len(found)-1]
	}
	return nil
}

// whole reports whether a text has come to its call trace, or is one of the few
// of lockdep that have none. Catch-alls are also called for parts of a report,
// print_irqtrace_events among them, which it ends with a jump: only the text
// tells that more is to come.
func whole(said *oops.Oops) bool {
	if said.Class == oops.Lockdep && said.Bare {
		return true
	}
	return slices.ContainsFunc(said.Traces, func(t oops.Trace) bool { return t.Kind == oops.CallTrace })
}

// newReport fills what the stopped guest itself tells.
func (v *Stopped) newReport(c *captured, o *trap.Open) *report.Report {
	k := v.World.Kernel
	r := &report.Report{
		Class: o.Class, Time: c.time, CPU: c.cpu.Index, PID: c.task.PID, Comm: c.task.Comm,
		Kernel: report.Kernel{
			Release: k.Release, Version: k.Version, BuildID: v.World.Symbols.Vmlinux().BuildID(),
			Slide: k.Slide.String(),
		},
		Registers: c.regs, Frames: v.World.ReportFrames(c.frames), Threads: c.threads,
		Incomplete: c.incomplete,
	}
	if c.blocked {
		r.CPU = c.task.CPU
	}
	if err := v.World.Unproven(); err != nil {
		r.Missing(err.Error())
	}
	if !v.image.HasDWARF() {
		r.Missing("vmlinux has no debug information: " + symbolsOnly)
	}
	for _, m := range v.World.Symbols.Modules() {
		r.Modules = append(r.Modules, reportModule(m))
	}
	if v.opts.Console != nil {
		r.Console = v.opts.Console()
		r.ConsoleTail = tail(r.Console, consoleTailBytes)
	}
	r.Session = v.opts.Origin
	r.Session.Stub = v.opts.Stub
	r.Session.Vmlinux = report.Image{Path: v.World.Symbols.Vmlinux().Path(), BuildID: v.World.Symbols.Vmlinux().BuildID()}
	for _, m := range r.Modules {
		r.Session.Modules = append(r.Session.Modules, report.Image{Path: m.Path, BuildID: m.BuildID})
	}
	return r
}

// consoleTailBytes is how much of the console report.json repeats.
const consoleTailBytes = 4 << 10

func tail(b []byte, n int) string {
	if len(b) > n {
		b = b[len(b)-n:]
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			b = b[i+1:]
		}
	}
	return strings.ToValidUTF8(string(b), "?")
}

// fillFromText adds what only the kernel's own text says.
func fillFromText(r *report.Report, o *oops.Oops) {
	r.Title, r.AltTitles, r.Guilty, r.Type, r.Class = o.Title, o.AltTitles, o.Guilty, o.Type, o.Class
	r.Corrupted, r.CorruptedReason = o.Corrupted, o.CorruptedReason
	r.Panicked = r.Panicked || o.Panicked
	r.Kernel.Tainted = o.Tainted
	r.Log = string(o.Report)
}

// titleFromStack names a crash whose text is missing after its first frame.
func (v *Stopped) titleFromStack(r *report.Report, o *trap.Open) {
	where := "unknown function"
	for _, f := range r.Frames {
		if f.Func != "" && !f.Inlined {
			where = f.Func
			break
		}
	}
	r.Title = fmt.Sprintf("%s in %s", o.Class, where)
}

func reportModule(m *symbols.Module) report.Module {
	out := report.Module{Name: m.Name, Note: m.Note, Base: report.Hex(m.Sections[".text"])}
	for _, t := range m.Text {
		out.Size += uint64(t.End - t.Start)
	}
	if m.Image != nil {
		out.Path, out.BuildID = m.Image.Path(), m.Image.BuildID()
	}
	return out
}

// save writes the report directory, if one is wanted.
func (v *Stopped) save(c *Crash) {
	if v.opts.ReportDir == "" {
		return
	}
	path, err := report.Write(v.opts.ReportDir, c.Report)
	if err != nil {
		c.Report.Missing("report directory: " + err.Error())
		v.emit(Event{Kind: Note, Text: fmt.Sprintf("write report: %v", err), Err: err})
	}
	if path != "" {
		c.Path = path
		v.emit(Event{Kind: Reported, Path: path})
	}
}
