package dwarfx

import "testing"

func TestOperandsKeepToTheirType(t *testing.T) {
	u8, s8, u32, u64 := Operand{Size: 1}, Operand{Size: 1, Signed: true}, Operand{Size: 4}, Operand{Size: 8}
	tests := []struct {
		name string
		a, b Operand
		op   byte
		want uint64
	}{
		{"an unsigned byte wraps around", u8.As(0xff), u8.As(2), OpPlus, 1},
		{"a signed byte keeps its sign", s8.As(0x7f), s8.As(1), OpPlus, ^uint64(0x7f)},
		{"an unsigned word is shifted without its sign", u32.As(0x80000000), u32.As(4), OpShr, 0x08000000},
		{"an unsigned word is shifted with its top bit on demand", u32.As(0x80000000), u32.As(4), OpShra, 0xf8000000},
		{"unsigned numbers compare as such", u64.As(^uint64(0)), u64.As(1), OpGt, 1},
		{"generic numbers compare signed", Operand{U: ^uint64(0)}, Operand{U: 1}, OpGt, 0},
		{"unsigned numbers divide as such", u64.As(^uint64(0)), u64.As(2), OpDiv, ^uint64(0) >> 1},
		{"a signed remainder has the sign of the dividend", s8.As(0xf9), s8.As(2), OpMod, ^uint64(0)},
		{"a shift beyond the width", Operand{U: 1}, Operand{U: 200}, OpShl, 0},
	}
	for _, w := range tests {
		if got, ok := w.a.Binary(w.op, w.b); !ok || got.U != w.want {
			t.Errorf("%s: %#x, %v; want %#x", w.name, got.U, ok, w.want)
		}
	}
	for _, op := range []byte{OpDiv, OpMod} {
		if got, ok := u64.As(1).Binary(op, u64); ok || got != (Operand{}) {
			t.Errorf("operation %#x by zero: %+v", op, got)
		}
	}
}
