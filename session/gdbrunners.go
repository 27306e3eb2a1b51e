package session

import (
	"context"

	"ktrap/rsp"
	"ktrap/session/gdbview"
	"ktrap/session/kernel"
	"ktrap/session/target"
	"ktrap/symbols/addr"
)

// runner is the thread that a CPU runs.
type runner struct {
	id   int
	cpu  target.CPU
	task kernel.Runner // zero if none is known
}

// runners tells who runs on each CPU.
func (v *Stopped) runners(ctx context.Context) ([]runner, error) {
	t := &v.threads
	if t.running != nil && t.epoch == v.Target.Epoch() {
		return t.running, nil
	}
	cpus, err := v.Target.CPUs(ctx)
	if err != nil {
		return nil, err
	}
	t.epoch, t.running = v.Target.Epoch(), nil
	taken := make(map[int]bool)
	for _, c := range cpus {
		r := v.runnerOn(ctx, c)
		if taken[r.id] { // a CPU that is not up yet has garbage
			r = runner{id: gdbview.CPU + c.Index, cpu: c}
		}
		taken[r.id] = true
		t.running = append(t.running, r)
	}
	return t.running, nil
}

// runnerOn tells who runs on one CPU.
func (v *Stopped) runnerOn(ctx context.Context, c target.CPU) runner {
	r := runner{id: gdbview.CPU + c.Index, cpu: c}
	if v.World == nil {
		return r
	}
	v.foresee()
	task, err := v.World.Kernel.Runner(ctx, c)
	if id := gdbview.TaskID(task.PID, c.Index); err == nil && id > 0 {
		r.id, r.task = id, task
	}
	return r
}

// stoppedRunner tells who runs on the CPU of a stop. After a step that is who ran
// before, unless the step was within the switch to another task.
func (v *Stopped) stoppedRunner(ctx context.Context, c target.CPU, stop *lastStop) runner {
	t := &v.threads
	same := t.last.task.Addr != 0 && t.last.cpu == c && v.World != nil
	if same && (t.told == stop.count || t.told+1 == stop.count && stop.ofStep(c) && !v.switches(stop.PC)) {
		t.told = stop.count
		return t.last
	}
	t.last, t.told = v.runnerOn(ctx, c), stop.count
	return t.last
}

// switches reports whether a CPU at pc may have a new current task since its last
// instruction.
func (v *Stopped) switches(pc addr.Addr) bool {
	f, ok := v.World.Symbols.Func(pc)
	return !ok || pc == 0 || f.Name == "__switch_to"
}

// stopCPU is the CPU that the last stop is about. That there is one more or one
// less is not expected, and costs no question.
func (v *Stopped) stopCPU(ctx context.Context, stop *lastStop) (target.CPU, error) {
	t := &v.threads
	for _, c := range t.cpus {
		if c.Thread.TID == stop.Reply.Thread.TID {
			return c, nil
		}
	}
	var err error
	if t.cpus, err = v.Target.CPUs(ctx); err != nil {
		return target.CPU{}, err
	}
	if c, err := v.Target.CPUOf(ctx, stop.Reply.Thread); err == nil {
		return c, nil
	}
	return t.cpus[0], nil
}

// foresee has what tells who runs read ahead from the next stop on.
func (v *Stopped) foresee() {
	k := v.World.Kernel
	if seen := v.foresight.Load(); seen != nil && seen.kernel == k {
		return
	}
	if f, err := k.Foresight(); err == nil { // else it is said when it is read
		v.foresight.Store(&foreseen{k, f, make(map[rsp.ThreadID]uint64), make(map[rsp.ThreadID][]addr.Addr)})
	}
}
