package debug

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/arch/x86/x86asm"

	"ktrap/session"
	"ktrap/session/target"
)

// maxSteps bounds a line step: a loop inside one line may take very long.
const maxSteps = 20000

// ErrTooFar says that a line step did not come to another line.
var ErrTooFar = errors.New("still in the same line after many instructions")

// StepInstruction executes one instruction on the selected CPU.
func (d *Debugger) StepInstruction(ctx context.Context) (session.Stop, error) {
	cpu, err := d.selectedCPU(ctx)
	if err != nil {
		return session.Stop{}, err
	}
	return d.stepOne(ctx, cpu)
}

func (d *Debugger) stepOne(ctx context.Context, cpu target.CPU) (session.Stop, error) {
	ctx, done := d.patient(ctx, d.S.Interrupt)
	defer done()
	return d.S.StepInstruction(ctx, cpu)
}

// Step goes to the beginning of another source line, into functions that have
// lines. The other CPUs stand meanwhile, but for calls that run through.
func (d *Debugger) Step(ctx context.Context) (session.Stop, error) {
	return d.steps(ctx, func(start, now *spot) bool {
		return now.pc == now.fn || now.line.Line != start.line.Line || now.line.File != start.line.File
	}, true)
}

// Next goes to the beginning of another source line of this function or of its
// caller; calls, inlined ones too, run through.
func (d *Debugger) Next(ctx context.Context) (session.Stop, error) {
	return d.steps(ctx, func(start, now *spot) bool {
		if now.fn == start.fn && len(now.chain) > len(start.chain) {
			return false
		}
		return now.line.Line != start.line.Line || now.line.File != start.line.File
	}, false)
}

// steps goes on until a statement begins where done says so, or until something
// else stops the guest. An interrupt of ctx ends it where it is.
func (d *Debugger) steps(ctx context.Context, done func(start, now *spot) bool, into bool) (stop session.Stop, err error) {
	cpu, err := d.selectedCPU(ctx)
	if err != nil {
		return stop, err
	}
	start, err := d.lookAt(ctx, cpu)
	if err != nil {
		return stop, err
	}
	now := start
	for range maxSteps {
		var arrived bool
		if stop, arrived, err = d.advance(ctx, now, into); err != nil || !arrived || ctx.Err() != nil {
			return stop, err
		}
		if now, err = d.look(context.WithoutCancel(ctx)); err != nil {
			return stop, err
		}
		switch {
		case now.user, d.breaksAt(now.pc):
			return stop, nil
		case !now.line.Stmt, now.asm && !start.asm:
		case done(start, now):
			return stop, nil
		}
	}
	return stop, fmt.Errorf("step from %s:%d: %w", start.line.File, start.line.Line, ErrTooFar)
}

// advance takes one instruction, or runs through what is not to be stepped.
// arrived is false when something else has stopped the guest.
func (d *Debugger) advance(ctx context.Context, at *spot, into bool) (session.Stop, bool, error) {
	over := mark{at.next(), at.sp}
	switch {
	case at.inst.Op == x86asm.CALL && !(into && at.enter),
		at.inst.Op == x86asm.PAUSE, // waits for another CPU, which stands while this one steps
		at.repeats():
		return d.runTo(ctx, over)
	}
	stop, err := d.stepOne(ctx, at.cpu)
	if err != nil || interesting(stop) {
		return stop, false, err
	}
	now, err := d.look(context.WithoutCancel(ctx))
	switch {
	case err != nil:
		return stop, false, err
	case now.taken == at.pc && at.pc != 0: // an exception: back to the instruction, or past it
		return d.runTo(ctx, mark{at.pc, at.sp}, over)
	case !into && now.pc == now.fn && now.fn != at.fn && at.inst.Op != x86asm.RET: // a tail call
		return d.runTo(ctx, mark{now.ret, now.sp + 8})
	}
	return stop, true, nil
}

// interesting reports whether a stop is more than the end of a step.
func interesting(stop session.Stop) bool {
	return stop.Crash != nil || stop.Reply.Signal != sigTrap || stop.Reply.WatchAddr != 0
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
