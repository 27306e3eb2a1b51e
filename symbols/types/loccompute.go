package types

import (
	"fmt"

	"ktrap/symbols/addr"
	"ktrap/symbols/dwarfx"
)

// compute takes an operation that works on the stack.
func (e *expression) compute(op byte) error {
	switch {
	case op >= opLit0 && op <= opLit31:
		e.push(uint64(op - opLit0))
	case op >= opBreg0 && op <= opBreg31:
		return e.breg(uint64(op - opBreg0))
	case op == opBregx:
		return e.breg(e.b.Uleb())
	case op >= opConst1u && op <= opConst8s:
		e.constant(op)
	case op == opConstu:
		e.push(e.b.Uleb())
	case op == opConsts:
		e.push(uint64(e.b.Sleb()))
	case op == opAddr:
		e.pushAddress(e.b.U64())
	case op == opAddrx, op == opConstx:
		return e.indexed(op)
	case op == opFbreg:
		return e.fbreg(e.b.Sleb())
	case op == opCallFrameCFA:
		if e.f.CFA == 0 {
			return optimizedOut("the frame's address is not known")
		}
		e.push(uint64(e.f.CFA))
	case op == opBra, op == opSkip:
		return e.jump(op)
	case op >= opDup && op <= opRot:
		return e.shuffle(op)
	case op >= opAbs && op <= opXor, op >= opEq && op <= opNe:
		return e.arithmetic(op)
	case op == opDeref:
		return e.load(8, operand{})
	case op == opDerefSize:
		return e.load(e.b.U8(), operand{})
	case op == opEntryValue:
		return e.entryValue(e.b.Bytes(e.b.Uleb()))
	case op == opNop, op == opGNUUninit:
	default:
		return e.typed(op)
	}
	return nil
}

// typed takes an operation that names a base type.
func (e *expression) typed(op byte) error {
	switch op {
	case opConstType:
		t, err := e.baseType(e.b.Uleb())
		if err != nil {
			return err
		}
		raw := e.b.Bytes(uint64(e.b.U8()))
		e.stack = append(e.stack, t.as(le(raw)))
	case opRegvalType:
		u, err := e.f.register(e.b.Uleb())
		if err != nil {
			return err
		}
		t, err := e.baseType(e.b.Uleb())
		e.stack = append(e.stack, t.as(u))
		return err
	case opDerefType:
		size := e.b.U8()
		t, err := e.baseType(e.b.Uleb())
		if err != nil {
			return err
		}
		return e.load(size, t)
	case opConvert, opReinterpret:
		t, err := e.baseType(e.b.Uleb())
		if err != nil {
			return err
		}
		v, err := e.pop()
		e.stack = append(e.stack, t.as(v.u))
		return err
	default:
		return optimizedOut("its location uses operation %#x", op)
	}
	return nil
}

// baseType gives an operand of the base type at an offset of the unit, 0 being
// the generic one.
func (e *expression) baseType(off uint64) (operand, error) {
	u := e.fn.unit
	if off == 0 {
		return operand{}, nil
	}
	if off < u.First-u.Off || off >= u.End-u.Off {
		return operand{}, errExpression
	}
	b := u.Buf(u.Off + off)
	t, ok := readDIE(u, &b)
	if !ok || t.tag != tagBase {
		return operand{}, errExpression
	}
	size, _ := t.number(attrByteSize)
	enc, _ := t.number(attrEncoding)
	switch enc {
	case encAddress, encBoolean, encSigned, encSignedChar, encUnsigned, encUnsignedChar, encUTF:
		if size >= 1 && size <= 8 {
			return operand{size: uint8(size), signed: enc == encSigned || enc == encSignedChar}, nil
		}
	}
	return operand{}, optimizedOut("its location computes with %s", clean(t.name()))
}

// le reads up to eight bytes as a number.
func le(raw []byte) (u uint64) {
	for n, c := range raw[:min(len(raw), 8)] {
		u |= uint64(c) << (8 * n)
	}
	return u
}

func (e *expression) push(u uint64) { e.stack = append(e.stack, operand{u: u}) }

func (e *expression) pop() (operand, error) {
	if len(e.stack) == 0 {
		return operand{}, fmt.Errorf("take from an empty stack: %w", errExpression)
	}
	v := e.stack[len(e.stack)-1]
	e.stack = e.stack[:len(e.stack)-1]
	return v, nil
}

func (e *expression) breg(n uint64) error {
	off := e.b.Sleb()
	u, err := e.f.register(n)
	e.push(u + uint64(off))
	return err
}

// constant pushes a number of 1, 2, 4 or 8 bytes, unsigned and signed in turn.
func (e *expression) constant(op byte) {
	size := uint8(1) << ((op - opConst1u) / 2)
	t := operand{size: size, signed: op&1 != 0}
	e.push(t.as(le(e.b.Bytes(uint64(size)))).u)
}

// pushAddress pushes a link address, as the run-time address it has become.
func (e *expression) pushAddress(a uint64) {
	if e.f.Run != nil {
		a = uint64(e.f.Run(addr.LinkAddr(a)))
	}
	e.push(a)
}

// indexed pushes an address or a constant out of .debug_addr.
func (e *expression) indexed(op byte) error {
	a, ok := e.fn.unit.Address(dwarfx.Value{Form: dwarfx.FormAddrx, U: e.b.Uleb()})
	switch {
	case !ok:
		return optimizedOut("its address is not in .debug_addr")
	case op == opAddrx:
		e.pushAddress(a)
	default:
		e.push(a)
	}
	return nil
}

func (e *expression) jump(op byte) error {
	off := int64(int16(e.b.U16()))
	if op == opBra {
		v, err := e.pop()
		if err != nil || v.u == 0 {
			return err
		}
	}
	to := int64(e.b.Off()) + off
	if to < 0 || to > int64(len(e.code)) {
		return fmt.Errorf("jump to %d: %w", to, errExpression)
	}
	e.b.Seek(uint64(to))
	return nil
}

func (e *expression) arithmetic(op byte) error {
	top, err := e.pop()
	if err != nil {
		return err
	}
	switch op {
	case opAbs, opNeg, opNot:
		e.stack = append(e.stack, top.unary(op))
		return nil
	case opPlusUconst:
		e.stack = append(e.stack, top.as(top.u+e.b.Uleb()))
		return nil
	}
	under, err := e.pop()
	if err != nil {
		return err
	}
	v, err := under.binary(op, top)
	e.stack = append(e.stack, v)
	return err
}

// load replaces the address on the stack by what lies there.
func (e *expression) load(size uint8, t operand) error {
	a, err := e.pop()
	if err != nil || size == 0 || size > 8 {
		return errExpression
	}
	p := make([]byte, size)
	if err := e.f.read(p, addr.Addr(a.u)); err != nil {
		return err
	}
	e.stack = append(e.stack, t.as(le(p)))
	return nil
}

func (e *expression) shuffle(op byte) error {
	n := len(e.stack)
	pick := func(back int) error {
		if back >= n {
			return errExpression
		}
		e.stack = append(e.stack, e.stack[n-1-back])
		return nil
	}
	switch op {
	case opDup:
		return pick(0)
	case opOver:
		return pick(1)
	case opPick:
		return pick(int(e.b.U8()))
	case opDrop:
		_, err := e.pop()
		return err
	}
	if op != opSwap && op != opRot || n < 2 || op == opRot && n < 3 {
		return errExpression // DW_OP_xderef too
	}
	top := e.stack[n-1]
	if op == opSwap {
		e.stack[n-1], e.stack[n-2] = e.stack[n-2], top
	} else {
		e.stack[n-1], e.stack[n-2], e.stack[n-3] = e.stack[n-2], e.stack[n-3], top
	}
	return nil
}
