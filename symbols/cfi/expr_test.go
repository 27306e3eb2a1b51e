package cfi

import (
	"errors"
	"testing"

	"ktrap/symbols/dwarfx"
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
		{"register and load, as gcc writes for a realigned stack", []byte{dwarfx.OpBreg0 + 6, 0x78, dwarfx.OpDeref}, 0x1122334455667788},
		{"the CFA lies on the stack", nil, 0xcfa},
		{"load of a part", []byte{dwarfx.OpBreg0 + 6, 0x78, dwarfx.OpDerefSize, 2}, 0x7788},
		{"register by number", []byte{dwarfx.OpBregx, 7, 0x10}, 0x110},
		{"PLT, as the linker writes", []byte{dwarfx.OpBreg0 + 7, 8, dwarfx.OpLit0 + 15, dwarfx.OpAnd, dwarfx.OpLit0 + 11, dwarfx.OpGe, dwarfx.OpLit0 + 3, dwarfx.OpShl, dwarfx.OpPlus}, 0xcfa},
		{"address", []byte{dwarfx.OpAddr, 1, 0, 0, 0, 0, 0, 0, 0x80}, 0x8000000000000001},
		{"one byte", []byte{dwarfx.OpConst1u, 0xff}, 0xff},
		{"one signed byte", []byte{dwarfx.OpConst1u + 1, 0xff}, minus1},
		{"eight bytes", []byte{dwarfx.OpConst8s, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, minus1 - 1},
		{"unsigned LEB", []byte{dwarfx.OpConstu, 0x80, 0x01}, 0x80},
		{"signed LEB", []byte{dwarfx.OpConsts, 0x7f}, minus1},
		{"dup", []byte{dwarfx.OpDup, dwarfx.OpMinus}, 0},
		{"drop", []byte{dwarfx.OpLit0, dwarfx.OpDrop}, 0xcfa},
		{"over", []byte{dwarfx.OpLit0, dwarfx.OpOver}, 0xcfa},
		{"pick", []byte{dwarfx.OpLit0, dwarfx.OpLit0, dwarfx.OpPick, 2}, 0xcfa},
		{"swap", []byte{dwarfx.OpLit0, dwarfx.OpSwap}, 0xcfa},
		{"rot", []byte{dwarfx.OpLit0 + 1, dwarfx.OpLit0 + 2, dwarfx.OpRot}, 1},
		{"abs", []byte{dwarfx.OpConsts, 0x7b, dwarfx.OpAbs}, 5},
		{"neg", []byte{dwarfx.OpLit0 + 1, dwarfx.OpNeg}, minus1},
		{"not", []byte{dwarfx.OpLit0, dwarfx.OpNot}, minus1},
		{"signed division", []byte{dwarfx.OpConsts, 0x7a, dwarfx.OpLit0 + 3, dwarfx.OpDiv}, minus1 - 1},
		{"unsigned remainder", []byte{dwarfx.OpLit0 + 17, dwarfx.OpLit0 + 5, dwarfx.OpMod}, 2},
		{"mul or xor", []byte{dwarfx.OpLit0 + 3, dwarfx.OpLit0 + 4, dwarfx.OpMul, dwarfx.OpLit0 + 1, dwarfx.OpOr, dwarfx.OpLit0 + 1, dwarfx.OpXor}, 12},
		{"plus a constant", []byte{dwarfx.OpLit0, dwarfx.OpPlusUconst, 0x80, 0x01}, 0x80},
		{"shifts", []byte{dwarfx.OpConsts, 0x40, dwarfx.OpLit0 + 2, dwarfx.OpShra, dwarfx.OpLit0 + 4, dwarfx.OpShr, dwarfx.OpLit0 + 1, dwarfx.OpShl}, 0x1ffffffffffffffe},
		{"shift by more than there is", []byte{dwarfx.OpLit0 + 1, dwarfx.OpConst1u, 200, dwarfx.OpShl}, 0},
		{"eq", []byte{dwarfx.OpLit0, dwarfx.OpLit0, dwarfx.OpEq}, 1},
		{"gt is signed", []byte{dwarfx.OpLit0, dwarfx.OpConsts, 0x7f, dwarfx.OpGt}, 1},
		{"le", []byte{dwarfx.OpLit0, dwarfx.OpLit0, dwarfx.OpLe}, 1},
		{"lt", []byte{dwarfx.OpLit0, dwarfx.OpLit0, dwarfx.OpLt}, 0},
		{"ne", []byte{dwarfx.OpLit0, dwarfx.OpLit0, dwarfx.OpNe}, 0},
		{"branch taken", []byte{dwarfx.OpLit0 + 1, dwarfx.OpBra, 1, 0, dwarfx.OpLit0, dwarfx.OpLit0 + 9}, 9},
		{"branch not taken", []byte{dwarfx.OpLit0, dwarfx.OpBra, 1, 0, dwarfx.OpLit0 + 7}, 7},
		{"skip to the end", []byte{dwarfx.OpSkip, 1, 0, dwarfx.OpLit0}, 0xcfa},
		{"nop", []byte{dwarfx.OpNop}, 0xcfa},
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
		{"an operand cut off", []byte{dwarfx.OpConstu}, errExpr},
		{"a missing operand", []byte{dwarfx.OpLit0, dwarfx.OpPlus}, errExpr},
		{"division by zero", []byte{dwarfx.OpLit0, dwarfx.OpLit0, dwarfx.OpDiv}, errExpr},
		{"a register that is not known", []byte{dwarfx.OpBreg0 + 3, 0}, ErrUnknownReg},
		{"a register that is none", []byte{dwarfx.OpBregx, 99, 0}, ErrUnknownReg},
		{"memory that cannot be read", []byte{dwarfx.OpLit0, dwarfx.OpDeref}, errNoMemory},
		{"a load of nothing", []byte{dwarfx.OpLit0, dwarfx.OpDerefSize, 0}, errExpr},
		{"a load of too much", []byte{dwarfx.OpLit0, dwarfx.OpDerefSize, 9}, errExpr},
		{"a jump before the start", []byte{dwarfx.OpSkip, 0xf0, 0xff}, errExpr},
		{"a jump beyond the end", []byte{dwarfx.OpSkip, 1, 0}, errExpr},
		{"a loop", []byte{dwarfx.OpSkip, 0xfd, 0xff}, errExpr},
		{"a loop that fills the stack", []byte{dwarfx.OpLit0, dwarfx.OpSkip, 0xfc, 0xff}, errExpr},
		{"a pick below the stack", []byte{dwarfx.OpLit0, dwarfx.OpPick, 1}, errExpr},
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
	f.Add([]byte{dwarfx.OpBreg0 + 6, 0x78, dwarfx.OpDeref}, uint64(0x1000))
	f.Add([]byte{dwarfx.OpLit0 + 1, dwarfx.OpBra, 0xfc, 0xff}, uint64(1))
	f.Fuzz(func(t *testing.T, expr []byte, v uint64) {
		var regs Regs
		regs.Set(RBP, v)
		if got, err := Eval(expr, &regs, oneWord, v); err != nil && got != 0 {
			t.Errorf("value %#x with error %v", got, err)
		}
	})
}
