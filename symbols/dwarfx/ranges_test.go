package dwarfx

import (
	"encoding/binary"
	"slices"
	"testing"
)

// cat joins bytes and numbers: int is one byte, uint64 is eight.
func cat(parts ...any) []byte {
	var out []byte
	for _, p := range parts {
		switch p := p.(type) {
		case int:
			out = append(out, byte(p))
		case uint64:
			out = binary.LittleEndian.AppendUint64(out, p)
		case string:
			out = append(out, p...)
		}
	}
	return out
}

func unit(version uint16, sec *Sections) *Unit {
	u := &Unit{Header: Header{Encoding: Encoding{Version: version, AddrSize: 8}}, Sec: sec, LowPC: 0x1000}
	u.defaultBases()
	return u
}

func TestRangeListsOfDWARF5(t *testing.T) {
	tests := []struct {
		name string
		list []byte
		want []Range
		ok   bool
	}{
		{"offset pairs are relative to the unit", cat(rleOffsetPair, 0x10, 0x20, 0), []Range{{0x1010, 0x1020}}, true},
		{"a base address replaces the unit's", cat(rleBaseAddress, uint64(0x5000), rleOffsetPair, 1, 2, 0), []Range{{0x5001, 0x5002}}, true},
		{"start and end", cat(rleStartEnd, uint64(0x10), uint64(0x30), 0), []Range{{0x10, 0x30}}, true},
		{"start and length", cat(rleStartLength, uint64(0x10), 0x30, 0), []Range{{0x10, 0x40}}, true},
		{"indexed base", cat(rleBaseAddressx, 1, rleOffsetPair, 0, 4, 0), []Range{{0xb0, 0xb4}}, true},
		{"indexed start and length", cat(rleStartxLength, 0, 8, 0), []Range{{0xa0, 0xa8}}, true},
		{"indexed start and end", cat(rleStartxEndx, 0, 1, 0), []Range{{0xa0, 0xb0}}, true},
		{"empty ranges are left out", cat(rleOffsetPair, 7, 7, rleOffsetPair, 8, 9, 0), []Range{{0x1008, 0x1009}}, true},
		{"reversed ranges are left out", cat(rleOffsetPair, 9, 8, 0), nil, true},
		{"a list without end", cat(rleOffsetPair, 1, 2), []Range{{0x1001, 0x1002}}, false},
		{"an unknown kind", cat(0x55), nil, false},
		{"an index that is not there", cat(rleStartxLength, 9, 8, 0), nil, false},
	}
	for _, tt := range tests {
		sec := &Sections{Rnglists: tt.list, Addr: cat(uint64(0), uint64(0xa0), uint64(0xb0))}
		got, err := unit(5, sec).PCRanges(PCAttrs{Ranges: Value{Form: FormSecOffset}}, nil)
		if !slices.Equal(got, tt.want) || (err == nil) != tt.ok {
			t.Errorf("%s: %x, %v", tt.name, got, err)
		}
	}
}

func TestRangeListsOfDWARF4(t *testing.T) {
	const none = ^uint64(0)
	list := cat(uint64(1), uint64(2), uint64(5), uint64(5), none, uint64(0x8000), uint64(3), uint64(4), uint64(0), uint64(0))
	got, err := unit(4, &Sections{Ranges: list}).PCRanges(PCAttrs{Ranges: Value{Form: FormSecOffset}}, nil)
	if want := []Range{{0x1001, 0x1002}, {0x8003, 0x8004}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%x, %v", got, err)
	}
}

func TestHighPCIsALengthUnlessItIsAnAddress(t *testing.T) {
	u := unit(5, &Sections{})
	low := Value{Form: FormAddr, U: 0x100}
	for _, high := range []Value{{Form: FormData8, U: 0x20}, {Form: FormAddr, U: 0x120}, {Form: FormUdata, U: 0x20}} {
		got, err := u.PCRanges(PCAttrs{Low: low, High: high}, nil)
		if err != nil || !slices.Equal(got, []Range{{0x100, 0x120}}) {
			t.Errorf("form %#x: %x, %v", high.Form, got, err)
		}
	}
	if got, err := u.PCRanges(PCAttrs{Low: low}, nil); err != nil || got != nil {
		t.Errorf("low_pc alone: %x, %v", got, err)
	}
}

// FuzzRanges reads range lists of both formats. Ranges given are never empty,
// and no more than the bytes allow.
func FuzzRanges(f *testing.F) {
	f.Add(uint16(5), cat(rleOffsetPair, 1, 2, rleStartEnd, uint64(1), uint64(2), 0), cat(uint64(0), uint64(1)), uint64(0))
	f.Add(uint16(4), cat(uint64(1), uint64(2), uint64(0), uint64(0)), []byte(nil), uint64(0))
	f.Fuzz(func(t *testing.T, version uint16, list, addrs []byte, off uint64) {
		u := unit(version, &Sections{Ranges: list, Rnglists: list, Addr: addrs})
		for _, form := range []Form{FormSecOffset, FormRnglistx} {
			got, _ := u.PCRanges(PCAttrs{Ranges: Value{Form: form, U: off}}, nil)
			if len(got) > len(list) {
				t.Fatalf("%d ranges of %d bytes", len(got), len(list))
			}
			for _, r := range got {
				if r.Low >= r.High {
					t.Fatalf("empty range %x", r)
				}
			}
		}
	})
}
