package session

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"ktrap/rsp"
	"ktrap/session/gdbview"
	"ktrap/session/kernel"
	"ktrap/session/target"
	"ktrap/session/unwind"
)

// gdb reads the list of threads at every stop by itself, twice when it connects,
// and once more when its user asks. Only then are all tasks walked. gdb forgets a
// thread that is not listed, with its number and the breakpoints that are for it, and
// compares what it knows with the list one by one: so what it was told once stays in
// the list until the next walk. Until somebody asks it is told the numbers alone of those
// that do not run, and where there are many tasks none of these.

// manyTasks is how many tasks there may be for gdb to know them all without having
// asked.
const manyTasks = 1000

// mostPassed is how many tasks that were only seen running are kept before those are
// looked for that have ended meanwhile. Each costs gdb 3 µs at each stop, looking for them
// some milliseconds.
const mostPassed = 64

// threads gives the list to gdb.
func (g *gdbClient) threads(ctx context.Context, now *moment) (list []gdbview.Thread, err error) {
	var all bool
	_ = g.s.call(func() { // the reply fails as well
		all = g.listed > 0
		g.listed++
	})
	err = g.s.Do(ctx, func(ctx context.Context, v *Stopped) (err error) {
		first := g.list == nil
		switch {
		case now.byCPU || v.World == nil:
			g.list = nil
		case !all && g.passed > mostPassed:
			g.forget(ctx, v)
		case all || g.list == nil && !v.manyTasks(ctx):
			if err := v.walkTasks(ctx); err != nil {
				v.log.Debug("list tasks for gdb", "err", err)
			}
			if all {
				v.describe(ctx)
			}
			g.list, g.passed = v.threads.list, 0
		}
		list, err = v.threadList(ctx, now.byCPU, all || first && !now.byCPU, g.list)
		return err
	})
	stopped := func(t gdbview.Thread) bool { return t.ID == now.at.id }
	if err == nil && !now.stale && !slices.ContainsFunc(list, stopped) { // told before the threads became others
		list = append(list, gdbview.Thread{ID: now.at.id, Core: now.at.cpu.Index, Name: "stopped here"})
	}
	g.remember(list)
	if !all {
		gdbview.Shorten(list, now.at.id)
	}
	return list, err
}

// forget drops those of the list that have ended.
func (g *gdbClient) forget(ctx context.Context, v *Stopped) {
	g.passed = 0
	if err := v.walkTasks(ctx); err != nil { // what is not found may be there
		v.log.Debug("list tasks for gdb", "err", err)
		return
	}
	g.list = slices.DeleteFunc(slices.Clone(g.list), func(t gdbview.Thread) bool {
		_, there := v.threads.tasks[t.ID]
		return !there
	})
}

// remember adds the tasks that gdb is told of because they run.
func (g *gdbClient) remember(told []gdbview.Thread) {
	for _, t := range told {
		known := func(k gdbview.Thread) bool { return k.ID == t.ID }
		if t.Core >= 0 && t.ID < gdbview.CPU && !slices.ContainsFunc(g.list, known) {
			g.list = append(slices.Clip(g.list), gdbview.Thread{ID: t.ID, Core: -1, Name: t.Name})
			g.passed++
		}
	}
}

// manyTasks reports whether there are too many tasks to be walked unasked.
func (v *Stopped) manyTasks(ctx context.Context) bool {
	n, err := v.World.Kernel.TaskCount(ctx)
	return err == nil && n > manyTasks
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
	t.described = false
	for i := range tasks {
		id := gdbview.TaskID(tasks[i].PID, tasks[i].CPU)
		if _, twice := t.tasks[id]; twice || id < 0 {
			continue
		}
		t.tasks[id] = tasks[i]
		t.list = append(t.list, gdbview.Thread{ID: id, Core: -1, Name: tasks[i].Comm})
	}
	return err
}

// describe adds what the tasks do to the list of this stop's walk, which for each means to
// look at its stack.
func (v *Stopped) describe(ctx context.Context) {
	t := &v.threads
	if t.described || t.walked != v.Target.Epoch() { // the walk may have failed
		return
	}
	t.described, t.list = true, slices.Clone(t.list) // a gdb may have it
	for i := range t.list {
		task := t.tasks[t.list[i].ID]
		t.list[i].Text = v.stateOf(ctx, &task, len(t.list))
	}
}

// threadList is what gdb is shown: the threads that it is to know, and those that
// run now, of which it is told more. Not all of those are looked for at a stop
// at which nobody has asked.
func (v *Stopped) threadList(ctx context.Context, byCPU, all bool, known []gdbview.Thread) ([]gdbview.Thread, error) {
	if byCPU && !all {
		return v.namedCPUs(ctx)
	}
	var running []runner
	seen := v.threads.running != nil && v.threads.epoch == v.Target.Epoch()
	if seen || all || v.World == nil {
		var err error
		if running, err = v.runners(ctx); err != nil {
			return nil, err
		}
	} else {
		stop, err := v.lastStop()
		if err != nil {
			return nil, err
		}
		if cpu, err := v.stopCPU(ctx, &stop); err == nil {
			running = []runner{v.stoppedRunner(ctx, cpu, &stop)}
		}
	}
	if byCPU || v.World == nil {
		return cpuThreads(running), nil
	}
	out := make([]gdbview.Thread, 0, len(known)+len(running)+1)
	if c, ok := v.crashPlace(ctx); ok {
		r := v.threads.crash.Report
		out = append(out, gdbview.Thread{ID: c.id, Core: c.cpu.Index, Name: fmt.Sprintf("crash of %s [%d]", r.Comm, r.PID), Text: r.Title})
	}
	on := make(map[int]*runner, len(running))
	for i := range running {
		on[running[i].id] = &running[i]
	}
	for _, t := range known {
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

// namedCPUs is the list of CPUs without what they run, which takes a question to each.
func (v *Stopped) namedCPUs(ctx context.Context) ([]gdbview.Thread, error) {
	t := &v.threads
	if t.cpus == nil {
		var err error
		if t.cpus, err = v.Target.CPUs(ctx); err != nil {
			return nil, err
		}
	}
	out := make([]gdbview.Thread, len(t.cpus))
	for i, c := range t.cpus {
		out[i] = cpuThread(c)
	}
	return out, nil
}

func cpuThread(c target.CPU) gdbview.Thread {
	return gdbview.Thread{ID: gdbview.CPU + c.Index, Core: c.Index, Name: fmt.Sprintf("CPU %d", c.Index)}
}

func cpuThreads(running []runner) []gdbview.Thread {
	var out []gdbview.Thread
	for _, r := range running {
		t := cpuThread(r.cpu)
		t.Text = "no task is known"
		if r.task.Addr != 0 {
			t.Text = fmt.Sprintf("%s [%d]", r.task.Comm, r.task.PID)
		}
		out = append(out, t)
	}
	return out
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
		list, err := v.threadList(ctx, now.byCPU, g.list == nil, g.list)
		for _, one := range list {
			if one.ID != t.TID {
				continue
			}
			if one.Core < 0 { // what it did when the list was read
				if task, ok := v.taskOf(ctx, one.ID); ok {
					one.Text = v.stateOf(ctx, &task, len(list))
				}
			}
			text = strings.TrimSpace(one.Name + " " + one.Text)
		}
		return err
	})
	if err != nil || text == "" {
		g.reply([]byte("E01"))
		return
	}
	g.reply(fmt.Appendf(nil, "%x", text))
}

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
