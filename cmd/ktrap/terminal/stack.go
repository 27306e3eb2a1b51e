package terminal

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"ktrap/session/debug"
	"ktrap/session/report"
)

func stack() []command {
	return []command{
		{names: []string{"bt", "backtrace", "where"}, help: "the stack, inlined functions included", run: backtrace},
		{names: []string{"frame", "f"}, args: "[N]", help: "select a frame", run: selectFrame},
		{names: []string{"up"}, args: "[N]", help: "select the caller", again: true, run: moveFrame(1)},
		{names: []string{"down"}, args: "[N]", help: "select the callee", again: true, run: moveFrame(-1)},
		{names: []string{"cpu", "thread"}, args: "N", help: "select a CPU, as info cpus numbers them", run: selectCPU},
		{names: []string{"task"}, args: "PID", help: "select a task, running or not", run: selectTask},
	}
}

func backtrace(ctx context.Context, t *Terminal, _ string) error {
	levels, selected, err := t.dbg.Backtrace(ctx)
	on := ""
	for i, l := range levels {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if l.Context != on && l.Context != "" {
			on = l.Context
			t.printf("%s\n", t.colors.dim("<"+on+">"))
		}
		mark := ink("  ")
		if i == selected {
			mark = t.colors.ok("=>")
		}
		t.printf("%s", mark)
		t.showLevel(i, l)
	}
	return err
}

// showLevel prints one line of a backtrace.
func (t *Terminal) showLevel(n int, l debug.Level) {
	t.printf("#%-3d ", n)
	switch {
	case l.Kind == report.User:
		t.printf("%s %#x\n", t.colors.dim("user mode at"), uint64(l.Addr))
		return
	case l.Func == "":
		t.printf("%#x %s\n", uint64(l.Addr), t.colors.dim(l.Note))
		return
	}
	t.printf("%s", t.colors.fn(l.Func))
	if !l.Inlined {
		t.printf("+%#x/%#x", l.Offset, l.Size)
	}
	if l.Module != "" {
		t.printf(" [%s]", l.Module)
	}
	if l.Inlined {
		t.printf(" %s", t.colors.dim("[inline]"))
	}
	if l.File != "" {
		t.printf(" at %s", t.colors.file(fmt.Sprintf("%s:%d", l.File, l.Line)))
	}
	if !l.Reliable {
		t.printf(" %s", t.colors.dim("(guess)"))
	}
	if l.Kind == report.Boundary {
		t.printf(" %s", t.colors.dim("(interrupted here)"))
	}
	t.printf("\n")
}

func selectFrame(ctx context.Context, t *Terminal, args string) error {
	n, err := count(args, t.dbg.Number())
	if err != nil {
		return err
	}
	l, err := t.dbg.Select(ctx, n)
	if err != nil {
		return err
	}
	t.showSelected(ctx, l)
	return nil
}

// showSelected prints the level that was just selected.
func (t *Terminal) showSelected(ctx context.Context, l debug.Level) {
	t.listed.Line = 0
	t.showLevel(t.dbg.Number(), l)
	t.showLine(ctx)
}

func moveFrame(by int) func(context.Context, *Terminal, string) error {
	return func(ctx context.Context, t *Terminal, args string) error {
		n, err := count(args, 1)
		if err != nil {
			return err
		}
		l, err := t.dbg.Up(ctx, by*n)
		if err != nil {
			return err
		}
		t.showSelected(ctx, l)
		return nil
	}
}

func selectCPU(ctx context.Context, t *Terminal, args string) error {
	n, err := strconv.Atoi(args)
	if err != nil {
		return fmt.Errorf("cpu %q: want a number; info cpus lists them", args)
	}
	l, err := t.dbg.SelectCPU(ctx, n)
	if err != nil {
		return err
	}
	t.showSelected(ctx, l)
	return nil
}

func selectTask(ctx context.Context, t *Terminal, args string) error {
	pid, err := strconv.Atoi(strings.TrimSpace(args))
	if err != nil {
		return fmt.Errorf("task %q: want a pid; info tasks lists them", args)
	}
	l, err := t.dbg.SelectTask(ctx, pid)
	if err != nil {
		return err
	}
	t.showSelected(ctx, l)
	return nil
}

// count reads a number, or takes the default for an empty argument.
func count(args string, def int) (int, error) {
	if args == "" {
		return def, nil
	}
	n, err := strconv.Atoi(args)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q is no number", args)
	}
	return n, nil
}
