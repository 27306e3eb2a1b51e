package types

import (
	"bytes"
	"debug/dwarf"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
	"ktrap/symbols/dwarfx"
)

func emptyUnit() *dwarfx.Unit { return &dwarfx.Unit{Sec: new(dwarfx.Sections)} }

func TestLocationExpressions(t *testing.T) {
	le8 := func(u uint64) []byte { return binary.LittleEndian.AppendUint64(nil, u) }
	tests := []struct {
		name string
		expr []byte
		want Place
		err  error
	}{
		{"a register holds the value", []byte{dwarfx.OpReg0 + 3}, Place{Bytes: le8(0x1003)}, nil},
		{"an extended register number", []byte{dwarfx.OpRegx, 3}, Place{Bytes: le8(0x1003)}, nil},
		{"a register beyond those unwound", []byte{dwarfx.OpReg0 + 17}, Place{}, cfi.ErrUnknownReg},
		{"an address relative to a register", []byte{dwarfx.OpBreg0 + 3, 0x78}, Place{InMemory: true, Addr: 0x1003 - 8}, nil},
		{"an address relative to the frame base", []byte{dwarfx.OpFbreg, 0x70}, Place{InMemory: true, Addr: 0x7000 - 16}, nil},
		{"a fixed address moves with the kernel", append([]byte{dwarfx.OpAddr}, le8(0x2000)...), Place{InMemory: true, Addr: 0x2010}, nil},
		{"a computed value", []byte{dwarfx.OpBreg0 + 1, 0, 0x08, 5, 0x22, dwarfx.OpStackValue}, Place{Bytes: le8(0x1006)}, nil},
		{"a computed address", []byte{dwarfx.OpCallFrameCFA, 0x38, 0x1c}, Place{InMemory: true, Addr: 0x7000 - 8}, nil},
		{"a value read from memory", []byte{dwarfx.OpCallFrameCFA, 0x06, dwarfx.OpStackValue}, Place{Bytes: le8(0x7000)}, nil},
		{"a constant", []byte{dwarfx.OpImplicitValue, 2, 7, 8}, Place{Bytes: []byte{7, 8, 0, 0, 0, 0, 0, 0}}, nil},
		{"two halves in two registers", []byte{dwarfx.OpReg0, dwarfx.OpPiece, 4, dwarfx.OpReg0 + 1, dwarfx.OpPiece, 4}, Place{Bytes: []byte{0, 0x10, 0, 0, 1, 0x10, 0, 0}}, nil},
		{"half in memory", []byte{dwarfx.OpFbreg, 0, dwarfx.OpPiece, 4, 0x31, dwarfx.OpStackValue, dwarfx.OpPiece, 4}, Place{Bytes: []byte{0, 0x70, 0, 0, 1, 0, 0, 0}}, nil},
		{"a half that is nowhere", []byte{dwarfx.OpReg0, dwarfx.OpPiece, 4, dwarfx.OpPiece, 4}, Place{}, ErrOptimizedOut},
		{"too few pieces", []byte{dwarfx.OpReg0, dwarfx.OpPiece, 4}, Place{}, ErrOptimizedOut},
		{"a piece that is too large", []byte{dwarfx.OpReg0, dwarfx.OpPiece, 0xff, 0xff, 0xff, 0x7f}, Place{}, ErrOptimizedOut},
		{"the value at the function's entry, without a caller", []byte{dwarfx.OpEntryValue, 1, dwarfx.OpReg0 + 5, dwarfx.OpStackValue}, Place{}, ErrOptimizedOut},
		{"memory at the function's entry", []byte{dwarfx.OpEntryValue, 2, dwarfx.OpBreg0 + 5, 0, dwarfx.OpStackValue}, Place{}, ErrOptimizedOut},
		{"a jump over an operation", []byte{dwarfx.OpLit0 + 1, dwarfx.OpSkip, 1, 0, dwarfx.OpLit0 + 9, dwarfx.OpStackValue}, Place{Bytes: le8(1)}, nil},
		{"a branch that is taken", []byte{dwarfx.OpLit0 + 1, dwarfx.OpLit0 + 1, dwarfx.OpBra, 1, 0, dwarfx.OpLit0 + 9, dwarfx.OpStackValue}, Place{Bytes: le8(1)}, nil},
		{"a branch that is not taken", []byte{dwarfx.OpLit0 + 1, dwarfx.OpLit0, dwarfx.OpBra, 1, 0, dwarfx.OpLit0 + 9, dwarfx.OpStackValue}, Place{Bytes: le8(9)}, nil},
		{"a jump out of the expression", []byte{dwarfx.OpSkip, 0x70, 0x70}, Place{}, errExpression},
		{"an endless loop", []byte{dwarfx.OpSkip, 0xfd, 0xff}, Place{}, ErrOptimizedOut},
		{"a pointer to what was optimized away", []byte{dwarfx.OpImplicitPtr, 0, 0, 0, 0, 0}, Place{}, ErrOptimizedOut},
		{"a signed division", []byte{0x09, 0xf8, dwarfx.OpLit0 + 2, dwarfx.OpDiv, dwarfx.OpStackValue}, Place{Bytes: le8(^uint64(3))}, nil},
		{"a shift of the sign", []byte{0x09, 0xf8, dwarfx.OpLit0 + 1, dwarfx.OpShra, dwarfx.OpStackValue}, Place{Bytes: le8(^uint64(3))}, nil},
		{"a division by zero", []byte{dwarfx.OpLit0 + 2, dwarfx.OpLit0, dwarfx.OpDiv, dwarfx.OpStackValue}, Place{}, errExpression},
		{"three rotated", []byte{dwarfx.OpLit0 + 1, dwarfx.OpLit0 + 2, dwarfx.OpLit0 + 3, dwarfx.OpRot, dwarfx.OpStackValue}, Place{Bytes: le8(2)}, nil},
		{"an empty stack", []byte{dwarfx.OpDrop}, Place{}, errExpression},
		{"a variable of a thread", []byte{dwarfx.OpLit0, dwarfx.OpGNUTLS}, Place{}, ErrOptimizedOut},
		{"half a byte", []byte{dwarfx.OpReg0, dwarfx.OpBitPiece, 4, 0}, Place{}, ErrOptimizedOut},
		{"no expression", nil, Place{}, ErrOptimizedOut},
		{"an index into no .debug_addr", []byte{dwarfx.OpAddrx, 1}, Place{}, ErrOptimizedOut},
	}
	typ, _ := builtinType("long int")
	for _, w := range tests {
		l := Local{Name: "x", Type: typ, expr: w.expr, fn: &function{unit: emptyUnit(), frameBase: []byte{dwarfx.OpCallFrameCFA}}}
		got, err := l.Locate(allKnown())
		if !errors.Is(err, w.err) || got.InMemory != w.want.InMemory || got.Addr != w.want.Addr || !bytes.Equal(got.Bytes, w.want.Bytes) {
			t.Errorf("%s: %+v, %v; want %+v, %v", w.name, got, err, w.want, w.err)
		}
	}
}

func TestAStructMayBeKnownInPart(t *testing.T) {
	long, _ := builtinType("long int")
	pair := &dwarf.ArrayType{Type: long, Count: 2, CommonType: dwarf.CommonType{ByteSize: 16}}
	half := []byte{dwarfx.OpReg0 + 3, dwarfx.OpPiece, 8, dwarfx.OpPiece, 8}
	tests := []struct {
		name string
		typ  dwarf.Type
		expr []byte
		lost []Span
		err  error
	}{
		{"one of two members", pair, half, []Span{{8, 8}}, nil},
		{"neither", pair, []byte{dwarfx.OpPiece, 8, dwarfx.OpPiece, 8}, nil, ErrOptimizedOut},
		{"half a number", long, []byte{dwarfx.OpReg0 + 3, dwarfx.OpPiece, 4, dwarfx.OpPiece, 4}, nil, ErrOptimizedOut},
	}
	for _, w := range tests {
		l := Local{Name: "x", Type: w.typ, expr: w.expr, fn: &function{unit: emptyUnit()}}
		got, err := l.Locate(allKnown())
		if !errors.Is(err, w.err) || !slices.Equal(got.Lost, w.lost) || w.err == nil && got.Bytes[0] != 3 {
			t.Errorf("%s: %+v, %v", w.name, got, err)
		}
	}
}

func TestAVariableOfAHugeTypeThatIsNotInMemoryTakesNoMemory(t *testing.T) {
	char, _ := builtinType("char")
	huge := &dwarf.ArrayType{Type: char, Count: 1 << 40}
	for what, l := range map[string]Local{
		"a constant": {constant: []byte{1}}, "in a register": {expr: []byte{dwarfx.OpReg0 + 3}}, "computed": {expr: []byte{dwarfx.OpLit0, dwarfx.OpStackValue}},
	} {
		l.Name, l.Type, l.fn = "x", huge, &function{unit: emptyUnit()}
		if got, err := l.Locate(allKnown()); !errors.Is(err, ErrOptimizedOut) || got.Bytes != nil {
			t.Errorf("%s: %d bytes, %v", what, len(got.Bytes), err)
		}
	}
}

func TestAVariableInARegisterThatIsNotKnownIsUnknown(t *testing.T) {
	typ, _ := builtinType("int")
	l := Local{Name: "x", Type: typ, expr: []byte{dwarfx.OpReg0 + 3}, fn: &function{unit: emptyUnit(), frameBase: []byte{dwarfx.OpCallFrameCFA}}}
	if _, err := l.Locate(&Frame{Regs: new(cfi.Regs)}); !errors.Is(err, cfi.ErrUnknownReg) {
		t.Errorf("error %v", err)
	}
	l.expr = []byte{dwarfx.OpFbreg, 0}
	if _, err := l.Locate(&Frame{Regs: new(cfi.Regs)}); !errors.Is(err, ErrOptimizedOut) {
		t.Errorf("error %v", err)
	}
}

// lists is one location list in both formats: [0x10,0x20) in rax, then
// [0x20,0x30) in rdx relative to a base of 0x1000.
func lists() *dwarfData {
	var v4 []byte
	word := func(u uint64) { v4 = binary.LittleEndian.AppendUint64(v4, u) }
	entry := func(low, high uint64, expr byte) {
		word(low)
		word(high)
		v4 = append(v4, 1, 0, expr)
	}
	entry(0x10, 0x20, dwarfx.OpReg0)
	word(^uint64(0))
	word(0x1000)
	entry(0x20, 0x30, dwarfx.OpReg0+1)
	word(0)
	word(0)
	base := binary.LittleEndian.AppendUint64([]byte{lleBaseAddress}, 0x1000)
	start := binary.LittleEndian.AppendUint64([]byte{lleStartLength}, 0x10)
	v5 := append(start, 0x10, 1, dwarfx.OpReg0)
	v5 = append(append(v5, lleViewPair, 0, 1), base...)
	v5 = append(v5, lleOffsetPair, 0x20, 0x30, 1, dwarfx.OpReg0+1, lleDefaultLocation, 1, dwarfx.OpReg0+2, lleEndOfList)
	return &dwarfData{loc: locations{loaded: true, data: v4}, loclists: locations{loaded: true, data: v5}}
}

func TestLocationListsChooseByPC(t *testing.T) {
	tests := []struct {
		pc       addr.LinkAddr
		v4, v5   byte
		v4ok     bool
		describe string
	}{
		{0x10, dwarfx.OpReg0, dwarfx.OpReg0, true, "the first address of a range"},
		{0x1f, dwarfx.OpReg0, dwarfx.OpReg0, true, "the last address of a range"},
		{0x20, 0, dwarfx.OpReg0 + 2, false, "behind a range, where only the default holds"},
		{0x1025, dwarfx.OpReg0 + 1, dwarfx.OpReg0 + 1, true, "relative to a new base"},
	}
	for _, w := range tests {
		for version, want := range map[uint16]byte{4: w.v4, 5: w.v5} {
			u := emptyUnit()
			u.Version, u.AddrSize = version, 8
			a := dieAttr{attr: attrLocation, val: dwarfx.Value{Form: dwarfx.FormSecOffset}}
			expr, ok := lists().locationAt(u, a, uint64(w.pc))
			if wantOK := version == 5 || w.v4ok; ok != wantOK || ok && (len(expr) != 1 || expr[0] != want) {
				t.Errorf("DWARF %d, %s: %v, %v", version, w.describe, expr, ok)
			}
		}
	}
}
