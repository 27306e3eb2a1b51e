package terminal

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"ktrap/session/debug"
	"ktrap/session/report"
	"ktrap/session/vm"
)

func stack() []command {
	return []command{
		{names: []string{"bt", "backtrace", "where"}, args: "[-l]", help: "the stack, inlined functions included; -l: with arguments and local variables", example: "bt -l", run: backtrace},
		{names: []string{"frame", "f"}, args: "[N]", help: "select a frame", example: "frame 3", run: selectFrame},
		{names: []string{"up"}, args: "[N]", help: "select the caller", example: "up", again: true, run: moveFrame(1)},
		{names: []string{"down"}, args: "[N]", help: "select the callee", example: "down 2", again: true, run: moveFrame(-1)},
		{names: []string{"cpu", "thread"}, args: "N", help: "select a CPU, as info cpus numbers them", example: "cpu 1", run: selectCPU},
		{names: []string{"task"}, args: "PID", help: "select a task, running or not", example: "task 1", run: selectTask},
	}
}

func backtrace(ctx context.Context, t *Terminal, args string) error {
	if args != "" && args != "-l" {
		return fmt.Errorf("bt %s: only -l may follow", args)
	}
	levels, selected, err := t.dbg.Backtrace(ctx)
	frames := make([]report.Frame, len(levels))
	for i, l := range levels {
		frames[i] = l.Frame
	}
	o := &report.TextOptions{Color: t.colors.on}
	if args == "-l" {
		vars, unknown := t.dbg.LevelLocals(ctx)
		err = errors.Join(err, unknown)
		for _, v := range vars {
			o.Below = append(o.Below, variableLines(v))
		}
	}
	return errors.Join(err, report.Levels(t.out, frames, 0, selected, o))
}

// variableLines are the variables of a level, as they stand below it.
func variableLines(vars []debug.Variable) (lines []string) {
	for _, v := range vars {
		text := fmt.Sprintf("%s = %s", v.Name, vm.Printable([]byte(v.Text)))
		lines = append(lines, strings.Split(text, "\n")...)
	}
	return lines
}

// showLevel prints one line of a backtrace.
func (t *Terminal) showLevel(n int, l debug.Level) {
	f := l.Frame
	f.Context = ""
	if err := report.Levels(t.out, []report.Frame{f}, n, -1, &report.TextOptions{Color: t.colors.on}); err != nil {
		t.fail(err)
	}
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

// showOther prints whose stack was selected, and its innermost level.
func (t *Terminal) showOther(ctx context.Context, l debug.Level) {
	t.lookWho(ctx)
	t.printf("now %s\n", t.who)
	t.showSelected(ctx, l)
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
	t.showOther(ctx, l)
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
	t.showOther(ctx, l)
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
