package cfi

import (
	"errors"
	"fmt"
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

// Operations. Those that push, load or jump are in step, the rest in arith.
const (
	opAddr       = 0x03
	opDeref      = 0x06
	opConst1u    = 0x08
	opConst8s    = 0x0f
	opConstu     = 0x10
	opConsts     = 0x11
	opDup        = 0x12
	opDrop       = 0x13
	opOver       = 0x14
	opPick       = 0x15
	opSwap       = 0x16
	opRot        = 0x17
	opAbs        = 0x19
	opAnd        = 0x1a
	opDiv        = 0x1b
	opMinus      = 0x1c
	opMod        = 0x1d
	opMul        = 0x1e
	opNeg        = 0x1f
	opNot        = 0x20
	opOr         = 0x21
	opPlus       = 0x22
	opPlusUconst = 0x23
	opShl        = 0x24
	opShr        = 0x25
	opShra       = 0x26
	opXor        = 0x27
	opBra        = 0x28
	opEq         = 0x29
	opGe         = 0x2a
	opGt         = 0x2b
	opLe         = 0x2c
	opLt         = 0x2d
	opNe         = 0x2e
	opSkip       = 0x2f
	opLit0       = 0x30
	opLit31      = 0x4f
	opBreg0      = 0x70
	opBreg31     = 0x8f
	opBregx      = 0x92
	opDerefSize  = 0x94
	opNopExpr    = 0x96
)

func (e *evaluation) step(op byte) error {
	switch {
	case op >= opLit0 && op <= opLit31:
		e.push(uint64(op - opLit0))
	case op >= opBreg0 && op <= opBreg31:
		return e.breg(uint64(op - opBreg0))
	case op >= opConst1u && op <= opConst8s:
		e.constant(op)
	case op >= opAbs && op <= opXor, op >= opEq && op <= opNe:
		e.arith(op)
	case op >= opDup && op <= opRot:
		e.shuffle(op)
	case op == opBregx:
		return e.breg(e.uleb())
	case op == opAddr:
		e.push(e.uint(8))
	case op == opConstu:
		e.push(e.uleb())
	case op == opConsts:
		e.push(uint64(e.sleb()))
	case op == opDeref:
		return e.load(8)
	case op == opDerefSize:
		return e.load(e.uint(1))
	case op == opBra:
		if off := e.int(2); e.pop() != 0 {
			e.jump(off)
		}
	case op == opSkip:
		e.jump(e.int(2))
	case op == opNopExpr:
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
	size := 1 << ((op - opConst1u) / 2)
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
	case opDup:
		e.pick(0)
	case opDrop:
		e.pop()
	case opOver:
		e.pick(1)
	case opPick:
		e.pick(e.uint(1))
	case opSwap:
		a, b := e.pop(), e.pop()
		e.push(a)
		e.push(b)
	case opRot:
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
