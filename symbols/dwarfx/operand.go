package dwarfx

// Operand is an element of an expression's stack: a number of a base type. The
// bits above the type's size repeat its sign, or are zero.
type Operand struct {
	U      uint64
	Size   uint8 // in bytes; 0 is the generic type: an address, of no sign
	Signed bool
}

// As gives another number of the operand's type.
func (o Operand) As(u uint64) Operand {
	if o.Size != 0 && o.Size < 8 {
		shift := 64 - 8*uint(o.Size)
		if u <<= shift; o.Signed {
			u = uint64(int64(u) >> shift)
		} else {
			u >>= shift
		}
	}
	o.U = u
	return o
}

// Unary runs an operation on the top of the stack.
func (o Operand) Unary(op byte) Operand {
	switch {
	case op == OpNot:
		return o.As(^o.U)
	case op == OpNeg, int64(o.U) < 0 && (o.Signed || o.Size == 0):
		return o.As(-o.U)
	}
	return o // DW_OP_abs of what is not negative
}

// Binary runs an operation on two operands; b was on top. The generic type is
// signed where that makes a difference, but for DW_OP_mod and DW_OP_shr. false: it
// is a division by zero.
func (o Operand) Binary(op byte, b Operand) (v Operand, ok bool) {
	signed := o.Signed || o.Size == 0
	switch op {
	case OpAnd:
		return o.As(o.U & b.U), true
	case OpOr:
		return o.As(o.U | b.U), true
	case OpXor:
		return o.As(o.U ^ b.U), true
	case OpPlus:
		return o.As(o.U + b.U), true
	case OpMinus:
		return o.As(o.U - b.U), true
	case OpMul:
		return o.As(o.U * b.U), true
	case OpShl:
		return o.As(o.U << b.U), true
	case OpShr:
		return o.As(o.unsigned() >> b.U), true
	case OpShra:
		return o.As(uint64(int64(o.widened()) >> min(b.U, 63))), true
	case OpDiv, OpMod:
		return o.divide(op, b, signed)
	}
	var holds uint64
	if o.compares(op, b, signed) {
		holds = 1
	}
	return Operand{U: holds}, true
}

// unsigned gives the operand's bits without what repeats its sign.
func (o Operand) unsigned() uint64 {
	o.Signed = false
	return o.As(o.U).U
}

// widened repeats the operand's top bit, whatever its type.
func (o Operand) widened() uint64 {
	o.Signed = true
	return o.As(o.U).U
}

func (o Operand) divide(op byte, b Operand, signed bool) (v Operand, ok bool) {
	switch {
	case b.U == 0:
		return Operand{}, false
	case op == OpDiv && signed:
		return o.As(uint64(int64(o.U) / int64(b.U))), true
	case op == OpDiv:
		return o.As(o.U / b.U), true
	case o.Signed:
		return o.As(uint64(int64(o.U) % int64(b.U))), true
	}
	return o.As(o.U % b.U), true
}

func (o Operand) compares(op byte, b Operand, signed bool) bool {
	less := o.U < b.U
	if signed {
		less = int64(o.U) < int64(b.U)
	}
	switch op {
	case OpEq:
		return o.U == b.U
	case OpNe:
		return o.U != b.U
	case OpLt:
		return less
	case OpLe:
		return less || o.U == b.U
	case OpGt:
		return !less && o.U != b.U
	}
	return !less // DW_OP_ge
}
