package session

import (
	"context"

	"ktrap/session/kernel"
	"ktrap/session/target"
	"ktrap/session/unwind"
	"ktrap/symbols/addr"
)

// namedStacks gives the stacks that a walk on a CPU may meet: its own, and
// that of the task it runs. What cannot be found has no name in the walk.
func (v *Stopped) namedStacks(ctx context.Context, cpu target.CPU) func(addr.Addr) (unwind.Stack, bool) {
	k := v.World.Kernel
	stacks, err := k.CPUStacks(ctx, cpu)
	if err != nil {
		v.log.Debug("find the stacks of a CPU", "c", "kernel", "cpu", cpu.Index, "err", err)
	}
	if task, err := k.Current(ctx, cpu); err == nil {
		if s, err := k.TaskStack(task); err == nil {
			stacks = append(stacks, s)
		}
	}
	return stackFinder(stacks)
}

func stackFinder(stacks []kernel.Stack) func(addr.Addr) (unwind.Stack, bool) {
	return func(a addr.Addr) (unwind.Stack, bool) {
		for _, s := range stacks {
			if a >= s.Low && a < s.High {
				return unwind.Stack{Name: s.Name, Low: s.Low, High: s.High}, true
			}
		}
		return unwind.Stack{}, false
	}
}

// walk unwinds from a frame on a CPU.
// Errors: *unwind.StopError if the walk ends early; the frames before it stand.
func (v *Stopped) walk(ctx context.Context, cpu target.CPU, start unwind.Frame) ([]unwind.Frame, error) {
	u := *v.World.Unwinder
	u.Stack = v.namedStacks(ctx, cpu)
	return frames(&u, start, v.Target.MemoryOf(ctx, cpu))
}
