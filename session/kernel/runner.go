package kernel

import (
	"context"
	"fmt"

	"ktrap/session/target"
	"ktrap/symbols/addr"
)

// Runner is what tells the task apart that runs on a CPU. It is asked for at every
// stop, and costs two questions of few bytes.
type Runner struct {
	Addr addr.Addr
	PID  int
	Comm string // printable
}

// Runner gives the task that runs on a CPU, whatever mode the CPU is in.
func (k *Kernel) Runner(ctx context.Context, c target.CPU) (Runner, error) {
	_, off, err := k.numberOf(ctx, c)
	if err != nil {
		return Runner{}, err
	}
	return k.runnerAt(k.few(ctx), off)
}

// runnerAt reads the runner of the CPU whose per-CPU data is at an offset.
func (k *Kernel) runnerAt(m target.Memory, off uint64) (Runner, error) {
	at, err := k.currentTask()
	if err != nil {
		return Runner{}, err
	}
	a, err := readTaskPtr(m, at+addr.Addr(off))
	if err != nil {
		return Runner{}, err
	}
	s, err := k.runnerShape()
	if err != nil {
		return Runner{}, err
	}
	o, err := s.read(m, a)
	if err != nil {
		return Runner{}, err
	}
	r := Runner{Addr: a}
	r.PID, _ = o.int("pid")
	comm, _ := o.bytes("comm")
	r.Comm = printable(comm)
	return r, nil
}

// currentTask is where the pointer to the running task lies in per-CPU data.
func (k *Kernel) currentTask() (addr.Addr, error) {
	if k.current != 0 {
		return k.current, nil
	}
	at, err := k.perCPUVarLink("current_task", "current_task")
	if err == nil {
		k.current = at
	}
	return at, err
}

func (k *Kernel) runnerShape() (*shape, error) {
	if k.runner != nil {
		return k.runner, nil
	}
	s, err := shapeOf(k.layouts, "task_struct", "pid", "comm")
	if err == nil {
		err = s.need("pid", "comm")
	}
	if err != nil {
		return nil, err
	}
	k.runner = s
	return s, nil
}

// Foresight tells what of memory [Kernel.Runner] is going to read, for somebody who
// reads ahead. It does not change.
type Foresight struct {
	current addr.Addr // of current_task, without the CPU's offset
	lo, n   int64     // of task_struct
}

// Foresight gives what Runner reads.
func (k *Kernel) Foresight() (*Foresight, error) {
	at, err := k.currentTask()
	if err != nil {
		return nil, err
	}
	s, err := k.runnerShape()
	if err != nil {
		return nil, fmt.Errorf("foresee what is read of a task: %w", err)
	}
	return &Foresight{current: at, lo: s.lo, n: s.hi - s.lo}, nil
}

// Current is where the pointer to the current task of a CPU lies, by the base of its GS.
func (f *Foresight) Current(gs uint64) addr.Addr { return f.current + addr.Addr(gs) }

// Task is what is read of the task that the pointer points to.
func (f *Foresight) Task(a addr.Addr) (from addr.Addr, size int) {
	return a + addr.Addr(f.lo), int(f.n)
}
