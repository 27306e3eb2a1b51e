package cfi

// arith runs an arithmetic, logical or comparing operation.
func (e *evaluation) arith(op byte) {
	b := e.pop() // top of the stack: the right operand
	switch op {
	case opAbs:
		if int64(b) < 0 {
			b = -b
		}
		e.push(b)
	case opNeg:
		e.push(-b)
	case opNot:
		e.push(^b)
	case opPlusUconst:
		e.push(b + e.uleb())
	default:
		e.push(e.binary(op, e.pop(), b))
	}
}

func (e *evaluation) binary(op byte, a, b uint64) uint64 {
	switch op {
	case opAnd:
		return a & b
	case opOr:
		return a | b
	case opXor:
		return a ^ b
	case opPlus:
		return a + b
	case opMinus:
		return a - b
	case opMul:
		return a * b
	case opShl:
		return a << b
	case opShr:
		return a >> b
	case opShra:
		return uint64(int64(a) >> b)
	case opDiv, opMod:
		return e.divide(op, a, b)
	}
	return compare(op, int64(a), int64(b))
}

// divide divides, signed, or takes the remainder, unsigned.
func (e *evaluation) divide(op byte, a, b uint64) uint64 {
	if b == 0 {
		e.bad = true
		return 0
	}
	if op == opMod {
		return a % b
	}
	return uint64(int64(a) / int64(b))
}

func compare(op byte, a, b int64) uint64 {
	holds := false
	switch op {
	case opEq:
		holds = a == b
	case opGe:
		holds = a >= b
	case opGt:
		holds = a > b
	case opLe:
		holds = a <= b
	case opLt:
		holds = a < b
	case opNe:
		holds = a != b
	}
	if holds {
		return 1
	}
	return 0
}
