package debug

import (
	"context"
	"debug/dwarf"
	"errors"
	"fmt"

	"ktrap/session"
	"ktrap/session/expr"
	"ktrap/symbols"
	"ktrap/symbols/types"
)

// Variable is a parameter or local variable with its value as gdb prints it.
type Variable struct {
	Name  string
	Param bool
	Text  string
}

// Locals lists the parameters and local variables of the selected level.
// Errors: wraps types.ErrNotFound or types.ErrNoDebugInfo where none are known.
func (d *Debugger) Locals(ctx context.Context) (out []Variable, err error) {
	err = d.do(ctx, func(ctx context.Context, v *session.Stopped) error {
		out, err = Locals(ctx, v, d.place())
		return err
	})
	return out, err
}

// LevelLocals lists those of each level of the stack, in the order of
// Backtrace; nil where none are known.
func (d *Debugger) LevelLocals(ctx context.Context) (out [][]Variable, err error) {
	err = d.do(ctx, func(ctx context.Context, v *session.Stopped) error {
		out = make([][]Variable, len(d.levels))
		for n := range d.levels {
			out[n], err = Locals(ctx, v, d.placeOf(n))
			if err != nil && !errors.Is(err, types.ErrNotFound) && !errors.Is(err, types.ErrNoDebugInfo) {
				return fmt.Errorf("list the variables of frame %d: %w", n, err)
			}
		}
		return nil
	})
	return out, err
}

// Locals lists the parameters and local variables of a place.
// Errors: wraps types.ErrNotFound or types.ErrNoDebugInfo where none are known.
func Locals(ctx context.Context, v *session.Stopped, p Place) (out []Variable, err error) {
	if _, err := v.Kernel(); err != nil {
		return nil, err
	}
	env := Env(ctx, v, p)
	l, err := env.Scope.(*scope).find()
	if err != nil {
		return nil, err
	}
	for i, value := range l.Values() {
		at := &l.Scope.Vars[i]
		out = append(out, Variable{Name: at.Name, Param: at.Param, Text: value.In(env).Format(nil)})
	}
	return out, nil
}

// local finds a name among the variables of the place's function.
// Errors: wraps types.ErrNotFound.
func (s *scope) local(name string) (expr.Value, error) {
	l, err := s.find()
	if err != nil {
		return expr.Value{}, types.ErrNotFound // globals are still there
	}
	return l.Lookup(name)
}

// find describes the variables of the place's function, once.
func (s *scope) find() (*expr.Locals, error) {
	if s.locals != nil {
		return s.locals, nil
	}
	f, syms := s.place.Frame, s.v.World.Symbols
	im, link, ok := syms.Home(f.LookupPC())
	if !ok {
		return nil, types.ErrNotFound
	}
	scopes, err := im.Types().Scopes(link)
	if err != nil {
		return nil, err
	}
	if s.place.Inline >= len(scopes) {
		return nil, types.ErrNotFound
	}
	s.locals = &expr.Locals{Scope: scopes[s.place.Inline], Frame: s.frameIn(im, f)}
	return s.locals, nil
}

// typesOf are the types of the kernel, then those of its modules.
func typesOf(w *session.World) expr.Types {
	all := typeSets{w.Symbols.Vmlinux()}
	for _, m := range w.Symbols.Modules() {
		if m.Image != nil {
			all = append(all, m.Image)
		}
	}
	return all
}

// typeSets asks images in turn.
type typeSets []*symbols.Image

// TypeByName gives the type of the first image that has it.
func (s typeSets) TypeByName(name string) (t dwarf.Type, err error) {
	var first error
	for _, im := range s {
		if t, err = im.Types().TypeByName(name); err == nil {
			return t, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// Complete gives the definition that the first image has.
func (s typeSets) Complete(t dwarf.Type) (full dwarf.Type, err error) {
	var first error
	for _, im := range s {
		if full, err = im.Types().Complete(t); err == nil {
			return full, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}
