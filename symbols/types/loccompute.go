package types

import (
	"fmt"

	"ktrap/symbols/addr"
	"ktrap/symbols/dwarfx"
)

// compute takes an operation that works on the stack.
func (e *expression) compute(op byte) error {
	switch {
	case op >= dwarfx.OpLit0 && op <= dwarfx.OpLit31:
		e.push(uint64(op - dwarfx.OpLit0))
	case op >= dwarfx.OpBreg0 && op <= dwarfx.OpBreg31:
		return e.breg(uint64(op - dwarfx.OpBreg0))
	case op == dwarfx.OpBregx:
		return e.breg(e.b.Uleb())
	case op >= dwarfx.OpConst1u && op <= dwarfx.OpConst8s:
		e.constant(op)
	case op == dwarfx.OpConstu:
		e.push(e.b.Uleb())
	case op == dwarfx.OpConsts:
		e.push(uint64(e.b.Sleb()))
	case op == dwarfx.OpAddr:
		e.pushAddress(e.b.U64())
	case op == dwarfx.OpAddrx, op == dwarfx.OpConstx:
		return e.indexed(op)
	case op == dwarfx.OpFbreg:
		return e.fbreg(e.b.Sleb())
	case op == dwarfx.OpCallFrameCFA:
		if e.f.CFA == 0 {
			return optimizedOut("the frame's address is not known")
		}
		e.push(uint64(e.f.CFA))
	case op == dwarfx.OpBra, op == dwarfx.OpSkip:
		return e.jump(op)
	case op >= dwarfx.OpDup && op <= dwarfx.OpRot:
		return e.shuffle(op)
	case op >= dwarfx.OpAbs && op <= dwarfx.OpXor, op >= dwarfx.OpEq && op <= dwarfx.OpNe:
		return e.arithmetic(op)
	case op == dwarfx.OpDeref:
		return e.load(8, dwarfx.Operand{})
	case op == dwarfx.OpDerefSize:
		return e.load(e.b.U8(), dwarfx.Operand{})
	case op == dwarfx.OpEntryValue:
		return e.entryValue(e.b.Bytes(e.b.Uleb()))
	case op == dwarfx.OpNop, op == dwarfx.OpGNUUninit:
	default:
		return e.typed(op)
	}
	return nil
}

// typed takes an operation that names a base type.
func (e *expression) typed(op byte) error {
	switch op {
	case dwarfx.OpConstType:
		t, err := e.baseType(e.b.Uleb())
		if err != nil {
			return err
		}
		raw := e.b.Bytes(uint64(e.b.U8()))
		e.stack = append(e.stack, t.As(le(raw)))
	case dwarfx.OpRegvalType:
		u, err := e.f.register(e.b.Uleb())
		if err != nil {
			return err
		}
		t, err := e.baseType(e.b.Uleb())
		e.stack = append(e.stack, t.As(u))
		return err
	case dwarfx.OpDerefType:
		size := e.b.U8()
		t, err := e.baseType(e.b.Uleb())
		if err != nil {
			return err
		}
		return e.load(size, t)
	case dwarfx.OpConvert, dwarfx.OpReinterpret:
		t, err := e.baseType(e.b.Uleb())
		if err != nil {
			return err
		}
		v, err := e.pop()
		e.stack = append(e.stack, t.As(v.U))
		return err
	default:
		return optimizedOut("its location uses operation %#x", op)
	}
	return nil
}

// baseType gives an operand of the base type at an offset of the unit, 0 being
// the generic one.
func (e *expression) baseType(off uint64) (dwarfx.Operand, error) {
	u := e.fn.unit
	if off == 0 {
		return dwarfx.Operand{}, nil
	}
	if off < u.First-u.Off || off >= u.End-u.Off {
		return dwarfx.Operand{}, errExpression
	}
	b := u.Buf(u.Off + off)
	t, ok := readDIE(u, &b)
	if !ok || t.tag != tagBase {
		return dwarfx.Operand{}, errExpression
	}
	size, _ := t.number(attrByteSize)
	enc, _ := t.number(attrEncoding)
	switch enc {
	case encAddress, encBoolean, encSigned, encSignedChar, encUnsigned, encUnsignedChar, encUTF:
		if size >= 1 && size <= 8 {
			return dwarfx.Operand{Size: uint8(size), Signed: enc == encSigned || enc == encSignedChar}, nil
		}
	}
	return dwarfx.Operand{}, optimizedOut("its location computes with %s", clean(t.name()))
}

// le reads up to eight bytes as a number.
func le(raw []byte) (u uint64) {
	for n, c := range raw[:min(len(raw), 8)] {
		u |= uint64(c) << (8 * n)
	}
	return u
}

func (e *expression) push(u uint64) { e.stack = append(e.stack, dwarfx.Operand{U: u}) }

func (e *expression) pop() (dwarfx.Operand, error) {
	if len(e.stack) == 0 {
		return dwarfx.Operand{}, fmt.Errorf("take from an empty stack: %w", errExpression)
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
	size := uint8(1) << ((op - dwarfx.OpConst1u) / 2)
	t := dwarfx.Operand{Size: size, Signed: op&1 != 0}
	e.push(t.As(le(e.b.Bytes(uint64(size)))).U)
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
	case op == dwarfx.OpAddrx:
		e.pushAddress(a)
	default:
		e.push(a)
	}
	return nil
}

func (e *expression) jump(op byte) error {
	off := int64(int16(e.b.U16()))
	if op == dwarfx.OpBra {
		v, err := e.pop()
		if err != nil || v.U == 0 {
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
	case dwarfx.OpAbs, dwarfx.OpNeg, dwarfx.OpNot:
		e.stack = append(e.stack, top.Unary(op))
		return nil
	case dwarfx.OpPlusUconst:
		e.stack = append(e.stack, top.As(top.U+e.b.Uleb()))
		return nil
	}
	under, err := e.pop()
	if err != nil {
		return err
	}
	v, ok := under.Binary(op, top)
	if !ok {
		return fmt.Errorf("divide by zero: %w", errExpression)
	}
	e.stack = append(e.stack, v)
	return nil
}

// load replaces the address on the stack by what lies there.
func (e *expression) load(size uint8, t dwarfx.Operand) error {
	a, err := e.pop()
	if err != nil || size == 0 || size > 8 {
		return errExpression
	}
	p := make([]byte, size)
	if err := e.f.read(p, addr.Addr(a.U)); err != nil {
		return err
	}
	e.stack = append(e.stack, t.As(le(p)))
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
	case dwarfx.OpDup:
		return pick(0)
	case dwarfx.OpOver:
		return pick(1)
	case dwarfx.OpPick:
		return pick(int(e.b.U8()))
	case dwarfx.OpDrop:
		_, err := e.pop()
		return err
	}
	if op != dwarfx.OpSwap && op != dwarfx.OpRot || n < 2 || op == dwarfx.OpRot && n < 3 {
		return errExpression // DW_OP_xderef too
	}
	top := e.stack[n-1]
	if op == dwarfx.OpSwap {
		e.stack[n-1], e.stack[n-2] = e.stack[n-2], top
	} else {
		e.stack[n-1], e.stack[n-2], e.stack[n-3] = e.stack[n-2], e.stack[n-3], top
	}
	return nil
}
