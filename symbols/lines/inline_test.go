package lines

import (
	"encoding/binary"
	"testing"

	"ktrap/symbols/addr"
)

// abbreviations of the units below.
const (
	abUnit = iota + 1
	abFunction
	abInlined
	abBlock
)

// siblings is a function of 0x1000 to 0x1100 with two inlined calls side by side
// that claim the same addresses; the second lies in a block.
func siblings() sections {
	abbrev := []byte{
		abUnit, 0x11, 1, 0x11, 0x01, 0x12, 0x07, 0, 0, // low_pc addr, high_pc data8
		abFunction, 0x2e, 1, 0x03, 0x08, 0x11, 0x01, 0x12, 0x07, 0, 0, // name string
		abInlined, 0x1d, 0, 0x03, 0x08, 0x11, 0x01, 0x12, 0x07, 0, 0,
		abBlock, 0x0b, 1, 0, 0,
		0,
	}
	var info []byte
	code := func(ab byte, name string, low, size uint64) {
		info = append(info, ab)
		if name != "" {
			info = append(append(info, name...), 0)
		}
		info = binary.LittleEndian.AppendUint64(info, low)
		info = binary.LittleEndian.AppendUint64(info, size)
	}
	code(abUnit, "", 0x1000, 0x100)
	code(abFunction, "outer", 0x1000, 0x100)
	code(abInlined, "first", 0x1010, 0x20)
	info = append(info, abBlock)
	code(abInlined, "second", 0x1020, 0x20)
	info = append(info, 0, 0, 0)
	head := []byte{5, 0, 1, 8, 0, 0, 0, 0}
	head = append(binary.LittleEndian.AppendUint32(nil, uint32(len(head)+len(info))), head...)
	return sections{".debug_info": append(head, info...), ".debug_abbrev": abbrev}
}

func TestAnInlinedCallIsNoChildOfItsElderSibling(t *testing.T) {
	i := New(siblings(), nil)
	x := indexOf(t, i)
	tests := []struct {
		pc   uint64
		want []string
	}{
		{0x1000, []string{"outer"}}, {0x1010, []string{"first", "outer"}},
		{0x1020, []string{"second", "outer"}}, {0x102f, []string{"second", "outer"}},
		{0x1030, []string{"second", "outer"}}, {0x1040, []string{"outer"}}, {0x1100, nil},
	}
	for _, tt := range tests {
		got, err := i.Lookup(addr.LinkAddr(tt.pc))
		if err != nil || len(got) != len(tt.want) {
			t.Errorf("%#x: %+v, %v, want %v", tt.pc, got, err, tt.want)
			continue
		}
		for n, f := range got {
			if f.Func != tt.want[n] {
				t.Errorf("%#x: %+v, want %v", tt.pc, got, tt.want)
			}
		}
		sameAnswer(t, i, x, tt.pc)
	}
}
