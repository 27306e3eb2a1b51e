package session

import (
	"context"
	"errors"
	"fmt"

	"ktrap/rsp"
	"ktrap/session/kernel"
	"ktrap/session/machine"
	"ktrap/session/target"
	"ktrap/symbols/addr"
)

// Stopped is the guest while it stands: the stop lease that Do and Quiesced
// hand out. It must not be used after they return.
type Stopped struct {
	*Session
	World *World // nil while no kernel is known

	shown **Crash // of a job: the crash to stop at when the job is done
}

// ErrNoKernel says that no kernel is known: it has not booted far enough, or
// no vmlinux fits.
var ErrNoKernel = errors.New("no kernel is known yet")

// Kernel returns what is known of the running kernel.
// Errors: ErrNoKernel.
func (v *Stopped) Kernel() (*World, error) {
	if v.World == nil {
		return nil, ErrNoKernel
	}
	return v.World, nil
}

// Insert sets a breakpoint or watchpoint for an owner.
func (v *Stopped) Insert(ctx context.Context, p machine.Point, owner machine.Owner) error {
	var first, there bool
	err := v.call(func() { first, there = v.machine.Points.Add(p, owner), v.stays(p) })
	if err != nil || !first || there {
		return err
	}
	if err := v.beforeInsert(ctx, p); err != nil {
		_ = v.call(func() { v.machine.Points.Drop(p, owner) })
		return fmt.Errorf("set breakpoint at %v: %w", p.Addr, err)
	}
	if err := v.client.Insert(ctx, rsp.BreakKind(p.Kind), uint64(p.Addr), p.Size); err != nil {
		_ = v.call(func() { v.machine.Points.Drop(p, owner) })
		return fmt.Errorf("set breakpoint at %v: %w", p.Addr, err)
	}
	return nil
}

// Remove takes back one Insert of the same owner.
func (v *Stopped) Remove(ctx context.Context, p machine.Point, owner machine.Owner) error {
	var known, last bool
	if err := v.call(func() { known, last = v.machine.Points.Drop(p, owner) }); err != nil {
		return err
	}
	if !known {
		return notThere(p, owner)
	}
	if !last {
		return nil
	}
	return v.removeFromStub(ctx, []machine.Point{p})
}

func notThere(p machine.Point, owner machine.Owner) error {
	return fmt.Errorf("remove breakpoint at %v: none of %s is there", p.Addr, owner)
}

// removeOwner takes out everything an owner has set.
func (v *Stopped) removeOwner(ctx context.Context, owner machine.Owner) error {
	var gone []machine.Point
	if err := v.call(func() { gone = append(v.machine.Points.DropOwner(owner), v.lingeringOf(owner)...) }); err != nil {
		return err
	}
	return v.removeFromStub(ctx, gone)
}

// removeAll takes out every breakpoint, whoever set it.
func (v *Stopped) removeAll(ctx context.Context) error {
	var gone []machine.Point
	err := v.call(func() {
		gone = append(v.machine.Points.All(), v.lingering()...)
		v.machine.Points = machine.Points{}
		v.machine.Forget()
	})
	if err != nil {
		return err
	}
	return v.removeFromStub(ctx, gone)
}

func (v *Stopped) removeFromStub(ctx context.Context, gone []machine.Point) error {
	var errs error
	for _, p := range gone {
		if err := v.client.Remove(ctx, rsp.BreakKind(p.Kind), uint64(p.Addr), p.Size); err != nil {
			errs = errors.Join(errs, fmt.Errorf("remove breakpoint at %v: %w", p.Addr, err))
			continue
		}
		if p.Kind == machine.Software {
			v.hidden.gone(p.Addr)
		}
	}
	return errs
}

// Monitor runs a command of QEMU's monitor and returns its output.
func (v *Stopped) Monitor(ctx context.Context, command string) (string, error) {
	if err := v.call(v.takeOutLingering); err != nil { // it may let the guest run
		return "", err
	}
	out, err := v.client.Monitor(ctx, command)
	return out, errors.Join(err, v.findMoved(ctx))
}

// findMoved looks whether CPUs still stand at the breakpoints that they are to be
// stepped off. system_reset moves them, and a step of one that then waits for
// another to start it would never end.
func (v *Stopped) findMoved(ctx context.Context) error {
	var handled map[rsp.ThreadID]addr.Addr
	if err := v.call(func() { handled = v.machine.Handled() }); err != nil {
		return err
	}
	for t, at := range handled {
		raw, err := v.client.ReadRegisters(ctx, t)
		pc, err := pcIn(raw, err)
		if err != nil {
			return err
		}
		if pc != at {
			v.Target.Invalidate()
			_ = v.call(func() { v.machine.Left(t) })
		}
	}
	return nil
}

// stoppedThread is the thread of the last stop, any if it had none.
func (v *Stopped) stoppedThread() rsp.ThreadID { return v.LastStop().Reply.Thread }

// code is a software breakpoint at an address.
func code(a addr.Addr) machine.Point { return machine.Point{Kind: machine.Software, Addr: a, Size: 1} }

// LastStop is why the guest stands.
func (v *Stopped) LastStop() Stop {
	var stop Stop
	_ = v.call(func() { stop = v.stopped }) // after the loop's end there is none
	return stop
}

// RunsOn reports whether a task is the current one of some CPU, and of which.
func (v *Stopped) RunsOn(ctx context.Context, t kernel.Task, cpu *target.CPU) bool {
	cpus, err := v.Target.CPUs(ctx)
	if err != nil {
		return false
	}
	for _, c := range cpus {
		if now, err := v.World.Kernel.Current(ctx, c); err == nil && now.Addr == t.Addr {
			*cpu = c
			return true
		}
	}
	return false
}

// StopCPU is the CPU that the last stop is about, the first one if it is about
// none.
func (v *Stopped) StopCPU(ctx context.Context) (target.CPU, error) {
	if cpu, err := v.Target.CPUOf(ctx, v.LastStop().Reply.Thread); err == nil {
		return cpu, nil
	}
	cpus, err := v.Target.CPUs(ctx)
	if err != nil {
		return target.CPU{}, err
	}
	return cpus[0], nil
}
