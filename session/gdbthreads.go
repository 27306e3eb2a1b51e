package session

import (
	"context"
	"errors"

	"ktrap/rsp"
	"ktrap/session/gdbview"
	"ktrap/session/kernel"
	"ktrap/session/target"
	"ktrap/session/unwind"
)

// place is what a thread of gdb's stands for at one stop.
type place struct {
	id    int
	cpu   target.CPU  // that runs it, else through which its memory is seen
	runs  bool        // its registers are those of the CPU
	crash bool        // it is the context of the crash that the guest stands at
	task  kernel.Task // of one that does not run
}

// threadTable is which threads there are. Who runs where is read at each stop;
// the walk over all tasks is done when somebody asks for it. Owned by the worker, and by
// the loop when the guest has come to stand.
type threadTable struct {
	epoch     uint64 // of the stop that running holds for
	running   []runner
	cpus      []target.CPU        // of the machine; they stay the same
	last      runner              // whom gdb was told of
	told      uint64              // number of that stop
	walked    uint64              // stop of the last walk
	described bool                // the list tells what the tasks do
	tasks     map[int]kernel.Task // of the last walk, nil: none yet
	list      []gdbview.Thread    // likewise
	found     place               // the last that was found, of which gdb asks several things
	foundAt   uint64              // stop of that; none if found.id is 0

	crash   *Crash        // that crashed was found for
	crashed *unwind.Frame // see crashFrame
}

var errNoThread = errors.New("no such thread")

// find gives the place of a thread. That which has stopped is known without
// asking anybody.
func (g *gdbClient) find(ctx context.Context, id int, now *moment) (place, error) {
	if id == now.at.id && !now.stale {
		return now.at, nil
	}
	var at place
	err := g.s.Do(ctx, func(ctx context.Context, v *Stopped) (err error) {
		at, err = v.placeOf(ctx, id)
		return err
	})
	return at, err
}

// lookAt runs f with the stop lease and the place of a thread.
// Errors: errNoThread; those of Do and f.
func (g *gdbClient) lookAt(ctx context.Context, id int, now *moment, f func(context.Context, *Stopped, place) error) error {
	return g.s.Do(ctx, func(ctx context.Context, v *Stopped) (err error) {
		at := now.at
		if id != at.id || now.stale {
			at, err = v.placeOf(ctx, id)
		}
		if err != nil {
			return err
		}
		return f(ctx, v, at)
	})
}

// placeOf finds what a thread's number stands for now.
// Errors: errNoThread.
func (v *Stopped) placeOf(ctx context.Context, id int) (place, error) {
	t := &v.threads
	if t.found.id == id && t.foundAt == v.Target.Epoch() {
		return t.found, nil
	}
	at, err := v.lookUp(ctx, id)
	if err == nil {
		t.found, t.foundAt = at, v.Target.Epoch()
	}
	return at, err
}

func (v *Stopped) lookUp(ctx context.Context, id int) (place, error) {
	if c, ok := v.crashPlace(ctx); ok && c.id == id {
		return c, nil
	}
	running, err := v.runners(ctx)
	if err != nil {
		return place{}, err
	}
	for _, r := range running {
		if r.id == id || gdbview.CPU+r.cpu.Index == id {
			return place{id: id, cpu: r.cpu, runs: true}, nil
		}
	}
	if v.World == nil {
		return place{}, errNoThread
	}
	if task, ok := v.taskOf(ctx, id); ok {
		return v.sleeping(ctx, id, task), nil
	}
	if err := v.walkTasks(ctx); err != nil {
		v.log.Debug("list tasks for gdb", "err", err)
	}
	if task, ok := v.taskOf(ctx, id); ok {
		return v.sleeping(ctx, id, task), nil
	}
	return place{}, errNoThread
}

// sleeping is the place of a task that does not run. Its memory is seen as from
// the CPU it ran on last.
func (v *Stopped) sleeping(ctx context.Context, id int, task kernel.Task) place {
	p := place{id: id, task: task}
	cpus, err := v.Target.CPUs(ctx)
	if err == nil {
		p.cpu = cpus[min(max(task.CPU, 0), len(cpus)-1)]
	}
	return p
}

// taskOf gives a task of the last walk, read again if that was at an earlier
// stop. It is gone if its memory holds another one by now.
func (v *Stopped) taskOf(ctx context.Context, id int) (kernel.Task, bool) {
	known, ok := v.threads.tasks[id]
	if !ok || v.threads.walked == v.Target.Epoch() {
		return known, ok
	}
	task, err := v.World.Kernel.Task(ctx, known.Addr)
	return task, err == nil && gdbview.TaskID(task.PID, task.CPU) == id
}

// crashPlace is the thread of the crash that the guest stands at, if there is
// one and its stack is known: gdb cannot unwind from the functions that report a
// fault to where it happened.
func (v *Stopped) crashPlace(ctx context.Context) (place, bool) {
	if v.crashFrame() == nil {
		return place{}, false
	}
	crash := v.threads.crash
	cpu, err := v.Target.CPUOf(ctx, crash.Thread)
	if err != nil {
		return place{}, false
	}
	return place{id: gdbview.Crash + max(crash.Report.PID, 0), cpu: cpu, crash: true}, true
}

// alive answers T.
func (g *gdbClient) alive(ctx context.Context, p string, now *moment) {
	t, err := rsp.ParseThreadID(p[1:])
	if err == nil {
		_, err = g.find(ctx, t.TID, now)
	}
	if err != nil {
		g.reply([]byte("E01"))
		return
	}
	g.reply([]byte("OK"))
}
