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
		{names: []string{"break", "b"}, args: "WHERE [if EXPR]", help: "stop at a function, FILE:LINE or *ADDRESS", run: setBreak(false)},
		{names: []string{"tbreak", "tb"}, args: "WHERE [if EXPR]", help: "the same, once", run: setBreak(true)},
		{names: []string{"watch"}, args: "EXPR", help: "stop when its memory is written", run: setWatch},
		{names: []string{"breakpoints", "bl"}, help: "list breakpoints", run: listBreaks},
		{names: []string{"delete", "d"}, args: "[N]", help: "delete one breakpoint, or all", run: deleteBreak},
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

func (t *Terminal) showBreak(b *debug.Breakpoint) {
	kind := "breakpoint"
	switch {
	case b.Watch:
		kind = "watchpoint"
	case b.Temporary:
		kind = "temporary breakpoint"
	}
	t.printf("%s %d: %s", kind, b.ID, b.Where)
	for i, a := range b.Addrs {
		if i == maxPlaces {
			t.printf(" and %d more places", len(b.Addrs)-i)
			break
		}
		t.printf(" at %s", t.colors.dim(a.String()))
		if name := t.dbg.Symbol(a); name != b.Where {
			t.printf(" %s", t.colors.fn(name))
		}
	}
	if b.Condition != "" {
		t.printf(" if %s", b.Condition)
	}
	if b.Hits > 0 {
		t.printf(" (hit %d times)", b.Hits)
	}
	t.printf("\n")
}

// maxPlaces is how many places of one breakpoint are shown.
const maxPlaces = 4
