package orc

import (
	"encoding/binary"
	"reflect"
	"testing"

	"ktrap/symbols/cfi"
)

const testBase = 0xffffffff82000000

// place is an address and the entry that starts there.
type place struct {
	at    uint64
	spOff int16
	flags uint16
}

// build lays places out as the two sections, in the given order.
func build(t testing.TB, v Version, places ...place) *Table {
	t.Helper()
	var ip, entries []byte
	for i, p := range places {
		ip = binary.LittleEndian.AppendUint32(ip, uint32(p.at-testBase-uint64(4*i)))
		entries = binary.LittleEndian.AppendUint16(entries, uint16(p.spOff))
		entries = binary.LittleEndian.AppendUint16(entries, 0)
		entries = binary.LittleEndian.AppendUint16(entries, p.flags)
	}
	table, err := New(ip, testBase, entries, v)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

const text = 0xffffffff81000000

func TestRowIsTheLastEntryAtOrBelowThePC(t *testing.T) {
	sorted := []place{{text, 8, 5}, {text + 1, 16, 5}, {text + 0x10, 0, 0}, {text + 0x10, 24, 5}, {text + 0x20, 0, 0}}
	shuffled := []place{sorted[3], sorted[4], sorted[0], sorted[1], sorted[2]}
	tests := []struct {
		name string
		pc   uint64
		ok   bool
		kind cfi.Kind
		off  int64
	}{
		{"below the table", text - 1, false, 0, 0},
		{"at an entry", text, true, cfi.Call, 8},
		{"between entries", text + 0xf, true, cfi.Call, 16},
		{"the real one of two at the same address", text + 0x10, true, cfi.Call, 24},
		{"at the terminator", text + 0x20, true, cfi.Undefined, 0},
		{"above the table", ^uint64(0), true, cfi.Undefined, 0},
	}
	for name, places := range map[string][]place{"sorted": sorted, "not sorted": shuffled} {
		table := build(t, V1, places...)
		for _, tt := range tests {
			t.Run(name+"/"+tt.name, func(t *testing.T) {
				row, ok := table.Row(tt.pc)
				if ok != tt.ok || row.Kind != tt.kind || row.CFA.Off != tt.off {
					t.Errorf("got %v %v %d, want %v %v %d", ok, row.Kind, row.CFA.Off, tt.ok, tt.kind, tt.off)
				}
			})
		}
	}
}

func TestAnEmptyTableCoversNothing(t *testing.T) {
	if row, ok := build(t, V3).Row(text); ok {
		t.Errorf("got %+v", row)
	}
}

func TestNewRefuses(t *testing.T) {
	tests := []struct {
		name        string
		ip, entries int
		version     Version
	}{
		{"an unknown format", 4, 6, 0},
		{"a format from the future", 4, 6, V4 + 1},
		{"more addresses than entries", 8, 6, V3},
		{"more entries than addresses", 4, 12, V3},
		{"half an address", 6, 6, V3},
		{"half an entry", 4, 3, V3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := New(make([]byte, tt.ip), 0, make([]byte, tt.entries), tt.version); err == nil {
				t.Error("no error")
			}
		})
	}
}

// FuzzORC checks the search against the definition: of the entries at the
// highest address not above the pc, the last one, terminators before the rest
// if the table had to be sorted.
func FuzzORC(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 1, 0, 0, 0}, make([]byte, 12), uint64(text), uint8(1))
	f.Add([]byte{9, 0, 0, 0, 1, 0, 0, 0}, []byte{8, 0, 0, 0, 5, 2, 0, 0, 0, 0, 0, 0}, uint64(7), uint8(4))
	f.Fuzz(func(t *testing.T, ip, entries []byte, pc uint64, version uint8) {
		table, err := New(ip, text, entries, Version(version))
		if (err == nil) != (table != nil) {
			t.Fatalf("table %v with error %v", table, err)
		}
		if err != nil {
			return
		}
		got, ok := table.Row(pc)
		best := -1
		for i := range table.n {
			a := table.addr(i)
			if a > pc {
				continue
			}
			if best < 0 || a > table.addr(best) ||
				a == table.addr(best) && (table.order == nil || table.rank(i) >= table.rank(best)) {
				best = i
			}
		}
		if ok != (best >= 0) {
			t.Fatalf("covered %v, by entry %d", ok, best)
		}
		if ok && !reflect.DeepEqual(got, table.entry(best).row(table.version)) {
			t.Errorf("got %+v, want entry %d", got, best)
		}
	})
}

// kernelSize is about the number of entries of a distribution's vmlinux.
const kernelSize = 368_000

func kernelTable(b *testing.B) *Table {
	b.Helper()
	places := make([]place, kernelSize)
	for i := range places {
		places[i] = place{text + uint64(40*i), 8, 5}
	}
	return build(b, V1, places...)
}

func BenchmarkNew(b *testing.B) {
	table := kernelTable(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := New(table.ip, testBase, table.entries, V1); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFirstRow(b *testing.B) {
	table := kernelTable(b)
	b.ReportAllocs()
	for b.Loop() {
		fresh, _ := New(table.ip, testBase, table.entries, V1)
		fresh.Row(text + 4711)
	}
}

func BenchmarkRow(b *testing.B) {
	table := kernelTable(b)
	b.ReportAllocs()
	pc := uint64(text)
	for b.Loop() {
		if _, ok := table.Row(pc); !ok {
			b.Fatal("not covered")
		}
		pc = text + (pc-text+7919)%(40*kernelSize)
	}
}
