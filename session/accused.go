package session

import (
	"context"
	"time"

	"ktrap/session/report"
	"ktrap/session/unwind"
	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
	"ktrap/symbols/oops"
)

// Some reports are about another task than the one that reports: khungtaskd
// finds a task that hangs, and any CPU's timer finds a CPU that stalls.

// captureBlocked takes the context of a task that does not run.
func (v *Stopped) captureBlocked(ctx context.Context, c *captured, at addr.Addr) error {
	task, err := v.World.Kernel.Task(ctx, at)
	if err != nil {
		return err
	}
	frames, err := v.TaskFrames(ctx, task)
	if len(frames) == 0 {
		return err
	}
	if err != nil {
		c.missing("stack: %v", err)
	}
	c.task, c.blocked, c.frames = task, true, frames
	c.regs = blockedRegisters(&frames[0])
	c.areas = v.World.areas(v.Target.Memory(ctx))
	v.captureOthers(ctx, c)
	return nil
}

// blockedRegisters lists the registers that a switch of tasks keeps.
func blockedRegisters(f *unwind.Frame) report.Registers {
	var out report.Registers
	for _, name := range generalRegisters {
		n, ok := cfi.RegByName(name)
		value, known := f.Regs.Get(n)
		if ok && known {
			out.Add(name, value)
		} else {
			out.AddUnknown(name)
		}
	}
	return out
}

// stalled gives the context of the CPU that a stall's text names, if another one
// has found it: c unless that is so, and the CPU is still at it.
func (v *Stopped) stalled(ctx context.Context, c *captured, said *oops.Oops) *captured {
	if said.Class != oops.RCU && said.Class != oops.HardLockup || said.CPU < 0 || said.CPU == c.cpu.Index {
		return c
	}
	cpus, err := v.Target.CPUs(ctx)
	if err != nil {
		return c
	}
	for _, cpu := range cpus {
		if cpu.Index != said.CPU {
			continue
		}
		regs, err := v.Target.Regs(ctx, cpu)
		if err != nil || regs.UserMode() {
			return c
		}
		other := &captured{time: time.Now().UTC(), cpu: cpu, incomplete: c.incomplete}
		v.captureRunning(ctx, other, unwind.Frame{PC: regs.PC(), Regs: regs.CFI(), Interrupted: true})
		if other.task.PID == said.PID {
			return other
		}
	}
	return c
}
