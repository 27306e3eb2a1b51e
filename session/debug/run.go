package debug

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"ktrap/rsp"
	"ktrap/session"
	"ktrap/session/target"
	"ktrap/symbols/addr"
)

// Continue lets the guest run and waits until it stands again. When ctx ends
// the guest is interrupted.
// Errors: rsp.ErrRunning if it runs already: see Wait.
func (d *Debugger) Continue(ctx context.Context) (session.Stop, error) {
	if err := d.S.Continue(ctx); err != nil {
		return session.Stop{}, err
	}
	return d.Wait(ctx)
}

// Wait waits for a stop. When ctx ends the guest is interrupted, and the stop
// that follows is returned.
// Errors: ErrStuck if no stop follows.
func (d *Debugger) Wait(ctx context.Context) (session.Stop, error) {
	return d.await(ctx, d.S.Wait)
}

// await waits as wait does, with the patience of Wait.
func (d *Debugger) await(ctx context.Context, wait func(context.Context) (session.Stop, error)) (session.Stop, error) {
	ctx, done := d.patient(ctx, d.S.Interrupt)
	defer done()
	stop, err := wait(ctx)
	if err != nil && errors.Is(context.Cause(ctx), ErrStuck) {
		err = ErrStuck
	}
	return stop, err
}

// patience is how long a guest may take to stand after it was told to.
const patience = 10 * time.Second

// ErrStuck says that the guest was told to stand and did not.
var ErrStuck = errors.New("the guest does not stop: QEMU does not answer")

// patient makes a context that outlives ctx by patience: a stop that is under
// way is waited for. ended, which may be nil, is called when ctx ends.
func (d *Debugger) patient(ctx context.Context, ended func()) (context.Context, func()) {
	out, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	told := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(told)
		if ended != nil {
			ended()
		}
		select {
		case <-time.After(patience):
			cancel(ErrStuck)
		case <-out.Done():
		}
	})
	return out, func() {
		cancel(nil)
		if !stop() {
			<-told // or a late interrupt would meet the next run
		}
	}
}

// Interrupt stops a guest that runs and waits until it stands.
func (d *Debugger) Interrupt(ctx context.Context) (session.Stop, error) {
	return d.await(ctx, d.S.Halt)
}

// mark is where a CPU is waited for: at pc with the stack at sp, so that a
// recursive call or another task that passes by does not count.
type mark struct {
	pc addr.Addr
	sp uint64
}

// runTo runs until a CPU reaches one of the marks.
func (d *Debugger) runTo(ctx context.Context, marks ...mark) (stop session.Stop, arrived bool, err error) {
	var hooks []*session.Hook
	err = d.S.Do(ctx, func(ctx context.Context, v *session.Stopped) error {
		for _, m := range marks {
			h, err := v.Hook(ctx, m.pc, func(ctx context.Context, v *session.Stopped, cpu target.CPU) bool {
				regs, err := v.Target.Regs(ctx, cpu)
				return err != nil || uint64(regs.SP()) == m.sp
			})
			if err != nil {
				return err
			}
			hooks = append(hooks, h)
		}
		return nil
	})
	if err == nil {
		stop, err = d.Continue(ctx)
	}
	clean := context.WithoutCancel(ctx)
	unhook := d.S.Quiesced(clean, func(ctx context.Context, v *session.Stopped) error {
		var errs error
		for _, h := range hooks {
			errs = errors.Join(errs, v.Unhook(ctx, h))
		}
		return errs
	})
	if errors.Is(err, rsp.ErrClosed) {
		unhook = nil // said once
	}
	if err = errors.Join(err, unhook); err != nil || stop.Crash != nil || stop.Reply.Signal != sigTrap {
		return stop, false, err
	}
	now, err := d.look(clean)
	arrived = err == nil && slices.Contains(marks, mark{now.pc, now.sp})
	return stop, arrived, err
}

// sigTrap is the signal of a breakpoint and of a step, as the protocol numbers it.
const sigTrap = 5

// Returned is what a function gave back.
type Returned struct {
	Func string
	Text string // as gdb prints it; empty for void and unknown types
}

// Finish runs until the selected level has returned to its caller. The value
// is nil when something else stopped the guest, and for inlined functions.
func (d *Debugger) Finish(ctx context.Context) (session.Stop, *Returned, error) {
	if _, err := d.selectedCPU(ctx); err != nil {
		return session.Stop{}, nil, err
	}
	var home, caller mark
	var fn addr.Addr
	inner, inlined := false, false
	err := d.do(ctx, func(_ context.Context, v *session.Stopped) error {
		l := d.levels[d.level]
		here := d.frames[l.Phys]
		fn, inner, inlined = here.PC, l.Phys > 0, l.Inlined
		home = mark{here.PC, here.Regs.SP()}
		if inlined {
			return nil
		}
		if l.Phys+1 >= len(d.frames) || d.frames[l.Phys+1].User {
			return fmt.Errorf("finish: %w: this is the outermost one", ErrNoFrame)
		}
		next := d.frames[l.Phys+1]
		caller = mark{next.PC, next.Regs.SP()}
		return nil
	})
	if err != nil {
		return session.Stop{}, nil, err
	}
	if inlined {
		stop, err := d.finishInlined(ctx, home, inner)
		return stop, nil, err
	}
	stop, arrived, err := d.runTo(ctx, caller)
	if err != nil || !arrived {
		return stop, nil, err
	}
	return stop, d.returned(ctx, fn), nil
}

// finishInlined comes back to the level's physical frame, if it is not the
// innermost, and steps until the inlined function is left.
func (d *Debugger) finishInlined(ctx context.Context, home mark, inner bool) (session.Stop, error) {
	depth := 0
	err := d.do(ctx, func(context.Context, *session.Stopped) error {
		for i := d.level; i < len(d.levels) && d.levels[i].Phys == d.levels[d.level].Phys; i++ {
			depth++
		}
		return nil
	})
	if err != nil {
		return session.Stop{}, err
	}
	if inner {
		if stop, arrived, err := d.runTo(ctx, home); err != nil || !arrived {
			return stop, err
		}
	}
	return d.steps(ctx, func(start, now *spot) bool {
		return now.fn != start.fn || len(now.chain) < depth && now.line.Stmt
	}, false)
}

// returned reads what a function has left in rax.
func (d *Debugger) returned(ctx context.Context, fn addr.Addr) *Returned {
	var out *Returned
	_ = d.do(ctx, func(ctx context.Context, v *session.Stopped) error {
		f, ok := v.World.Symbols.Func(fn)
		if !ok {
			return nil
		}
		out = &Returned{Func: f.Name, Text: returnValue(ctx, v, d.place(), f)}
		return nil
	})
	return out
}
