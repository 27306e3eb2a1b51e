package unwind

import (
	"encoding/binary"
	"errors"
	"fmt"

	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
)

// errUnknownReg marks a value that depends on a register that is not known.
var errUnknownReg = errors.New("register not known")

func word(m Memory, a addr.Addr) (uint64, error) {
	var b [8]byte
	if err := m.ReadMemory(b[:], a); err != nil {
		return 0, fmt.Errorf("read stack at %v: %w", a, err)
	}
	return binary.LittleEndian.Uint64(b[:]), nil
}

// evaluator computes rows over the registers of one frame.
type evaluator struct {
	regs *cfi.Regs
	mem  Memory
}

func (e evaluator) deref(a uint64) (uint64, error) { return word(e.mem, addr.Addr(a)) }

func (e evaluator) expr(x []byte, stack ...uint64) (uint64, error) {
	v, err := cfi.Eval(x, e.regs, e.deref, stack...)
	if errors.Is(err, cfi.ErrUnknownReg) {
		return 0, fmt.Errorf("%w: %w", errUnknownReg, err)
	}
	return v, err
}

func (e evaluator) plus(r cfi.Reg, off int64) (uint64, error) {
	v, ok := e.regs.Get(r)
	if !ok {
		return 0, fmt.Errorf("%v: %w", r, errUnknownReg)
	}
	return v + uint64(off), nil
}

// cfa computes the canonical frame address.
func (e evaluator) cfa(c cfi.CFARule) (uint64, error) {
	if c.Expr != nil {
		return e.expr(c.Expr)
	}
	v, err := e.plus(c.Reg, c.Off)
	if err != nil || !c.Deref {
		return v, err
	}
	if v, err = e.deref(v); err != nil {
		return 0, err
	}
	return v + uint64(c.After), nil
}

// rule computes the caller's value of register n. errUnknownReg means that it
// is lost, any other error that it could not be read.
func (e evaluator) rule(n cfi.Reg, r cfi.Rule, cfa uint64) (uint64, error) {
	switch r.Kind {
	case cfi.Same:
		return e.plus(n, 0)
	case cfi.AtCFA:
		return e.deref(cfa + uint64(r.Off))
	case cfi.IsCFA:
		return cfa + uint64(r.Off), nil
	case cfi.InReg:
		return e.plus(r.Reg, r.Off)
	case cfi.AtReg:
		a, err := e.plus(r.Reg, r.Off)
		if err != nil {
			return 0, err
		}
		return e.deref(a)
	case cfi.AtExpr:
		a, err := e.expr(r.Expr, cfa)
		if err != nil {
			return 0, err
		}
		return e.deref(a)
	case cfi.IsExpr:
		return e.expr(r.Expr, cfa)
	}
	return 0, errUnknownReg
}
