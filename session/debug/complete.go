package debug

import (
	"context"
	"debug/dwarf"
	"slices"
	"strings"

	"ktrap/session"
	"ktrap/session/expr"
	"ktrap/symbols/types"
)

// maxCompletions bounds how many symbols are looked at for a beginning.
const maxCompletions = 1 << 20

// CompleteSymbol lists the functions and variables of the kernel whose names
// begin with prefix.
func (d *Debugger) CompleteSymbol(ctx context.Context, prefix string) (out []string) {
	_ = d.S.Do(ctx, func(_ context.Context, v *session.Stopped) error {
		if v.World != nil {
			out = v.World.Symbols.Vmlinux().Complete(prefix, maxCompletions)
		}
		return nil
	})
	return out
}

// CompleteName lists what an expression can name: the variables of the selected
// level, current, and symbols.
func (d *Debugger) CompleteName(ctx context.Context, prefix string) []string {
	names := []string{"current"}
	_ = d.do(ctx, func(ctx context.Context, v *session.Stopped) error {
		if v.World == nil {
			return nil
		}
		l, err := Env(ctx, v, d.place()).Scope.(*scope).find()
		if err != nil {
			return err
		}
		for _, local := range l.Scope.Vars {
			names = append(names, local.Name)
		}
		return nil
	})
	return beginning(append(names, d.CompleteSymbol(ctx, prefix)...), prefix)
}

// CompleteMember lists the members that begin with prefix of the struct that an
// expression gives or points to.
func (d *Debugger) CompleteMember(ctx context.Context, of, prefix string) (out []string) {
	_ = d.do(ctx, func(ctx context.Context, v *session.Stopped) error {
		if v.World == nil {
			return nil
		}
		value, err := d.evalIn(ctx, v, of)
		if err != nil {
			return err
		}
		out = beginning(members(typesOf(v.World), value.Type()), prefix)
		return nil
	})
	return out
}

// members lists those of a struct, or of what points to one, and those of its
// unnamed members.
func members(all expr.Types, t dwarf.Type) []string {
	if p, ok := types.Strip(t).(*dwarf.PtrType); ok {
		t = p.Type
	}
	var out []string
	seen := make(map[*dwarf.StructType]bool) // bad debug information may go in circles
	todo := []dwarf.Type{t}
	for len(todo) > 0 {
		t, todo = types.Strip(todo[0]), todo[1:]
		if full, err := all.Complete(t); err == nil {
			t = full
		}
		s, ok := t.(*dwarf.StructType)
		if !ok || seen[s] {
			continue
		}
		seen[s] = true
		for _, f := range s.Field {
			if f.Name == "" {
				todo = append(todo, f.Type)
			} else {
				out = append(out, f.Name)
			}
		}
	}
	return out
}

// beginning gives the names that begin with prefix, sorted, each once.
func beginning(names []string, prefix string) []string {
	names = slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(n, prefix) })
	slices.Sort(names)
	return slices.Compact(names)
}
