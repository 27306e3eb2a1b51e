package types

import (
	"encoding/binary"
	"slices"
	"testing"

	"ktrap/symbols/dwarfx"
)

// addressTable is one unit's part of .debug_addr.
func addressTable(addresses ...uint64) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(4+8*len(addresses)))
	b = append(b, 5, 0, 8, 0)
	for _, a := range addresses {
		b = binary.LittleEndian.AppendUint64(b, a)
	}
	return b
}

func TestAnAddressIsFoundInTheTableOfEveryUnit(t *testing.T) {
	section := slices.Concat(addressTable(0x10, 0x20), addressTable(), addressTable(0x30, 0x20, 0x10))
	tests := []struct {
		name string
		data []byte
		a    uint64
		want []uint64
	}{
		{"at the same index in two units", section, 0x20, []uint64{1}},
		{"at different indexes", section, 0x10, []uint64{0, 2}},
		{"nowhere", section, 0x40, nil},
		{"in front of damage", section[:len(section)-1], 0x10, []uint64{0}},
		{"in a table of a size that is no address's", append(addressTable(0x10), 4, 0, 0, 0, 5, 0, 4, 0), 0x10, []uint64{0}},
		{"in no section", nil, 0x10, nil},
	}
	for _, w := range tests {
		if got := addressIndexes(w.data, w.a); !slices.Equal(got, w.want) {
			t.Errorf("%s: %v, want %v", w.name, got, w.want)
		}
	}
}

func TestOnlyALocationThatIsJustAnAddressIsAVariables(t *testing.T) {
	u := emptyUnit()
	u.Sec.Addr, u.AddrSize = []byte{0x40, 0, 0, 0, 0, 0, 0, 0}, 8
	direct := binary.LittleEndian.AppendUint64([]byte{dwarfx.OpAddr}, 0x40)
	tests := []struct {
		name string
		expr []byte
		ok   bool
	}{
		{"an address", direct, true},
		{"an index", []byte{dwarfx.OpAddrx, 0}, true},
		{"an index beyond the table", []byte{dwarfx.OpAddrx, 1}, false},
		{"an address with an offset", append(direct, dwarfx.OpPlusUconst, 8), false},
		{"half an address", direct[:5], false},
		{"a register", []byte{dwarfx.OpReg0}, false},
		{"nothing", nil, false},
	}
	for _, w := range tests {
		e := die{unit: u, attrs: []dieAttr{{attr: attrLocation, val: dwarfx.Value{Form: dwarfx.FormExprloc}, block: w.expr}}}
		if a, ok := e.staticAddress(); ok != w.ok || ok && a != 0x40 {
			t.Errorf("%s: %#x, %v", w.name, a, ok)
		}
	}
}
