package session

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"ktrap/session/gdbview"
	"ktrap/session/kernel"
	"ktrap/session/report"
	"ktrap/session/unwind"
	"ktrap/symbols/addr"
)

// monitorStack shows what gdb cannot unwind, and of whom: gdb tells a stub which
// thread it has selected only when it needs to, so that after `info threads` the stub
// still has the last of the list.
func monitorStack(ctx context.Context, v *Stopped, q *question) (string, error) {
	w, err := v.Kernel()
	if err != nil {
		return "", err
	}
	at, err := v.stackAsked(ctx, q)
	if err != nil {
		return "", err
	}
	var list []unwind.Frame
	switch {
	case at.crash:
		list = v.LastStop().Crash.Frames
	case at.runs:
		list, err = v.Frames(ctx, at.cpu)
	default:
		list, err = v.TaskFrames(ctx, at.task)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "thread %d: %s\n", at.id, v.nameOf(ctx, at))
	if e := report.Levels(&b, w.ReportFrames(list), 0, -1, nil); e != nil {
		return "", e
	}
	return b.String(), err
}

// stackAsked finds the thread that a question is about: the selected one, one named
// by its number, or the one on whose stack an address is.
func (v *Stopped) stackAsked(ctx context.Context, q *question) (place, error) {
	if q.args == "" {
		return v.placeOf(ctx, q.now.thread)
	}
	if id, err := strconv.ParseUint(q.args, 0, 31); err == nil {
		at, err := v.placeOf(ctx, int(id))
		if err != nil {
			return at, fmt.Errorf("thread %d: %w", id, err)
		}
		return at, nil
	}
	a, err := v.address(q.args)
	if err != nil {
		return place{}, err
	}
	tasks, err := v.World.Kernel.Tasks(ctx)
	for i := range tasks {
		if s, e := v.World.Kernel.TaskStack(tasks[i]); e == nil && a >= s.Low && a < s.High {
			return v.placeOf(ctx, gdbview.TaskID(tasks[i].PID, tasks[i].CPU))
		}
	}
	if err == nil {
		err = fmt.Errorf("%v is on no task's stack", a)
	}
	return place{}, err
}

// nameOf says who a thread is.
func (v *Stopped) nameOf(ctx context.Context, at place) string {
	switch {
	case at.crash:
		return "the crash of " + v.LastStop().Crash.Report.Comm
	case !at.runs:
		return fmt.Sprintf("%s, sleeps", at.task.Comm)
	}
	if r := v.runnerOn(ctx, at.cpu); r.task.Addr != 0 {
		return fmt.Sprintf("%s, on CPU %d", r.task.Comm, at.cpu.Index)
	}
	return fmt.Sprintf("CPU %d", at.cpu.Index)
}

func monitorDmesg(ctx context.Context, v *Stopped, q *question) (string, error) {
	w, err := v.Kernel()
	if err != nil {
		return "", err
	}
	n := 0
	if text := strings.TrimSpace(strings.TrimPrefix(q.args, "-n")); text != "" {
		if n, err = strconv.Atoi(text); err != nil || n < 1 {
			return "", fmt.Errorf("%q is no number of lines", text)
		}
	}
	records, err := w.Kernel.Log(ctx)
	lines := strings.SplitAfter(string(kernel.Dmesg(records)), "\n")
	if last := len(lines) - 1; lines[last] == "" {
		lines = lines[:last]
	}
	if n > 0 && n < len(lines) {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, ""), err
}

func monitorTasks(ctx context.Context, v *Stopped, q *question) (string, error) {
	w, err := v.Kernel()
	if err != nil {
		return "", err
	}
	tasks, err := w.Kernel.Tasks(ctx)
	var b strings.Builder
	fmt.Fprintf(&b, "%7s %7s %s %3s %-18s %-18s %s\n", "PID", "TGID", "S", "CPU", "COMM", "TASK", "WAITS IN")
	for i := range tasks {
		t := &tasks[i]
		if !strings.Contains(t.Comm, q.args) {
			continue
		}
		comm, where := t.Comm, ""
		if t.Kthread {
			comm = "[" + comm + "]"
		}
		if !t.OnCPU && !t.State.Dead() {
			where = v.sleepsIn(ctx, t)
		}
		fmt.Fprintf(&b, "%7d %7d %s %3d %-18s %v %s\n", t.PID, t.TGID, t.State.Letter(), t.CPU, comm, t.Addr, where)
	}
	return b.String(), err
}

func monitorModules(ctx context.Context, v *Stopped, _ *question) (string, error) {
	if err := v.RefreshModules(ctx); err != nil {
		return "", err
	}
	var b strings.Builder
	for _, m := range v.World.Symbols.Modules() {
		from := m.Note
		if m.Image != nil {
			from = m.Image.Path()
		}
		fmt.Fprintf(&b, "%v %-24s %s\n", m.Sections[".text"], m.Name, from)
	}
	return b.String(), nil
}

// address reads a number, or the name of a symbol.
func (v *Stopped) address(text string) (addr.Addr, error) {
	w, err := v.Kernel()
	if err != nil {
		return 0, err
	}
	if text == "" {
		return 0, errWhat
	}
	if text == "(nil)" { // as gdb prints %p
		return 0, nil
	}
	if n, err := strconv.ParseUint(text, 0, 64); err == nil {
		return addr.Addr(n), nil
	}
	if n, err := strconv.ParseUint(text, 16, 64); err == nil && len(text) == 16 { // as registers are printed
		return addr.Addr(n), nil
	}
	found := w.Symbols.Find(text)
	switch len(found) {
	case 0:
		if a, ok := w.Kernel.Symbol(text); ok {
			return a, nil
		}
		return 0, fmt.Errorf("no symbol %s, and it is no number", text)
	case 1:
		return found[0].Start, nil
	}
	var all []string
	for _, f := range found {
		all = append(all, f.Start.String())
	}
	return 0, fmt.Errorf("%d symbols are called %s: %s", len(found), text, strings.Join(all, " "))
}

func monitorLocate(_ context.Context, v *Stopped, q *question) (string, error) {
	a, err := v.address(q.args)
	if err != nil {
		return "", err
	}
	levels, reason := v.World.Symbols.Locate(a)
	var b strings.Builder
	fmt.Fprintf(&b, "%v %s\n", a, v.World.SymbolName(a))
	for _, l := range levels {
		fmt.Fprintf(&b, "    %s", l.Func)
		if l.File != "" {
			fmt.Fprintf(&b, " at %s:%d", l.File, l.Line)
		}
		if l.Inlined {
			b.WriteString(" (inlined)")
		}
		b.WriteByte('\n')
	}
	if len(levels) == 0 {
		fmt.Fprintf(&b, "    %v\n", reason)
	}
	return b.String(), nil
}
