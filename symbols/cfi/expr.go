package cfi

import (
	"errors"
	"fmt"

	"ktrap/symbols/dwarfx"
)

// ErrUnknownReg is the error of an expression that needs a register that is
// not known.
var ErrUnknownReg = errors.New("register not known")

// errExpr is the error of an expression that makes no sense.
var errExpr = errors.New("malformed expression")

// Bounds on what an expression may do; jumps make loops possible.
const (
	maxExprSteps = 1000
	maxExprStack = 64
)

// Deref reads the word at an address.
type Deref func(a uint64) (uint64, error)

// Eval evaluates a DWARF expression over registers and memory. stack is what
// lies on the expression's stack at the start: the CFA for the rules AtExpr
// and IsExpr, nothing for a CFA.
// Errors: [ErrUnknownReg], those of deref.
// Source: DWARF 5, section 2.5, the operations allowed in call frame information.
func Eval(expr []byte, regs *Regs, deref Deref, stack ...uint64) (uint64, error) {
	e := evaluation{code: expr, cursor: cursor{data: expr}, regs: regs, deref: deref}
	e.stack = append(e.stack, stack...)
	for steps := 0; len(e.data) > 0; steps++ {
		op := byte(e.uint(1))
		if err := e.step(op); err != nil {
			return 0, fmt.Errorf("evaluate operation %#x of call frame expression: %w", op, err)
		}
		if e.bad || steps > maxExprSteps || len(e.stack) > maxExprStack {
			return 0, fmt.Errorf("evaluate operation %#x of call frame expression: %w", op, errExpr)
		}
	}
	v := e.pop()
	if e.bad {
		return 0, fmt.Errorf("evaluate call frame expression: %w", errExpr)
	}
	return v, nil
}

// evaluation is a running expression.
type evaluation struct {
	cursor
	code  []byte
	regs  *Regs
	deref Deref
	stack []uint64
}

// step runs an operation that pushes, loads or jumps; the others are in arith.
func (e *evaluation) step(op byte) error {
	switch {
	case op >= dwarfx.OpLit0 && op <= dwarfx.OpLit31:
		e.push(uint64(op - dwarfx.OpLit0))
	case op >= dwarfx.OpBreg0 && op <= dwarfx.OpBreg31:
		return e.breg(uint64(op - dwarfx.OpBreg0))
	case op >= dwarfx.OpConst1u && op <= dwarfx.OpConst8s:
		e.constant(op)
	case op >= dwarfx.OpAbs && op <= dwarfx.OpXor, op >= dwarfx.OpEq && op <= dwarfx.OpNe:
		e.arith(op)
	case op >= dwarfx.OpDup && op <= dwarfx.OpRot:
		e.shuffle(op)
	case op == dwarfx.OpBregx:
		return e.breg(e.uleb())
	case op == dwarfx.OpAddr:
		e.push(e.uint(8))
	case op == dwarfx.OpConstu:
		e.push(e.uleb())
	case op == dwarfx.OpConsts:
		e.push(uint64(e.sleb()))
	case op == dwarfx.OpDeref:
		return e.load(8)
	case op == dwarfx.OpDerefSize:
		return e.load(e.uint(1))
	case op == dwarfx.OpBra:
		if off := e.int(2); e.pop() != 0 {
			e.jump(off)
		}
	case op == dwarfx.OpSkip:
		e.jump(e.int(2))
	case op == dwarfx.OpNop:
	default:
		return errExpr
	}
	return nil
}

func (e *evaluation) push(v uint64) { e.stack = append(e.stack, v) }

func (e *evaluation) pop() uint64 {
	if len(e.stack) == 0 {
		e.bad = true
		return 0
	}
	v := e.stack[len(e.stack)-1]
	e.stack = e.stack[:len(e.stack)-1]
	return v
}

func (e *evaluation) breg(n uint64) error {
	off := e.sleb()
	v, ok := uint64(0), false
	if n < uint64(NumRegs) {
		v, ok = e.regs.Get(Reg(n))
	}
	if !ok {
		return ErrUnknownReg
	}
	e.push(v + uint64(off))
	return nil
}

// constant pushes a number of 1, 2, 4 or 8 bytes, unsigned and signed in turn.
func (e *evaluation) constant(op byte) {
	size := 1 << ((op - dwarfx.OpConst1u) / 2)
	if op&1 == 0 {
		e.push(e.uint(size))
	} else {
		e.push(uint64(e.int(size)))
	}
}

func (e *evaluation) load(size uint64) error {
	a := e.pop()
	if e.bad || size == 0 || size > 8 {
		return errExpr
	}
	v, err := e.deref(a)
	if err != nil {
		return err
	}
	e.push(v & (^uint64(0) >> (64 - 8*size)))
	return nil
}

func (e *evaluation) jump(off int64) {
	at := int64(len(e.code)-len(e.data)) + off
	if at < 0 || at > int64(len(e.code)) {
		e.bad = true
		return
	}
	e.data = e.code[at:]
}

func (e *evaluation) shuffle(op byte) {
	switch op {
	case dwarfx.OpDup:
		e.pick(0)
	case dwarfx.OpDrop:
		e.pop()
	case dwarfx.OpOver:
		e.pick(1)
	case dwarfx.OpPick:
		e.pick(e.uint(1))
	case dwarfx.OpSwap:
		a, b := e.pop(), e.pop()
		e.push(a)
		e.push(b)
	case dwarfx.OpRot:
		a, b, c := e.pop(), e.pop(), e.pop()
		e.push(a)
		e.push(c)
		e.push(b)
	default:
		e.bad = true // DW_OP_xderef
	}
}

func (e *evaluation) pick(n uint64) {
	if n >= uint64(len(e.stack)) {
		e.bad = true
		return
	}
	e.push(e.stack[uint64(len(e.stack))-1-n])
}
