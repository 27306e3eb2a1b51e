package cfi

import "ktrap/symbols/dwarfx"

// arith runs an arithmetic, logical or comparing operation. All numbers are of
// the generic type here.
func (e *evaluation) arith(op byte) {
	b := dwarfx.Operand{U: e.pop()} // top of the stack: the right operand
	switch op {
	case dwarfx.OpAbs, dwarfx.OpNeg, dwarfx.OpNot:
		e.push(b.Unary(op).U)
	case dwarfx.OpPlusUconst:
		e.push(b.U + e.uleb())
	default:
		a := dwarfx.Operand{U: e.pop()}
		v, ok := a.Binary(op, b)
		e.bad = e.bad || !ok
		e.push(v.U)
	}
}
