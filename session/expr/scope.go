package expr

import (
	"errors"
	"fmt"

	"ktrap/symbols/addr"
	"ktrap/symbols/types"
)

// Chain asks scopes in turn: inner ones hide outer ones.
type Chain []Scope

// Lookup gives what the first scope that knows the name has.
// Errors: wraps types.ErrNotFound when none does.
func (c Chain) Lookup(name string) (Value, error) {
	for _, s := range c {
		v, err := s.Lookup(name)
		if err == nil || !errors.Is(err, types.ErrNotFound) {
			return v, err
		}
	}
	return Value{}, fmt.Errorf("no symbol %q: %w", name, types.ErrNotFound)
}

// Locals are the variables of one function at a frame.
type Locals struct {
	Scope types.Scope
	Frame *types.Frame
}

// Lookup finds a parameter or local variable; one that cannot be located is a
// missing value, not an error: it hides globals of its name all the same.
func (l Locals) Lookup(name string) (Value, error) {
	for n := range l.Scope.Vars {
		if v := &l.Scope.Vars[n]; v.Name == name {
			return local(v, l.Frame), nil
		}
	}
	return Value{}, types.ErrNotFound
}

// Values gives all variables of the scope, for listing them.
func (l Locals) Values() []Value {
	out := make([]Value, len(l.Scope.Vars))
	for n := range l.Scope.Vars {
		out[n] = local(&l.Scope.Vars[n], l.Frame)
	}
	return out
}

func local(v *types.Local, f *types.Frame) Value {
	p, err := v.Locate(f)
	switch {
	case errors.Is(err, ErrOptimizedOut):
		return Missing(v.Type, ErrOptimizedOut)
	case err != nil:
		return Missing(v.Type, err)
	case p.InMemory:
		return At(v.Type, p.Addr)
	}
	return Partly(v.Type, p.Bytes, p.Lost)
}

// Globals are the variables, functions and enumerators of an image.
type Globals struct {
	Info *types.Info
	// Run gives the run-time address of what lies at a link address. Per-CPU
	// variables are passed through it like all others: their link address
	// tells them apart.
	Run func(addr.LinkAddr) addr.Addr
	// Symbol finds what has no debug info, assembly mostly; may be nil.
	Symbol func(name string) (addr.Addr, bool)
}

// Lookup finds a global name.
// Errors: wraps types.ErrNotFound when there is none.
func (g Globals) Lookup(name string) (Value, error) {
	v, err := g.Info.Variable(name)
	if err == nil {
		return At(v.Type, g.Run(v.Addr)), nil
	}
	if f, err := g.Info.Function(name); err == nil {
		return At(f.Type, g.Run(f.Addr)), nil
	}
	if n, t, err := g.Info.Constant(name); err == nil {
		return number(t, uint64(n)), nil
	}
	if g.Symbol != nil {
		if a, ok := g.Symbol(name); ok {
			return At(noDebugInfo, a), nil
		}
	}
	return Value{}, err
}
