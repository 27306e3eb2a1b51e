package terminal

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// subject is what info can tell about.
type subject struct {
	name, help string
	run        func(context.Context, *Terminal, string) error
}

func subjects() []subject {
	return []subject{
		{"locals", "parameters and local variables of the selected frame", infoLocals(false)},
		{"args", "parameters of the selected frame", infoLocals(true)},
		{"registers", "registers of the selected frame", registers},
		{"breakpoints", "breakpoints and watchpoints", listBreaks},
		{"cpus", "CPUs and what they run", infoCPUs},
		{"threads", "the same, by gdb's name", infoCPUs},
		{"tasks", "all tasks, or those with TEXT in their names: info tasks TEXT", infoTasks},
		{"modules", "the loaded modules, where they lie, and the files of their symbols", infoModules},
		{"symbol", "what lies at an address: info symbol EXPR", infoSymbol},
		{"kernel", "release, KASLR slide, build-id, vmlinux", infoKernel},
	}
}

func subjectNames() (names []string) {
	for _, s := range subjects() {
		names = append(names, s.name)
	}
	return names
}

func info(ctx context.Context, t *Terminal, args string) error {
	name, rest, _ := strings.Cut(args, " ")
	if name == "" {
		t.listSubjects()
		return nil
	}
	var found []subject
	for _, s := range subjects() {
		if strings.HasPrefix(s.name, name) {
			found = append(found, s)
		}
	}
	switch len(found) {
	case 0:
		return fmt.Errorf("info %s: there is no such subject; info alone lists them", name)
	case 1:
		return found[0].run(ctx, t, strings.TrimSpace(rest))
	}
	return fmt.Errorf("info %s: this may be %s", name, strings.Join(starting(subjectNames(), name), ", "))
}

// listSubjects says in words what info knows.
func (t *Terminal) listSubjects() {
	for _, s := range subjects() {
		t.printf("  info %-12s %s\n", s.name, s.help)
	}
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
	t.printf("release   %s\nslide     %v, found by %s\nbuild-id  %s\nvmlinux   %s\nCPUs      %d\nmodules   %d\n",
		k.Release, k.Slide, k.How, k.BuildID, k.Vmlinux, k.CPUs, k.Modules)
	if k.Unproven != nil {
		t.printf("%s\n", t.colors.bad(k.Unproven.Error()))
	}
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
	if len(mods) == 0 {
		t.printf("no modules are loaded\n")
		return nil
	}
	t.printf("%s\n", t.colors.head(fmt.Sprintf("%-24s %-18s %s", "MODULE", "CODE AT", "SYMBOLS FROM")))
	for _, m := range mods {
		from := "the guest only: " + m.Note
		if m.Image != nil {
			from = m.Image.Path()
		}
		t.printf("%-24s %-18s %s\n", m.Name, m.Sections[".text"].String(), t.colors.dim(from))
	}
	return nil
}
