package terminal

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"ktrap/session/report"
)

func kernelCommands() []command {
	return []command{
		{names: []string{"info"}, args: "SUBJECT", help: "locals, args, registers, breakpoints, cpus, tasks, modules, symbol EXPR, kernel", run: info},
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

// subject is what info can tell about.
type subject struct {
	name, help string
	run        func(context.Context, *Terminal, string) error
}

func subjects() []subject {
	return []subject{
		{"locals", "parameters and local variables of the selected frame", infoLocals(false)},
		{"args", "its parameters", infoLocals(true)},
		{"registers", "its registers", registers},
		{"breakpoints", "breakpoints and watchpoints", listBreaks},
		{"cpus", "CPUs and what they run", infoCPUs},
		{"threads", "the same", infoCPUs},
		{"tasks", "all tasks; info tasks TEXT: those whose name has it", infoTasks},
		{"modules", "modules, where they lie, and the file of their symbols", infoModules},
		{"symbol", "info symbol EXPR: what lies at an address", infoSymbol},
		{"kernel", "release, slide, build-id", infoKernel},
	}
}

func info(ctx context.Context, t *Terminal, args string) error {
	name, rest, _ := strings.Cut(args, " ")
	for _, s := range subjects() {
		if name != "" && strings.HasPrefix(s.name, name) {
			return s.run(ctx, t, strings.TrimSpace(rest))
		}
	}
	var names []string
	for _, s := range subjects() {
		names = append(names, s.name)
	}
	return fmt.Errorf("info %s: want one of %s", args, strings.Join(names, ", "))
}

func infoLocals(onlyParams bool) func(context.Context, *Terminal, string) error {
	return func(ctx context.Context, t *Terminal, _ string) error {
		vars, err := t.dbg.Locals(ctx)
		if err != nil {
			return err
		}
		shown := 0
		for _, v := range vars {
			if onlyParams && !v.Param {
				continue
			}
			t.printf("%s = %s\n", v.Name, block(v.Text))
			shown++
		}
		if shown == 0 {
			t.printf("none\n")
		}
		return nil
	}
}

func infoSymbol(ctx context.Context, t *Terminal, args string) error {
	if args == "" {
		return errors.New("info symbol what? e.g. info symbol $rip")
	}
	at, _, err := t.dbg.Examine(ctx, args, 0)
	if err != nil {
		return err
	}
	name := t.dbg.Symbol(at)
	if name == "" {
		return fmt.Errorf("no symbol covers %v", at)
	}
	t.printf("%s\n", t.colors.fn(name))
	return nil
}

func infoKernel(ctx context.Context, t *Terminal, _ string) error {
	k, err := t.dbg.Kernel(ctx)
	if err != nil {
		return err
	}
	t.printf("Linux %s\nslide %v (found by %s)\nbuild-id %s\nvmlinux %s\n%d CPUs, %d modules\n",
		k.Release, k.Slide, k.How, k.BuildID, k.Vmlinux, k.CPUs, k.Modules)
	return nil
}

func infoCPUs(ctx context.Context, t *Terminal, _ string) error {
	cpus, err := t.dbg.CPUs(ctx)
	if err != nil {
		return err
	}
	for _, c := range cpus {
		mark := ink("  ")
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

func infoTasks(ctx context.Context, t *Terminal, args string) error {
	tasks, err := t.dbg.Tasks(ctx)
	t.printf("%s\n", t.colors.head(fmt.Sprintf("%7s %7s %s %3s %-18s %s", "PID", "TGID", "S", "CPU", "COMM", "TASK")))
	for _, k := range tasks {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !strings.Contains(k.Comm, args) {
			continue
		}
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
		t.printf("%-20s %v  %s\n", m.Name, m.Sections[".text"], t.colors.dim(path))
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
		if ctx.Err() != nil {
			return ctx.Err()
		}
		t.printf("%s\n", block(l))
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
	t.printf("%s", block(strings.ReplaceAll(out, "\r", "")))
	return err
}

func help(_ context.Context, t *Terminal, _ string) error {
	t.printf("%s\n%s\n", block(Help()), block(notes))
	return nil
}

// notes follow the table in help and in the docs.
const notes = `The beginning of a name is enough where it is unambiguous. An empty line repeats the
last command if it is one that goes on. Ctrl-C stops the guest, a step, or a long list;
it never ends ktrap.`

func quit(_ context.Context, t *Terminal, _ string) error {
	t.quit = true
	return nil
}
