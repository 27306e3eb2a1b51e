package types

import (
	"errors"
	"fmt"
)

// errExpression is the error of an expression that makes no sense.
var errExpression = errors.New("malformed location expression")

// operand is an element of an expression's stack: a number of a base type. The
// bits above the type's size repeat its sign, or are zero.
type operand struct {
	u      uint64
	size   uint8 // in bytes; 0 is the generic type: an address, of no sign
	signed bool
}

// as gives another number of the operand's type.
func (o operand) as(u uint64) operand {
	if o.size != 0 && o.size < 8 {
		shift := 64 - 8*uint(o.size)
		if u <<= shift; o.signed {
			u = uint64(int64(u) >> shift)
		} else {
			u >>= shift
		}
	}
	o.u = u
	return o
}

// unary runs an operation on the top of the stack.
func (o operand) unary(op byte) operand {
	switch {
	case op == opNot:
		return o.as(^o.u)
	case op == opNeg, int64(o.u) < 0 && (o.signed || o.size == 0):
		return o.as(-o.u)
	}
	return o // DW_OP_abs of what is not negative
}

// binary runs an operation on two operands; b was on top. The generic type is
// signed where that makes a difference, but for DW_OP_mod and DW_OP_shr.
func (o operand) binary(op byte, b operand) (operand, error) {
	signed := o.signed || o.size == 0
	switch op {
	case opAnd:
		return o.as(o.u & b.u), nil
	case opOr:
		return o.as(o.u | b.u), nil
	case opXor:
		return o.as(o.u ^ b.u), nil
	case opPlus:
		return o.as(o.u + b.u), nil
	case opMinus:
		return o.as(o.u - b.u), nil
	case opMul:
		return o.as(o.u * b.u), nil
	case opShl:
		return o.as(o.u << b.u), nil
	case opShr:
		return o.as(o.unsigned() >> b.u), nil
	case opShra:
		return o.as(uint64(int64(o.widened()) >> min(b.u, 63))), nil
	case opDiv, opMod:
		return o.divide(op, b, signed)
	}
	var holds uint64
	if o.compares(op, b, signed) {
		holds = 1
	}
	return operand{u: holds}, nil
}

// unsigned gives the operand's bits without what repeats its sign.
func (o operand) unsigned() uint64 {
	o.signed = false
	return o.as(o.u).u
}

// widened repeats the operand's top bit, whatever its type.
func (o operand) widened() uint64 {
	o.signed = true
	return o.as(o.u).u
}

func (o operand) divide(op byte, b operand, signed bool) (operand, error) {
	switch {
	case b.u == 0:
		return operand{}, fmt.Errorf("divide by zero: %w", errExpression)
	case op == opDiv && signed:
		return o.as(uint64(int64(o.u) / int64(b.u))), nil
	case op == opDiv:
		return o.as(o.u / b.u), nil
	case o.signed:
		return o.as(uint64(int64(o.u) % int64(b.u))), nil
	}
	return o.as(o.u % b.u), nil
}

func (o operand) compares(op byte, b operand, signed bool) bool {
	less := o.u < b.u
	if signed {
		less = int64(o.u) < int64(b.u)
	}
	switch op {
	case opEq:
		return o.u == b.u
	case opNe:
		return o.u != b.u
	case opLt:
		return less
	case opLe:
		return less || o.u == b.u
	case opGt:
		return !less && o.u != b.u
	}
	return !less // DW_OP_ge
}
