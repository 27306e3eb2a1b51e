package terminal

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"ktrap/session/report"
	"ktrap/symbols/addr"
)

func kernelCommands() []command {
	return []command{
		{names: []string{"info"}, args: "threads|tasks|modules|registers|breakpoints", help: "what there is", run: info},
		{names: []string{"dmesg"}, args: "[N]", help: "the kernel's log, or its last N lines", run: dmesg},
	}
}

func sessionCommands() []command {
	return []command{
		{names: []string{"report"}, help: "the report of the crash the guest stands at", run: showReport},
		{names: []string{"monitor"}, args: "COMMAND", help: "a command of QEMU's monitor", run: monitor},
		{names: []string{"help", "h", "?"}, help: "this list", run: help},
		{names: []string{"quit", "q", "exit"}, help: "leave; the guest runs on, without breakpoints", run: quit},
	}
}

func info(ctx context.Context, t *Terminal, args string) error {
	subjects := []struct {
		name string
		run  func(context.Context, *Terminal, string) error
	}{
		{"threads", infoCPUs}, {"cpus", infoCPUs}, {"tasks", infoTasks}, {"modules", infoModules},
		{"registers", registers}, {"breakpoints", listBreaks},
	}
	for _, s := range subjects {
		if args != "" && strings.HasPrefix(s.name, args) {
			return s.run(ctx, t, "")
		}
	}
	return fmt.Errorf("info %q: want threads, tasks, modules, registers or breakpoints", args)
}

func infoCPUs(ctx context.Context, t *Terminal, _ string) error {
	cpus, err := t.dbg.CPUs(ctx)
	if err != nil {
		return err
	}
	for _, c := range cpus {
		mark := "  "
		if c.Selected {
			mark = t.colors.ok("=>")
		}
		where := c.Where
		switch {
		case c.User:
			where = fmt.Sprintf("user mode at %#x", uint64(c.PC))
		case where == "":
			where = c.PC.String()
		}
		t.printf("%s CPU %-3d %-18s pid %-7d %s\n", mark, c.Index, c.Task.Comm, c.Task.PID, where)
	}
	return nil
}

func infoTasks(ctx context.Context, t *Terminal, _ string) error {
	tasks, err := t.dbg.Tasks(ctx)
	t.printf("%s\n", t.colors.head(fmt.Sprintf("%7s %7s %s %3s %-18s %s", "PID", "TGID", "S", "CPU", "COMM", "TASK")))
	for _, k := range tasks {
		comm := k.Comm
		if k.Kthread {
			comm = "[" + comm + "]"
		}
		t.printf("%7d %7d %s %3d %-18s %v\n", k.PID, k.TGID, k.State.Letter(), k.CPU, comm, k.Addr)
	}
	return err
}

func infoModules(ctx context.Context, t *Terminal, _ string) error {
	mods, err := t.dbg.Modules(ctx)
	if err != nil {
		return err
	}
	for _, m := range mods {
		path := m.Note
		if m.Image != nil {
			path = m.Image.Path()
		}
		t.printf("%-20s %v  %s\n", m.Name, addr.Addr(m.Sections[".text"]), t.colors.dim(path))
	}
	return nil
}

func dmesg(ctx context.Context, t *Terminal, args string) error {
	n, err := count(args, 0)
	if err != nil {
		return err
	}
	text, err := t.dbg.Dmesg(ctx)
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	if n > 0 && n < len(lines) {
		lines = lines[len(lines)-n:]
	}
	for _, l := range lines {
		t.printf("%s\n", l)
	}
	return nil
}

func showReport(ctx context.Context, t *Terminal, _ string) error {
	stop, err := t.s.Wait(ctx)
	if err != nil {
		return err
	}
	if stop.Crash == nil {
		return errors.New("the guest does not stand at a crash; reports are in the report directory")
	}
	if stop.Crash.Path != "" {
		t.printf("%s\n", stop.Crash.Path)
	}
	return report.Text(t.out, stop.Crash.Report, &report.TextOptions{Color: t.colors.on})
}

func monitor(ctx context.Context, t *Terminal, args string) error {
	out, err := t.dbg.Monitor(ctx, args)
	t.printf("%s", out)
	return err
}

func help(_ context.Context, t *Terminal, _ string) error {
	t.printf("%s\nAn empty line repeats run and frame commands. Ctrl-C interrupts the guest.\n", Help())
	return nil
}

func quit(_ context.Context, t *Terminal, _ string) error {
	t.quit = true
	return nil
}
