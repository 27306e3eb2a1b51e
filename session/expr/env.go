package expr

import (
	"debug/dwarf"
	"errors"
	"fmt"

	"ktrap/symbols/addr"
)

// Memory reads the stopped machine.
type Memory interface {
	ReadMemory(p []byte, a addr.Addr) error
}

// Types finds types by name and the definitions of declared structs.
// *types.Info is one.
type Types interface {
	TypeByName(name string) (dwarf.Type, error)
	Complete(t dwarf.Type) (dwarf.Type, error)
}

// Scope finds variables, functions and enumerators by name. Values are made
// with [At], [Raw] and [Missing].
type Scope interface {
	Lookup(name string) (Value, error)
}

// Env is what expressions are evaluated over. Every field may be nil: what
// needs it then is an error in the expression.
type Env struct {
	Memory Memory
	Types  Types
	Scope  Scope
	// Reg gives a register by gdb's name, without the dollar sign.
	Reg func(name string) (uint64, bool)
	// PerCPU moves a per-CPU variable to the copy of one CPU.
	PerCPU func(v addr.Addr, cpu int) (addr.Addr, error)
	// Namer gives the symbol an address lies in, "func+0x10". It must refuse
	// what is no kernel address: small numbers are not per-CPU variables.
	Namer func(a addr.Addr) (string, bool)
}

// Error is a mistake in an expression, or what went wrong in evaluating it.
type Error struct {
	Off int // bytes from the start of the expression
	Err error
}

// Error gives the column, counted from 1, unless it is the first: what is wrong
// from the start on needs no finger.
func (e *Error) Error() string {
	if e.Off == 0 {
		return e.Err.Error()
	}
	return fmt.Sprintf("column %d: %v", e.Off+1, e.Err)
}

// Unwrap gives what went wrong, without the place.
func (e *Error) Unwrap() error { return e.Err }

// errAt puts a place to an error that has none yet.
func errAt(off int, err error) error {
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	return &Error{Off: off, Err: err}
}

func errorf(off int, format string, args ...any) error {
	return &Error{Off: off, Err: fmt.Errorf(format, args...)}
}

// lookup finds a variable and binds it to the environment.
func (e *Env) lookup(name string) (Value, error) {
	if e.Scope == nil {
		return Value{}, fmt.Errorf("no variable %q: no symbols loaded", name)
	}
	v, err := e.Scope.Lookup(name)
	if err != nil {
		return Value{}, err
	}
	v.env = e
	return v, nil
}

func (e *Env) typeByName(name string) (dwarf.Type, error) {
	if e.Types == nil {
		return nil, fmt.Errorf("no type %q: no debug info loaded", name)
	}
	return e.Types.TypeByName(name)
}

// isType decides what a name in parentheses is.
func (e *Env) isType(name string) bool {
	_, err := e.typeByName(name)
	return err == nil
}

// complete gives the definition of a declared struct, or the declaration.
func (e *Env) complete(t dwarf.Type) dwarf.Type {
	if e == nil || e.Types == nil {
		return t
	}
	if full, err := e.Types.Complete(t); err == nil {
		return full
	}
	return t
}

func (e *Env) readMemory(p []byte, a addr.Addr) error {
	if e == nil || e.Memory == nil {
		return errors.New("no target to read from")
	}
	if err := e.Memory.ReadMemory(p, a); err != nil {
		return fmt.Errorf("read %d bytes at %#x: %w", len(p), uint64(a), err)
	}
	return nil
}
