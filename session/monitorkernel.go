package session

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"ktrap/session/kernel"
	"ktrap/session/report"
	"ktrap/session/unwind"
	"ktrap/symbols/addr"
)

// monitorStack shows what gdb cannot unwind.
func monitorStack(ctx context.Context, v *Stopped, q *question) (string, error) {
	w, err := v.Kernel()
	if err != nil {
		return "", err
	}
	at, err := v.placeOf(ctx, q.now.thread)
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
	if e := report.Levels(&b, w.ReportFrames(list), 0, -1, nil); e != nil {
		return "", e
	}
	return b.String(), err
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

// monitorWho collects everything that is known of an address.
func monitorWho(ctx context.Context, v *Stopped, q *question) (string, error) {
	a, err := v.address(q.args)
	if err != nil {
		return "", err
	}
	w, k := v.World, v.World.Kernel
	var b strings.Builder
	fmt.Fprintf(&b, "%v\n", a)
	if name := w.SymbolName(a); name != "" {
		fmt.Fprintf(&b, "    symbol %s\n", name)
	}
	for _, m := range w.Symbols.Modules() {
		if m.Image == nil {
			continue
		}
		for _, s := range m.Image.File().Sections() {
			if at := m.Sections[s.Name]; at != 0 && a >= at && uint64(a-at) < s.Size {
				fmt.Fprintf(&b, "    module %s, section %s+%#x (%s)\n", m.Name, s.Name, uint64(a-at), filepath.Base(m.Image.Path()))
			}
		}
	}
	v.whoseStack(ctx, &b, a)
	if online, err := k.Online(ctx); err == nil {
		for _, cpu := range online {
			if zero, err := k.PerCPUAddr(ctx, 0, cpu); err == nil && k.IsPerCPU(a-zero) {
				fmt.Fprintf(&b, "    per-CPU data of CPU %d, %s\n", cpu, orUnnamed(w.SymbolName(a-zero), a-zero))
			}
		}
	}
	if k.IsPerCPU(a) {
		b.WriteString("    a per-CPU variable before a CPU's offset is added\n")
	}
	if pa, err := v.Target.Translate(ctx, a); err == nil {
		fmt.Fprintf(&b, "    physical address %#x\n", pa)
	} else {
		fmt.Fprintf(&b, "    %v\n", err)
	}
	return b.String(), nil
}

func orUnnamed(name string, a addr.Addr) string {
	if name == "" {
		return fmt.Sprintf("offset %#x", uint64(a))
	}
	return name
}

// whoseStack names the tasks whose struct or stack an address is in, and the stacks
// of CPUs.
func (v *Stopped) whoseStack(ctx context.Context, b *strings.Builder, a addr.Addr) {
	k := v.World.Kernel
	tasks, err := k.Tasks(ctx)
	if err != nil {
		fmt.Fprintf(b, "    tasks: %v\n", err)
	}
	for _, t := range tasks {
		if s, err := k.TaskStack(t); err == nil && a >= s.Low && a < s.High {
			fmt.Fprintf(b, "    stack of task %s [%d], %#x bytes below its top\n", t.Comm, t.PID, uint64(s.High-a))
		}
		if size := k.TaskSize(); a >= t.Addr && a < t.Addr+size {
			fmt.Fprintf(b, "    task_struct of %s [%d]+%#x\n", t.Comm, t.PID, uint64(a-t.Addr))
		}
	}
	cpus, err := v.Target.CPUs(ctx)
	if err != nil {
		return
	}
	for _, c := range cpus {
		stacks, _ := k.CPUStacks(ctx, c) // what cannot be found has no name
		for _, s := range stacks {
			if a >= s.Low && a < s.High {
				fmt.Fprintf(b, "    %s stack of CPU %d, %#x bytes below its top\n", s.Name, c.Index, uint64(s.High-a))
			}
		}
	}
}
