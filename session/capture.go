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
	"ktrap/symbols/cause"
)

// captured is the context of a report, taken where it is intact: at the entry
// of the function that reports it.
type captured struct {
	time       time.Time
	cpu        target.CPU
	task       kernel.Task
	blocked    bool // task does not run: the stack and the registers are those it was switched away with
	regs       report.Registers
	frames     []unwind.Frame
	threads    []report.Thread
	code       []byte // around the fault
	codeAt     addr.Addr
	fault      addr.Addr // pc of the fault, 0 if the report has no registers
	areas      cause.Areas
	trapped    bool // the registers are those of an instruction of the kernel that trapped
	incomplete []string
}

func (c *captured) missing(format string, args ...any) {
	c.incomplete = append(c.incomplete, fmt.Sprintf(format, args...))
}

// capture takes the context of a report that has just begun on a CPU. What
// cannot be had is noted, never fatal.
func (v *Stopped) capture(ctx context.Context, cpu target.CPU, o *trap.Open, h *trap.Hit) *captured {
	c := &captured{time: time.Now().UTC(), cpu: cpu}
	if err := v.RefreshModules(ctx); err != nil {
		c.missing("list of modules: %v", err)
	}
	if o.Task != 0 {
		err := v.captureBlocked(ctx, c, o.Task)
		if err == nil {
			return c
		}
		c.missing("stack of the task that the report is about: %v", err)
	}
	start := unwind.Frame{PC: h.PC, Regs: h.Regs, Interrupted: true}
	if o.PtRegs != 0 {
		saved, err := unwind.Saved(v.Target.Memory(ctx), o.PtRegs)
		if err != nil {
			c.missing("registers of the fault: %v", err)
		} else {
			start, c.fault, c.trapped = saved, saved.PC, !saved.User
		}
	}
	v.captureRunning(ctx, c, start)
	return c
}

// captureRunning takes the context of what the CPU of c runs, from a frame on.
func (v *Stopped) captureRunning(ctx context.Context, c *captured, start unwind.Frame) {
	var err error
	if c.task, err = v.World.Kernel.Current(ctx, c.cpu); err != nil {
		c.missing("current task of CPU %d: %v", c.cpu.Index, err)
	}
	regs, err := v.Target.Regs(ctx, c.cpu)
	if err != nil {
		c.missing("registers of CPU %d: %v", c.cpu.Index, err)
		return
	}
	c.frames, err = v.walk(ctx, c.cpu, start)
	if err != nil {
		c.missing("stack: %v", err)
	}
	mem := v.Target.Memory(ctx)
	c.regs = faultRegisters(&start, mem, regs)
	v.captureCode(c, mem)
	c.areas = v.World.areas(mem)
	v.captureOthers(ctx, c)
}

// codeBefore and codeAfter bound the bytes that are disassembled around a fault.
const (
	codeBefore = 64
	codeAfter  = 48
)

// captureCode reads the instructions around the fault from the guest: they may
// differ from the file's, which alternatives and static calls have patched.
func (v *Stopped) captureCode(c *captured, mem target.Memory) {
	if c.fault == 0 {
		return
	}
	start := c.fault - codeBefore
	if f, ok := v.World.Symbols.Func(c.fault); ok && f.Start > start {
		start = f.Start
	}
	buf := make([]byte, c.fault+codeAfter-start)
	if err := mem.ReadMemory(buf, start); err != nil {
		c.missing("code at %v: %v", c.fault, err)
		return
	}
	c.code, c.codeAt = buf, start
}

// captureOthers notes what the other CPUs were doing.
func (v *Stopped) captureOthers(ctx context.Context, c *captured) {
	cpus, err := v.Target.CPUs(ctx)
	if err != nil {
		c.missing("other CPUs: %v", err)
		return
	}
	for _, cpu := range cpus {
		if cpu.Index == c.cpu.Index && !c.blocked {
			continue
		}
		c.threads = append(c.threads, v.threadOf(ctx, cpu))
	}
}

// threadOf describes what one CPU runs.
func (v *Stopped) threadOf(ctx context.Context, cpu target.CPU) report.Thread {
	t := report.Thread{CPU: cpu.Index}
	if task, err := v.World.Kernel.Current(ctx, cpu); err == nil {
		t.PID, t.Comm = task.PID, task.Comm
	}
	regs, err := v.Target.Regs(ctx, cpu)
	switch {
	case err != nil:
		t.Note = err.Error()
		return t
	case regs.UserMode():
		t.Note = "in user mode"
		return t
	}
	frames, err := v.walk(ctx, cpu, unwind.Frame{PC: regs.PC(), Regs: regs.CFI(), Interrupted: true})
	if err != nil {
		t.Note = err.Error()
	}
	t.Frames = v.World.ReportFrames(frames)
	return t
}

// generalRegisters are those that every frame may know.
var generalRegisters = []string{"rip", "rsp", "eflags", "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp",
	"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"}

// faultRegisters lists the registers of the fault: those of its pt_regs, and
// from the CPU what pt_regs does not hold.
func faultRegisters(f *unwind.Frame, mem target.Memory, cpu *target.Regs) report.Registers {
	var out report.Registers
	for _, name := range generalRegisters {
		if value, ok := FrameRegister(f, name, mem, cpu); ok {
			out.Add(name, value)
		} else {
			out.AddUnknown(name)
		}
	}
	for _, name := range []string{"fs_base", "gs_base", "cr0", "cr2", "cr3", "cr4"} {
		if value, ok := cpu.Get(name); ok {
			out.Add(name, value)
		}
	}
	return out
}
