package expr

import (
	"debug/dwarf"
	"errors"
	"fmt"

	"ktrap/symbols/types"
)

// errDivide is the error of x / 0.
var errDivide = errors.New("division by zero")

// promote gives the type a number takes part in arithmetic with: at least int.
func promote(v Value) (dwarf.Type, error) {
	k := kindOf(v.typ)
	if !k.integral() {
		return nil, fmt.Errorf("%s is no number", types.Spell(v.typ))
	}
	size, _ := types.SizeOf(v.typ)
	switch {
	case v.bitSize != 0 && v.bitSize < 32, size < 4:
		return typeInt, nil
	case size == 4 && signed(v.typ):
		return typeInt, nil
	case size == 4:
		return typeUint, nil
	case signed(v.typ):
		return typeLong, nil
	}
	return typeUlong, nil
}

// common gives the type two promoted numbers are brought to.
func common(a, b dwarf.Type) dwarf.Type {
	sa, sb := a.Common().ByteSize, b.Common().ByteSize
	if sa > sb || sa == sb && !signed(a) {
		return a
	}
	return b
}

// apply computes x op y.
func apply(op string, x, y Value) (Value, error) {
	px, py := isPointer(x), isPointer(y)
	switch {
	case isComparison(op):
		return compare(op, x, y)
	case op == "&&" || op == "||":
		return logic(op, x, y)
	case op == "-" && px && py:
		return pointerDifference(x, y)
	case (op == "+" || op == "-") && px:
		return pointerSum(op, x, y)
	case op == "+" && py:
		return pointerSum(op, y, x)
	case op == "@":
		return several(x, y)
	case op == "<<" || op == ">>":
		return shift(op, x, y)
	}
	tx, err := promote(x)
	if err != nil {
		return Value{}, err
	}
	ty, err := promote(y)
	if err != nil {
		return Value{}, err
	}
	t := common(tx, ty)
	a, b, err := both(x, y, t)
	if err != nil {
		return Value{}, err
	}
	u, err := integer(op, a, b, signed(t))
	return number(t, u), err
}

// both reads two numbers as values of a common type.
func both(x, y Value, t dwarf.Type) (a, b uint64, err error) {
	if a, err = x.scalar(); err != nil {
		return 0, 0, err
	}
	if b, err = y.scalar(); err != nil {
		return 0, 0, err
	}
	bits := t.Common().ByteSize * 8
	return extend(a, bits, signed(t)), extend(b, bits, signed(t)), nil
}

// integer computes one operation on 64 bits.
func integer(op string, a, b uint64, sign bool) (uint64, error) {
	switch op {
	case "+":
		return a + b, nil
	case "-":
		return a - b, nil
	case "*":
		return a * b, nil
	case "&":
		return a & b, nil
	case "|":
		return a | b, nil
	case "^":
		return a ^ b, nil
	}
	switch {
	case b == 0:
		return 0, errDivide
	case op == "/" && sign:
		return uint64(int64(a) / int64(b)), nil
	case op == "/":
		return a / b, nil
	case sign:
		return uint64(int64(a) % int64(b)), nil
	}
	return a % b, nil
}

// shift keeps the type of its left operand; too far a shift leaves nothing.
func shift(op string, x, y Value) (Value, error) {
	t, err := promote(x)
	if err != nil {
		return Value{}, err
	}
	if _, err := promote(y); err != nil {
		return Value{}, err
	}
	a, n, err := both(x, y, t)
	if err != nil {
		return Value{}, err
	}
	switch {
	case op == "<<":
		a <<= n
	case signed(t):
		a = uint64(int64(a) >> n)
	default:
		a >>= n
	}
	return number(t, a), nil
}

func isPointer(v Value) bool {
	k := kindOf(v.typ)
	return k == kindPointer || k == kindArray || k == kindFunc
}

func isComparison(op string) bool {
	switch op {
	case "==", "!=", "<", "<=", ">", ">=":
		return true
	}
	return false
}

// compare compares numbers by their common type and addresses as unsigned.
func compare(op string, x, y Value) (Value, error) {
	t := typeUlong
	if !isPointer(x) && !isPointer(y) {
		tx, err := promote(x)
		if err != nil {
			return Value{}, err
		}
		ty, err := promote(y)
		if err != nil {
			return Value{}, err
		}
		t = common(tx, ty)
	}
	a, b, err := both(x, y, t)
	if err != nil {
		return Value{}, err
	}
	less := a < b
	if signed(t) {
		less = int64(a) < int64(b)
	}
	return truth(holds(op, less, a == b)), nil
}

func holds(op string, less, equal bool) bool {
	switch op {
	case "==":
		return equal
	case "!=":
		return !equal
	case "<":
		return less
	case "<=":
		return less || equal
	case ">":
		return !less && !equal
	}
	return !less
}

func logic(op string, x, y Value) (Value, error) {
	a, b, err := both(x, y, typeUlong)
	if op == "&&" {
		return truth(a != 0 && b != 0), err
	}
	return truth(a != 0 || b != 0), err
}

func truth(b bool) Value {
	if b {
		return number(typeInt, 1)
	}
	return number(typeInt, 0)
}

// pointerSum moves a pointer by elements.
func pointerSum(op string, p, n Value) (Value, error) {
	if _, err := promote(n); err != nil {
		return Value{}, err
	}
	i, err := n.Int()
	if err != nil {
		return Value{}, err
	}
	if op == "-" {
		i = -i
	}
	a, err := p.scalar()
	if err != nil {
		return Value{}, err
	}
	t := decayedType(p.typ)
	to, _ := target(t)
	size, err := p.env.stride(to)
	if err != nil {
		return Value{}, err
	}
	return number(t, a+uint64(i*size)), nil
}

// decayedType gives the pointer an array or function turns into.
func decayedType(t dwarf.Type) dwarf.Type {
	switch kindOf(t) {
	case kindArray:
		to, _ := target(t)
		return types.PointerTo(to)
	case kindFunc:
		return types.PointerTo(t)
	}
	return t
}

func pointerDifference(x, y Value) (Value, error) {
	a, b, err := both(x, y, typeUlong)
	if err != nil {
		return Value{}, err
	}
	to, _ := target(decayedType(x.typ))
	size, err := x.env.stride(to)
	if err != nil {
		return Value{}, err
	}
	if size == 0 {
		return Value{}, errDivide
	}
	return number(typeLong, uint64(int64(a-b)/size)), nil
}

// several makes an array of the values that begin at x: gdb's *p@10.
func several(x, y Value) (Value, error) {
	n, err := y.Int()
	if err != nil {
		return Value{}, err
	}
	if n <= 0 || n > maxValue {
		return Value{}, fmt.Errorf("an array cannot have %d elements", n)
	}
	a, ok := x.Addr()
	if !ok {
		return Value{}, errors.New("left side of @ is not in memory")
	}
	t := &dwarf.ArrayType{Type: x.typ, Count: n}
	t.ByteSize, _ = types.SizeOf(t)
	return At(t, a), nil
}
