package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

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
// the walk over all tasks is done when somebody asks for it. Owned by the worker.
type threadTable struct {
	epoch   uint64 // of the stop that running holds for
	running []runner
	cpus    []target.CPU        // of the machine; they stay the same
	last    runner              // whom gdb was told of
	told    uint64              // number of that stop
	walked  uint64              // stop of the last walk
	tasks   map[int]kernel.Task // of the last walk, nil: none yet
	list    []gdbview.Thread    // likewise
	found   place               // the last that was found, of which gdb asks several things
	foundAt uint64              // stop of that; none if found.id is 0

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

// walkTasks lists all tasks, once per stop.
// Errors: those of a damaged list; what could be read is in the table.
func (v *Stopped) walkTasks(ctx context.Context) error {
	t := &v.threads
	if t.tasks != nil && t.walked == v.Target.Epoch() {
		return nil
	}
	tasks, err := v.World.Kernel.Tasks(ctx)
	if len(tasks) == 0 && err != nil {
		return err
	}
	t.walked, t.tasks, t.list = v.Target.Epoch(), make(map[int]kernel.Task, len(tasks)), nil
	for i := range tasks {
		id := gdbview.TaskID(tasks[i].PID, tasks[i].CPU)
		if _, twice := t.tasks[id]; twice || id < 0 {
			continue
		}
		t.tasks[id] = tasks[i]
		text := v.stateOf(ctx, &tasks[i], len(tasks))
		t.list = append(t.list, gdbview.Thread{ID: id, Core: -1, Name: tasks[i].Comm, Text: text})
	}
	return err
}

// threadList is what gdb is shown. All tasks are walked the first time, and when
// all is set; else the list of the last walk does, with the task that has stopped. gdb
// reads the list at every stop by itself, and once more when its user asks.
func (v *Stopped) threadList(ctx context.Context, byCPU, all bool) ([]gdbview.Thread, error) {
	var running []runner
	if all || byCPU || v.World == nil || v.threads.list == nil {
		var err error
		if running, err = v.runners(ctx); err != nil {
			return nil, err
		}
	} else if cpu, err := v.stopCPU(ctx, v.LastStop()); err == nil {
		running = []runner{v.stoppedRunner(ctx, cpu, v.LastStop())}
	}
	if byCPU || v.World == nil {
		return cpuThreads(running), nil
	}
	if all || v.threads.list == nil {
		if err := v.walkTasks(ctx); err != nil {
			v.log.Debug("list tasks for gdb", "err", err)
		}
	}
	var out []gdbview.Thread
	if c, ok := v.crashPlace(ctx); ok {
		r := v.threads.crash.Report
		out = append(out, gdbview.Thread{ID: c.id, Core: c.cpu.Index, Name: fmt.Sprintf("crash of %s [%d]", r.Comm, r.PID), Text: r.Title})
	}
	on := make(map[int]*runner, len(running))
	for i := range running {
		on[running[i].id] = &running[i]
	}
	for _, t := range v.threads.list {
		if r := on[t.ID]; r != nil {
			t = r.thread()
			delete(on, t.ID)
		}
		out = append(out, t)
	}
	for i := range running {
		if on[running[i].id] != nil {
			out = append(out, running[i].thread())
		}
	}
	return out, nil
}

func (r *runner) thread() gdbview.Thread {
	return gdbview.Thread{ID: r.id, Core: r.cpu.Index, Name: r.task.Comm, Text: fmt.Sprintf("R, on CPU %d", r.cpu.Index)}
}

func cpuThreads(running []runner) []gdbview.Thread {
	var out []gdbview.Thread
	for _, r := range running {
		text := "no task is known"
		if r.task.Addr != 0 {
			text = fmt.Sprintf("%s [%d]", r.task.Comm, r.task.PID)
		}
		out = append(out, gdbview.Thread{ID: gdbview.CPU + r.cpu.Index, Core: r.cpu.Index, Name: fmt.Sprintf("CPU %d", r.cpu.Index), Text: text})
	}
	return out
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

// threads gives the list to gdb.
func (g *gdbClient) threads(ctx context.Context, now *moment) (list []gdbview.Thread, err error) {
	var all bool
	_ = g.s.call(func() { // the reply fails as well
		all = g.listed == g.s.stopCount+1
		g.listed = g.s.stopCount + 1
	})
	err = g.s.Do(ctx, func(ctx context.Context, v *Stopped) (err error) {
		list, err = v.threadList(ctx, now.byCPU, all)
		return err
	})
	stopped := func(t gdbview.Thread) bool { return t.ID == now.at.id }
	if err == nil && !now.stale && !slices.ContainsFunc(list, stopped) { // told before the threads became others
		list = append(list, gdbview.Thread{ID: now.at.id, Core: now.at.cpu.Index, Name: "stopped here"})
	}
	return list, err
}

// threadIDs answers qfThreadInfo, the older form of the list, in one packet.
func (g *gdbClient) threadIDs(ctx context.Context, now *moment) {
	list, err := g.threads(ctx, now)
	if err != nil {
		g.reply(errorReply(nil, err))
		return
	}
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = fmt.Sprintf("%x", list[i].ID)
	}
	g.reply([]byte("m" + strings.Join(ids, ",")))
}

// extraInfo answers qThreadExtraInfo, for clients that do not take it with the list.
func (g *gdbClient) extraInfo(ctx context.Context, p string, now *moment) {
	t, err := rsp.ParseThreadID(strings.TrimPrefix(p, "qThreadExtraInfo,"))
	if err != nil {
		g.reply([]byte("E01"))
		return
	}
	var text string
	err = g.s.Do(ctx, func(ctx context.Context, v *Stopped) error {
		list, err := v.threadList(ctx, now.byCPU, false)
		for _, one := range list {
			if one.ID == t.TID {
				text = strings.TrimSpace(one.Name + " " + one.Text)
			}
		}
		return err
	})
	if err != nil || text == "" {
		g.reply([]byte("E01"))
		return
	}
	g.reply(fmt.Appendf(nil, "%x", text))
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

// manyTasks is how many tasks there may be for each to have its stack looked at.
const manyTasks = 1000

// stateOf describes a task that does not run.
func (v *Stopped) stateOf(ctx context.Context, t *kernel.Task, of int) string {
	text := t.State.Letter()
	if t.CPU >= 0 {
		text += fmt.Sprintf(", CPU %d", t.CPU)
	}
	if of > manyTasks || t.OnCPU || t.State.Dead() {
		return text
	}
	if where := v.sleepsIn(ctx, t); where != "" {
		text += ", " + where
	}
	return text
}

// sleepsIn is the function in which a task waits: the first on its stack that is
// not the scheduler's, as /proc/PID/wchan has it.
func (v *Stopped) sleepsIn(ctx context.Context, t *kernel.Task) string {
	mem := v.Target.Memory(ctx)
	start, err := unwind.Inactive(mem, t.SP, 0)
	if err != nil {
		return ""
	}
	const deepest = 12 // levels of the scheduler, and then some
	n := 0
	for f, err := range v.World.Unwinder.FramesFrom(start, mem) {
		if n++; err != nil || n > deepest || f.User {
			return ""
		}
		if fn, ok := v.World.Symbols.Func(f.LookupPC()); ok && !v.World.Kernel.InScheduler(f.LookupPC()) {
			return fn.Name
		}
	}
	return ""
}
