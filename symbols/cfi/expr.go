package cfi

import "errors"

// ErrUnknownReg is the error of an expression that needs a register that is
// not known.
var ErrUnknownReg = errors.New("register not known")

// Deref reads the word at an address.
type Deref func(a uint64) (uint64, error)

// Eval evaluates a DWARF expression over registers and memory. stack is what
// lies on the expression's stack at the start: the CFA for the rules AtExpr
// and IsExpr, nothing for a CFA.
func Eval(expr []byte, regs *Regs, deref Deref, stack ...uint64) (uint64, error) {
	return 0, errors.New("evaluate expression: not supported")
}
