package cfi

import (
	"errors"
	"testing"
)

var errNoMemory = errors.New("no memory")

// oneWord is memory with a word at 0x1000.
func oneWord(a uint64) (uint64, error) {
	if a != 0x1000 {
		return 0, errNoMemory
	}
	return 0x1122334455667788, nil
}

func TestEval(t *testing.T) {
	var regs Regs
	regs.Set(RBP, 0x1008)
	regs.Set(RSP, 0x100)
	const minus1 = ^uint64(0)
	tests := []struct {
		name string
		expr []byte
		want uint64
	}{
		{"register and load, as gcc writes for a realigned stack", []byte{opBreg0 + 6, 0x78, opDeref}, 0x1122334455667788},
		{"the CFA lies on the stack", nil, 0xcfa},
		{"load of a part", []byte{opBreg0 + 6, 0x78, opDerefSize, 2}, 0x7788},
		{"register by number", []byte{opBregx, 7, 0x10}, 0x110},
		{"PLT, as the linker writes", []byte{opBreg0 + 7, 8, opLit0 + 15, opAnd, opLit0 + 11, opGe, opLit0 + 3, opShl, opPlus}, 0xcfa},
		{"address", []byte{opAddr, 1, 0, 0, 0, 0, 0, 0, 0x80}, 0x8000000000000001},
		{"one byte", []byte{opConst1u, 0xff}, 0xff},
		{"one signed byte", []byte{opConst1u + 1, 0xff}, minus1},
		{"eight bytes", []byte{opConst8s, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, minus1 - 1},
		{"unsigned LEB", []byte{opConstu, 0x80, 0x01}, 0x80},
		{"signed LEB", []byte{opConsts, 0x7f}, minus1},
		{"dup", []byte{opDup, opMinus}, 0},
		{"drop", []byte{opLit0, opDrop}, 0xcfa},
		{"over", []byte{opLit0, opOver}, 0xcfa},
		{"pick", []byte{opLit0, opLit0, opPick, 2}, 0xcfa},
		{"swap", []byte{opLit0, opSwap}, 0xcfa},
		{"rot", []byte{opLit0 + 1, opLit0 + 2, opRot}, 1},
		{"abs", []byte{opConsts, 0x7b, opAbs}, 5},
		{"neg", []byte{opLit0 + 1, opNeg}, minus1},
		{"not", []byte{opLit0, opNot}, minus1},
		{"signed division", []byte{opConsts, 0x7a, opLit0 + 3, opDiv}, minus1 - 1},
		{"unsigned remainder", []byte{opLit0 + 17, opLit0 + 5, opMod}, 2},
		{"mul or xor", []byte{opLit0 + 3, opLit0 + 4, opMul, opLit0 + 1, opOr, opLit0 + 1, opXor}, 12},
		{"plus a constant", []byte{opLit0, opPlusUconst, 0x80, 0x01}, 0x80},
		{"shifts", []byte{opConsts, 0x40, opLit0 + 2, opShra, opLit0 + 4, opShr, opLit0 + 1, opShl}, 0x1ffffffffffffffe},
		{"shift by more than there is", []byte{opLit0 + 1, opConst1u, 200, opShl}, 0},
		{"eq", []byte{opLit0, opLit0, opEq}, 1},
		{"gt is signed", []byte{opLit0, opConsts, 0x7f, opGt}, 1},
		{"le", []byte{opLit0, opLit0, opLe}, 1},
		{"lt", []byte{opLit0, opLit0, opLt}, 0},
		{"ne", []byte{opLit0, opLit0, opNe}, 0},
		{"branch taken", []byte{opLit0 + 1, opBra, 1, 0, opLit0, opLit0 + 9}, 9},
		{"branch not taken", []byte{opLit0, opBra, 1, 0, opLit0 + 7}, 7},
		{"skip to the end", []byte{opSkip, 1, 0, opLit0}, 0xcfa},
		{"nop", []byte{opNopExpr}, 0xcfa},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Eval(tt.expr, &regs, oneWord, 0xcfa)
			if err != nil || got != tt.want {
				t.Errorf("got %#x, %v; want %#x", got, err, tt.want)
			}
		})
	}
}

func TestEvalRefuses(t *testing.T) {
	tests := []struct {
		name string
		expr []byte
		want error
	}{
		{"an empty stack", nil, errExpr},
		{"an operation it does not know", []byte{0xf0}, errExpr},
		{"an operand cut off", []byte{opConstu}, errExpr},
		{"a missing operand", []byte{opLit0, opPlus}, errExpr},
		{"division by zero", []byte{opLit0, opLit0, opDiv}, errExpr},
		{"a register that is not known", []byte{opBreg0 + 3, 0}, ErrUnknownReg},
		{"a register that is none", []byte{opBregx, 99, 0}, ErrUnknownReg},
		{"memory that cannot be read", []byte{opLit0, opDeref}, errNoMemory},
		{"a load of nothing", []byte{opLit0, opDerefSize, 0}, errExpr},
		{"a load of too much", []byte{opLit0, opDerefSize, 9}, errExpr},
		{"a jump before the start", []byte{opSkip, 0xf0, 0xff}, errExpr},
		{"a jump beyond the end", []byte{opSkip, 1, 0}, errExpr},
		{"a loop", []byte{opSkip, 0xfd, 0xff}, errExpr},
		{"a loop that fills the stack", []byte{opLit0, opSkip, 0xfc, 0xff}, errExpr},
		{"a pick below the stack", []byte{opLit0, opPick, 1}, errExpr},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if v, err := Eval(tt.expr, new(Regs), oneWord); !errors.Is(err, tt.want) || v != 0 {
				t.Errorf("got %#x, %v; want %v", v, err, tt.want)
			}
		})
	}
}

// FuzzEval checks that every expression ends, with a value or an error.
func FuzzEval(f *testing.F) {
	f.Add([]byte{opBreg0 + 6, 0x78, opDeref}, uint64(0x1000))
	f.Add([]byte{opLit0 + 1, opBra, 0xfc, 0xff}, uint64(1))
	f.Fuzz(func(t *testing.T, expr []byte, v uint64) {
		var regs Regs
		regs.Set(RBP, v)
		if got, err := Eval(expr, &regs, oneWord, v); err != nil && got != 0 {
			t.Errorf("value %#x with error %v", got, err)
		}
	})
}
