package cfi

import (
	"encoding/binary"
	"reflect"
	"slices"
	"testing"

	"ktrap/symbols/dwarfx"
)

// section builds a .debug_frame of one CIE and one FDE for [low, low+size).
type section struct {
	augmentation string
	version      byte
	cie, fde     []byte // programs
	ra           byte
	low, size    uint64
	wide         bool // the 64-bit format
}

func (s section) bytes() []byte {
	cie := []byte{s.version}
	cie = append(cie, s.augmentation...)
	cie = append(cie, 0)
	if s.version == 4 {
		cie = append(cie, 8, 0)
	}
	cie = append(cie, 1, 0x78, s.ra) // code factor 1, data factor -8
	if s.augmentation != "" && s.augmentation[0] == 'z' {
		cie = append(cie, 0)
	}
	cie = append(cie, s.cie...)
	fde := binary.LittleEndian.AppendUint64(nil, s.low)
	fde = binary.LittleEndian.AppendUint64(fde, s.size)
	if s.augmentation != "" && s.augmentation[0] == 'z' {
		fde = append(fde, 0)
	}
	fde = append(fde, s.fde...)
	return append(s.entry(^uint64(0), cie), s.entry(0, fde)...)
}

func (s section) entry(id uint64, body []byte) []byte {
	if s.wide {
		b := []byte{0xff, 0xff, 0xff, 0xff}
		b = binary.LittleEndian.AppendUint64(b, uint64(len(body)+8))
		return append(binary.LittleEndian.AppendUint64(b, id), body...)
	}
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(body)+4))
	return append(binary.LittleEndian.AppendUint32(b, uint32(id)), body...)
}

const low = 0xffffffff81000000

// standard is what gcc says of every kernel function: CFA is rsp+8, the return
// address is below it.
var standard = []byte{opDefCFA, 7, 8, opOffset | 16, 1}

func with(program ...byte) section {
	return section{version: 1, cie: standard, fde: program, ra: 16, low: low, size: 0x100}
}

func TestRowAfterInstructions(t *testing.T) {
	type rules map[Reg]Rule
	rspPlus := func(n int64) CFARule { return CFARule{Reg: RSP, Off: n} }
	tests := []struct {
		name    string
		program []byte
		at      uint64 // offset of the pc
		cfa     CFARule
		rules   rules // that differ from the standard ones
	}{
		{"nothing", nil, 0, rspPlus(8), nil},
		{"padding", []byte{opNop, opNop}, 0, rspPlus(8), nil},
		{"before an advance", []byte{opAdvanceLoc | 4, opDefCFAOffset, 16}, 3, rspPlus(8), nil},
		{"after an advance", []byte{opAdvanceLoc | 4, opDefCFAOffset, 16}, 4, rspPlus(16), nil},
		{"advance by a byte", []byte{opAdvanceLoc1, 0x80, opDefCFAOffset, 16}, 0x80, rspPlus(16), nil},
		{"advance by two", []byte{opAdvanceLoc2, 0x80, 0, opDefCFAOffset, 16}, 0x80, rspPlus(16), nil},
		{"advance by four", []byte{opAdvanceLoc4, 0x80, 0, 0, 0, opDefCFAOffset, 16}, 0x7f, rspPlus(8), nil},
		{"set the location", append(binary.LittleEndian.AppendUint64([]byte{opSetLoc}, low+9), opDefCFAOffset, 16), 9, rspPlus(16), nil},
		{"push rbx", []byte{opDefCFAOffset, 16, opOffset | 3, 2}, 0, rspPlus(16), rules{RBX: {Kind: AtCFA, Off: -16}}},
		{"frame pointer", []byte{opDefCFARegister, 6}, 0, CFARule{Reg: RBP, Off: 8}, nil},
		{"define with a signed offset", []byte{opDefCFASF, 6, 0x7e}, 0, CFARule{Reg: RBP, Off: 16}, nil},
		{"signed offset alone", []byte{opDefCFAOffsetSF, 0x7e}, 0, rspPlus(16), nil},
		{"extended offset", []byte{opOffsetExtended, 12, 3}, 0, rspPlus(8), rules{R12: {Kind: AtCFA, Off: -24}}},
		{"extended signed offset", []byte{opOffsetExtendedSF, 12, 0x7f}, 0, rspPlus(8), rules{R12: {Kind: AtCFA, Off: 8}}},
		{"offset of GNU", []byte{opGNUNegOffset, 12, 1}, 0, rspPlus(8), rules{R12: {Kind: AtCFA, Off: 8}}},
		{"value offset", []byte{opValOffset, 13, 2}, 0, rspPlus(8), rules{R13: {Kind: IsCFA, Off: -16}}},
		{"signed value offset", []byte{opValOffsetSF, 13, 0x7e}, 0, rspPlus(8), rules{R13: {Kind: IsCFA, Off: 16}}},
		{"in a register", []byte{opRegister, 16, 11}, 0, rspPlus(8), rules{RIP: {Kind: InReg, Reg: R11}}},
		{"undefined", []byte{opUndefined, 3}, 0, rspPlus(8), rules{RBX: {}}},
		{"same value", []byte{opUndefined, 3, opSameValue, 3}, 0, rspPlus(8), nil},
		{"restore", []byte{opOffset | 16, 9, opRestore | 16}, 0, rspPlus(8), nil},
		{"restore extended", []byte{opOffset | 3, 9, opRestoreExtended, 3}, 0, rspPlus(8), rules{RBX: {Kind: Same}}},
		{"remember and restore", []byte{opRememberState, opDefCFAOffset, 64, opOffset | 3, 2, opRestoreState}, 0, rspPlus(8), nil},
		{"CFA of an expression", []byte{opDefCFAExpression, 3, dwarfx.OpBreg0 + 6, 0x78, dwarfx.OpDeref}, 0,
			CFARule{Expr: []byte{dwarfx.OpBreg0 + 6, 0x78, dwarfx.OpDeref}}, nil},
		{"register at an expression", []byte{opExpression, 6, 2, dwarfx.OpBreg0 + 6, 0}, 0, rspPlus(8),
			rules{RBP: {Kind: AtExpr, Expr: []byte{dwarfx.OpBreg0 + 6, 0}}}},
		{"register of an expression", []byte{opValExpression, 6, 2, dwarfx.OpBreg0 + 6, 0}, 0, rspPlus(8),
			rules{RBP: {Kind: IsExpr, Expr: []byte{dwarfx.OpBreg0 + 6, 0}}}},
		{"a register that rows do not have", []byte{opOffsetExtended, 33, 2}, 0, rspPlus(8), nil},
		{"size of arguments", []byte{opGNUArgsSize, 16}, 0, rspPlus(8), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := Row{CFA: tt.cfa, Rules: abiRules()}
			want.Rules[RIP] = Rule{Kind: AtCFA, Off: -8}
			for r, rule := range tt.rules {
				want.Rules[r] = rule
			}
			got, ok := NewDebugFrame(with(tt.program...).bytes()).Row(low + tt.at)
			if !ok || !reflect.DeepEqual(got, want) {
				t.Errorf("got %v %+v\nwant %+v", ok, got, want)
			}
		})
	}
}

func TestRowOfMalformedProgramsIsMissing(t *testing.T) {
	tests := []struct {
		name    string
		program []byte
	}{
		{"unknown instruction", []byte{0x3f, 0}},
		{"instruction cut off", []byte{opDefCFA, 7}},
		{"restore without remember", []byte{opRestoreState}},
		{"endless remembering", slices.Repeat([]byte{opRememberState}, 1000)},
		{"CFA of a vector register", []byte{opDefCFA, 20, 8}},
		{"empty expression", []byte{opDefCFAExpression, 0}},
		{"expression longer than the entry", []byte{opDefCFAExpression, 100, 1}},
		{"number that does not end", slices.Repeat([]byte{0x80}, 100)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if row, ok := NewDebugFrame(with(tt.program...).bytes()).Row(low); ok {
				t.Errorf("got %+v", row)
			}
		})
	}
}

func TestSectionForms(t *testing.T) {
	tests := []struct {
		name   string
		change func(*section)
		ok     bool
	}{
		{"version 1", func(s *section) {}, true},
		{"version 3", func(s *section) { s.version = 3 }, true},
		{"version 4 has an address size", func(s *section) { s.version = 4 }, true},
		{"version 2 never was", func(s *section) { s.version = 2 }, false},
		{"64-bit entries", func(s *section) { s.wide = true }, true},
		{"augmentation data", func(s *section) { s.augmentation = "z" }, true},
		{"signal frame", func(s *section) { s.augmentation = "S" }, true},
		{"unknown augmentation", func(s *section) { s.augmentation = "zR" }, false},
		{"return address in no register", func(s *section) { s.ra = 40 }, false},
		{"empty function", func(s *section) { s.size = 0 }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := with()
			tt.change(&s)
			row, ok := NewDebugFrame(s.bytes()).Row(low)
			if ok != tt.ok || row.Signal != (s.augmentation == "S") {
				t.Errorf("got %v %+v", ok, row)
			}
		})
	}
}

func TestLookupFindsTheFunctionOfThePC(t *testing.T) {
	first, second := with(), with(opDefCFAOffset, 16)
	second.low += 0x200
	raw := first.bytes()
	at := len(raw)
	raw = append(raw, second.bytes()...)
	// The second FDE refers to the CIE before it by its place in the section.
	fde := at + 4 + int(binary.LittleEndian.Uint32(raw[at:]))
	binary.LittleEndian.PutUint32(raw[fde+4:], uint32(at))
	raw = append(raw, 0, 0, 0, 0)

	d := NewDebugFrame(raw)
	for pc, want := range map[uint64]int64{low - 1: 0, low: 8, low + 0xff: 8, low + 0x100: 0, low + 0x200: 16, low + 0x300: 0} {
		if row, ok := d.Row(pc); ok != (want != 0) || row.CFA.Off != want {
			t.Errorf("%#x: got %v %d, want %d", pc, ok, row.CFA.Off, want)
		}
	}
	if d.Len() != 2 {
		t.Errorf("%d functions", d.Len())
	}
}

func TestUndefinedReturnAddressIsTheOutermostFrame(t *testing.T) {
	row, ok := NewDebugFrame(with(opUndefined, 16).bytes()).Row(low)
	if !ok || row.Kind != End {
		t.Errorf("got %v %+v", ok, row)
	}
}

// FuzzCFI checks that any section can be asked, and that it answers the same
// again: rows share its bytes and must not change them.
func FuzzCFI(f *testing.F) {
	f.Add(with(opAdvanceLoc|1, opDefCFAOffset, 16).bytes(), uint64(low+1))
	f.Add(with(opRememberState, opDefCFAExpression, 3, dwarfx.OpBreg0+6, 0x78, dwarfx.OpDeref, opRestoreState).bytes(), uint64(low))
	wide := with(opOffset|3, 2)
	wide.wide, wide.version = true, 4
	f.Add(wide.bytes(), uint64(low))
	f.Fuzz(func(t *testing.T, raw []byte, pc uint64) {
		d := NewDebugFrame(raw)
		got, ok := d.Row(pc)
		if !ok && !reflect.DeepEqual(got, Row{}) {
			t.Errorf("no row, but %+v", got)
		}
		if again, _ := NewDebugFrame(slices.Clone(raw)).Row(pc); !reflect.DeepEqual(got, again) {
			t.Errorf("%+v, then %+v", got, again)
		}
		if d.Len() > len(raw)/20 {
			t.Errorf("%d functions in %d bytes", d.Len(), len(raw))
		}
	})
}
