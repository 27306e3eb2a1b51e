package terminal

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"ktrap/session/debug"
)

func stops() []command {
	return []command{
		{names: []string{"break", "b"}, args: "WHERE [if EXPR]", help: "stop at a function, FILE:LINE or *ADDRESS, where EXPR is true", example: "break vfs_write if count == 3", run: setBreak(false)},
		{names: []string{"tbreak", "tb"}, args: "WHERE [if EXPR]", help: "stop there once", example: "tbreak fs/open.c:120", run: setBreak(true)},
		{names: []string{"watch"}, args: "EXPR", help: "stop when the memory of a variable is written", example: "watch init_task.flags", run: setWatch},
		{names: []string{"breakpoints", "bl"}, help: "list breakpoints", example: "bl", run: listBreaks},
		{names: []string{"delete", "d"}, args: "[N]", help: "delete one breakpoint, or all", example: "delete 2", run: deleteBreak},
	}
}

func setBreak(temporary bool) func(context.Context, *Terminal, string) error {
	return func(ctx context.Context, t *Terminal, args string) error {
		where, condition, _ := cutCondition(args)
		if where = strings.TrimSpace(where); where == "" {
			l, err := t.dbg.Selected(ctx)
			if err != nil {
				return err
			}
			where = fmt.Sprintf("*%#x", uint64(l.Addr))
		}
		b, err := t.dbg.Break(ctx, where, temporary, strings.TrimSpace(condition))
		if err != nil {
			return err
		}
		t.showBreak(b)
		return nil
	}
}

// cutCondition splits WHERE if EXPR.
func cutCondition(args string) (where, condition string, found bool) {
	if rest, ok := strings.CutPrefix(args, "if "); ok {
		return "", rest, true
	}
	return strings.Cut(args, " if ")
}

func setWatch(ctx context.Context, t *Terminal, args string) error {
	if args == "" {
		return errors.New("watch what? e.g. watch init_task.flags")
	}
	b, err := t.dbg.Watch(ctx, args)
	if err != nil {
		return err
	}
	t.showBreak(b)
	return nil
}

func listBreaks(_ context.Context, t *Terminal, _ string) error {
	list := t.dbg.Breakpoints()
	if len(list) == 0 {
		t.printf("no breakpoints\n")
	}
	for i := range list {
		t.showBreak(&list[i])
	}
	return nil
}

func deleteBreak(ctx context.Context, t *Terminal, args string) error {
	id := 0
	if args != "" {
		var err error
		if id, err = strconv.Atoi(args); err != nil || id < 1 {
			return fmt.Errorf("delete %q: want the number of a breakpoint", args)
		}
	}
	return t.dbg.Delete(ctx, id)
}

// showBreak says what was set and where: on one line where there is one place.
func (t *Terminal) showBreak(b *debug.Breakpoint) {
	kind, more := "breakpoint", ""
	switch {
	case b.Watch:
		kind = "watchpoint"
	case b.Temporary:
		kind = "temporary breakpoint"
	}
	if b.Condition != "" {
		more = " if " + b.Condition
	}
	switch {
	case b.Hits == 1:
		more += ", hit once"
	case b.Hits > 1:
		more += fmt.Sprintf(", hit %d times", b.Hits)
	}
	t.printf("%s %d", kind, b.ID)
	switch {
	case b.Pending && t.s.KernelKnown():
		t.printf(" at %s%s, which this kernel does not have\n", b.Where, more)
	case b.Pending:
		t.printf(" at %s%s, pending: it is set when the kernel is mapped\n", b.Where, more)
	case b.Watch:
		t.printf(" on %s, %d bytes at %s%s\n", b.Where, b.Size, b.Addrs[0].String(), more)
	case len(b.Addrs) == 1:
		t.printf(" at %s%s\n", t.place(b, 0), more)
	default:
		t.printf(" at %s%s, %d places:\n", b.Where, more, len(b.Addrs))
		for i := range b.Addrs[:min(len(b.Addrs), maxPlaces)] {
			t.printf("  %s\n", t.place(b, i))
		}
		if rest := len(b.Addrs) - maxPlaces; rest > 0 {
			t.printf("  and %d more\n", rest)
		}
	}
}

// maxPlaces is how many places of one breakpoint are shown.
const maxPlaces = 8

// place is one place of a breakpoint: function, source line, address.
func (t *Terminal) place(b *debug.Breakpoint, i int) ink {
	l, at := b.Places[i], ink(b.Addrs[i].String())
	if l.Func == "" {
		return at
	}
	name := l.Func
	switch {
	case l.Inlined:
		name += " (inlined)"
	case l.Off != 0:
		name += fmt.Sprintf("+%#x", l.Off)
	}
	if l.Module != "" {
		name += " [" + l.Module + "]"
	}
	out := t.colors.fn(name)
	if l.File != "" {
		out += "  " + t.colors.file(fmt.Sprintf("%s:%d", l.File, l.Line))
	}
	return out + "  " + t.colors.dim(string(at))
}
