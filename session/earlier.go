package session

import (
	"context"
	"fmt"
	"time"

	"ktrap/session/kernel"
	"ktrap/session/report"
	"ktrap/session/target"
	"ktrap/session/trap"
	"ktrap/session/unwind"
	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
	"ktrap/symbols/oops"
)

// reportEarlier reports at once a crash that happened before ktrap came, as
// the log buffer has it. Where the guest still hangs in its panic the stack of
// the panicking CPU is walked too.
func (v *Stopped) reportEarlier(ctx context.Context) {
	records, err := v.World.Kernel.Log(ctx)
	if err != nil {
		v.log.Warn("read the kernel's log", "c", "kernel", "err", err)
	}
	if n := len(records); n > 0 {
		v.seen = records[n-1].Seq + 1
	}
	found := oops.Parse(kernel.Dmesg(records))
	if len(found) == 0 {
		return
	}
	health, err := v.World.Kernel.Health(ctx)
	if err != nil {
		v.log.Warn("read the state of the kernel", "c", "kernel", "err", err)
	}
	crash := v.earlierCrash(ctx, decisive(found, health.Panicked), health)
	crash.Report.Dmesg = kernel.Dmesg(records)
	v.save(crash)
	shown := health.Panicked
	v.emit(Event{Kind: TrapHit, Crash: crash, Path: crash.Path, Shown: shown, Text: "happened before ktrap came"})
	_ = v.call(func() {
		if shown && !v.machine.Runs() {
			v.stopped.Crash, v.stopped.Reply.Thread = crash, crash.Thread
		}
	})
}

// decisive picks the crash to report of those in the log. It is the first, of
// which the others may be consequences; but a panic that is a report of its own
// has to do only with what its own task did before.
func decisive(found []oops.Oops, panicked bool) *oops.Oops {
	last := &found[len(found)-1]
	if !panicked || last.Class != oops.Panic {
		return &found[0]
	}
	for i := range found {
		if found[i].PID == last.PID && last.PID >= 0 {
			return &found[i]
		}
	}
	return last
}

// earlierCrash makes the report of a crash from its text and, after a panic,
// from the stack that is still there.
func (v *Stopped) earlierCrash(ctx context.Context, said *oops.Oops, h kernel.Health) *Crash {
	c := &captured{time: time.Now().UTC(), cpu: target.CPU{Index: said.CPU}}
	c.missing("the crash happened before ktrap came: registers and stack are from the kernel's log")
	c.task.PID, c.task.Comm = said.PID, said.Comm
	cpus, err := v.Target.CPUs(ctx)
	if err != nil {
		c.missing("CPUs: %v", err)
	}
	for _, cpu := range cpus {
		if h.Panicked && cpu.Index == h.PanicCPU {
			c.cpu = cpu
			v.walkPanic(ctx, c)
		}
	}
	if c.cpu.Thread.TID == 0 && len(cpus) > 0 {
		c.cpu.Thread = cpus[0].Thread
	}
	r := v.newReport(c, &trap.Open{Class: said.Class})
	if said.CPU >= 0 {
		r.CPU = said.CPU
	}
	fillFromText(r, said)
	r.Registers = textRegisters(said)
	v.World.explainText(r, c, said)
	if len(c.frames) == 0 {
		r.Frames = v.World.textFrames(said)
	}
	return &Crash{Report: r, Thread: c.cpu.Thread, Frames: c.frames}
}

// walkPanic walks the stack of the CPU that hangs in panic() and cuts off what
// lies inside the fault.
func (v *Stopped) walkPanic(ctx context.Context, c *captured) {
	frames, err := v.Frames(ctx, c.cpu)
	if err != nil {
		c.missing("stack of the panicking CPU: %v", err)
	}
	for i := range frames {
		if f := &frames[i]; i > 0 && f.Kind == cfi.FullRegs && !f.User {
			frames = frames[i:]
			c.fault = f.PC
			v.captureCode(c, v.Target.Memory(ctx))
			break
		}
	}
	c.frames = frames
}

// textRegisters takes the registers of the crash from its text.
func textRegisters(o *oops.Oops) report.Registers {
	var out report.Registers
	if o.Main < 0 || o.Main >= len(o.Traces) || len(o.Traces[o.Main].Blocks) == 0 {
		return nil
	}
	for _, r := range o.Traces[o.Main].Blocks[0].Regs {
		out.Add(r.Name, r.Value)
	}
	return out
}

// textFrames looks the frames of a printed trace up: by name and size, as
// several functions may have one name.
func (w *World) textFrames(o *oops.Oops) []report.Frame {
	var out []report.Frame
	for i, f := range o.Frames {
		if !f.Reliable {
			continue
		}
		at, err := w.placeOf(&f)
		if err != nil {
			out = append(out, report.Frame{Kind: report.Call, Func: f.Func, Offset: f.Off, Size: f.Size, Module: f.Module, Reliable: true, Note: err.Error()})
			continue
		}
		frame := unwind.Frame{PC: at, Interrupted: f.Exact, Stack: f.Context}
		out = append(out, w.ReportFrame(&frame, i == 0)...)
	}
	return out
}

// placeOf finds the address of a printed frame.
func (w *World) placeOf(f *oops.Frame) (addr.Addr, error) {
	var found []addr.Addr
	for _, fn := range w.Symbols.Find(f.Func) {
		if fn.Module == f.Module && (fn.Size == f.Size || f.Size == 0) {
			found = append(found, fn.Start+addr.Addr(f.Off))
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return 0, fmt.Errorf("no function %s of size %#x", f.Func, f.Size)
	}
	return 0, fmt.Errorf("%d functions are called %s and have this size", len(found), f.Func)
}
