package types

import "testing"

func TestOperandsKeepToTheirType(t *testing.T) {
	u8, s8, u32, u64 := operand{size: 1}, operand{size: 1, signed: true}, operand{size: 4}, operand{size: 8}
	tests := []struct {
		name string
		a, b operand
		op   byte
		want uint64
	}{
		{"an unsigned byte wraps around", u8.as(0xff), u8.as(2), opPlus, 1},
		{"a signed byte keeps its sign", s8.as(0x7f), s8.as(1), opPlus, ^uint64(0x7f)},
		{"an unsigned word is shifted without its sign", u32.as(0x80000000), u32.as(4), opShr, 0x08000000},
		{"an unsigned word is shifted with its top bit on demand", u32.as(0x80000000), u32.as(4), opShra, 0xf8000000},
		{"unsigned numbers compare as such", u64.as(^uint64(0)), u64.as(1), opGt, 1},
		{"generic numbers compare signed", operand{u: ^uint64(0)}, operand{u: 1}, opGt, 0},
		{"unsigned numbers divide as such", u64.as(^uint64(0)), u64.as(2), opDiv, ^uint64(0) >> 1},
		{"a signed remainder has the sign of the dividend", s8.as(0xf9), s8.as(2), opMod, ^uint64(0)},
		{"a shift beyond the width", operand{u: 1}, operand{u: 200}, opShl, 0},
	}
	for _, w := range tests {
		if got, err := w.a.binary(w.op, w.b); err != nil || got.u != w.want {
			t.Errorf("%s: %#x, %v; want %#x", w.name, got.u, err, w.want)
		}
	}
}
