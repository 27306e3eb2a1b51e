package debug

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/arch/x86/x86asm"

	"ktrap/session"
	"ktrap/session/target"
	"ktrap/session/unwind"
	"ktrap/symbols/addr"
)

// maxSteps bounds a line step: a loop inside one line may take very long.
const maxSteps = 20000

// ErrTooFar says that a line step did not come to another line.
var ErrTooFar = errors.New("still in the same line after many instructions")

// place is where a CPU is, as far as stepping by line cares.
type place struct {
	pc   addr.Addr
	sp   uint64
	file string
	line int
	fn   addr.Addr // start of the physical function
	call addr.Addr // return address, if the next instruction is a call
}

// StepInstruction executes one instruction on the selected CPU.
func (d *Debugger) StepInstruction(ctx context.Context) (session.Stop, error) {
	cpu, err := d.selectedCPU(ctx)
	if err != nil {
		return session.Stop{}, err
	}
	return d.S.StepInstruction(ctx, cpu)
}

// Step goes to another source line, into functions that have lines.
func (d *Debugger) Step(ctx context.Context) (session.Stop, error) { return d.byLine(ctx, true) }

// Next goes to another source line of this function or its caller; calls run
// through, on all CPUs.
func (d *Debugger) Next(ctx context.Context) (session.Stop, error) { return d.byLine(ctx, false) }

func (d *Debugger) byLine(ctx context.Context, into bool) (stop session.Stop, err error) {
	cpu, err := d.selectedCPU(ctx)
	if err != nil {
		return stop, err
	}
	start, err := d.placeOf(ctx, cpu)
	if err != nil {
		return stop, err
	}
	now := start
	for range maxSteps {
		if now.call != 0 && (!into || !d.hasLines(ctx, cpu)) {
			stop, err = d.runTo(ctx, now.call, now.sp)
		} else {
			stop, err = d.S.StepInstruction(ctx, cpu)
		}
		if err != nil || interesting(stop) {
			return stop, err
		}
		if now, err = d.placeOf(ctx, cpu); err != nil {
			return stop, err
		}
		if now.line != 0 && (now.line != start.line || now.file != start.file) {
			return stop, nil
		}
	}
	return stop, fmt.Errorf("step from %s:%d: %w", start.file, start.line, ErrTooFar)
}

// interesting reports whether a stop is more than the end of a step.
func interesting(stop session.Stop) bool {
	return stop.Crash != nil || stop.Reply.Signal != 5 || stop.Reply.WatchAddr != 0
}

// hasLines reports whether the function about to be called has source lines.
// Without a way to know the target of an indirect call it steps in and sees.
func (d *Debugger) hasLines(ctx context.Context, cpu target.CPU) bool {
	lines := true
	_ = d.S.Do(ctx, func(ctx context.Context, v *session.Stopped) error {
		w, err := v.Kernel()
		if err != nil {
			return err
		}
		regs, err := v.Target.Regs(ctx, cpu)
		if err != nil {
			return err
		}
		to, ok := callTarget(v.Target.MemoryOf(ctx, cpu), regs.PC())
		if !ok {
			return nil
		}
		at, _ := w.Symbols.Locate(to)
		lines = len(at) > 0 && at[0].Line != 0
		return nil
	})
	return lines
}

// maxInstruction is the longest x86 instruction, in bytes.
const maxInstruction = 15

// decode reads the instruction at pc.
func decode(mem target.Memory, pc addr.Addr) (x86asm.Inst, bool) {
	buf := make([]byte, maxInstruction)
	if mem.ReadMemory(buf, pc) != nil {
		return x86asm.Inst{}, false
	}
	in, err := x86asm.Decode(buf, 64)
	return in, err == nil
}

func callTarget(mem target.Memory, pc addr.Addr) (addr.Addr, bool) {
	in, ok := decode(mem, pc)
	if !ok || in.Op != x86asm.CALL {
		return 0, false
	}
	rel, ok := in.Args[0].(x86asm.Rel)
	return pc + addr.Addr(in.Len) + addr.Addr(int64(rel)), ok
}

func (d *Debugger) placeOf(ctx context.Context, cpu target.CPU) (p place, err error) {
	err = d.S.Do(ctx, func(ctx context.Context, v *session.Stopped) error {
		w, err := v.Kernel()
		if err != nil {
			return err
		}
		regs, err := v.Target.Regs(ctx, cpu)
		if err != nil {
			return err
		}
		p.pc, p.sp = regs.PC(), uint64(regs.SP())
		if at, _ := w.Symbols.Locate(p.pc); len(at) > 0 {
			p.file, p.line = at[0].File, at[0].Line
		}
		if f, ok := w.Symbols.Func(p.pc); ok {
			p.fn = f.Start
		}
		if in, ok := decode(v.Target.MemoryOf(ctx, cpu), p.pc); ok && in.Op == x86asm.CALL {
			p.call = p.pc + addr.Addr(in.Len)
		}
		return nil
	})
	return p, err
}

// Finish runs until the selected frame has returned to its caller.
func (d *Debugger) Finish(ctx context.Context) (session.Stop, error) {
	var caller *unwind.Frame
	err := d.do(ctx, func(context.Context, *session.Stopped) error {
		i := d.levels[d.level].Phys + 1
		if i >= len(d.frames) || d.frames[i].User {
			return fmt.Errorf("finish: %w: this is the outermost one", ErrNoFrame)
		}
		caller = &d.frames[i]
		return nil
	})
	if err != nil {
		return session.Stop{}, err
	}
	return d.runTo(ctx, caller.PC, caller.Regs.SP())
}

// runTo runs until a CPU reaches pc with the stack unwound to sp: a recursive
// call or another task that passes by does not count.
func (d *Debugger) runTo(ctx context.Context, pc addr.Addr, sp uint64) (session.Stop, error) {
	var hook *session.Hook
	err := d.S.Do(ctx, func(ctx context.Context, v *session.Stopped) (err error) {
		hook, err = v.Hook(ctx, pc, func(ctx context.Context, v *session.Stopped, cpu target.CPU) bool {
			regs, err := v.Target.Regs(ctx, cpu)
			return err != nil || uint64(regs.SP()) == sp
		})
		return err
	})
	if err != nil {
		return session.Stop{}, err
	}
	stop, err := d.Continue(ctx)
	clean := context.WithoutCancel(ctx)
	return stop, errors.Join(err, d.S.Quiesced(clean, func(ctx context.Context, v *session.Stopped) error {
		return v.Unhook(ctx, hook)
	}))
}

// Continue lets the guest run and waits until it stands again. When ctx ends
// the guest is interrupted.
func (d *Debugger) Continue(ctx context.Context) (session.Stop, error) {
	if err := d.S.Continue(ctx); err != nil {
		return session.Stop{}, err
	}
	return d.Wait(ctx)
}

// Wait waits for a stop. When ctx ends the guest is interrupted, and the stop
// that follows is returned.
func (d *Debugger) Wait(ctx context.Context) (session.Stop, error) {
	defer context.AfterFunc(ctx, d.S.Interrupt)()
	return d.S.Wait(context.WithoutCancel(ctx))
}

func (d *Debugger) selectedCPU(ctx context.Context) (cpu target.CPU, err error) {
	err = d.do(ctx, func(context.Context, *session.Stopped) error {
		if d.task != nil {
			return fmt.Errorf("step task %d: it does not run; select a CPU first", d.task.PID)
		}
		cpu = d.cpu
		return nil
	})
	return cpu, err
}
