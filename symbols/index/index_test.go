package index

import (
	"errors"
	"hash/crc32"
	"slices"
	"testing"
)

var testID = Identity{1, 2, 3}

// small is an index of two units: the second lies between the two parts of the
// first.
func small(tb testing.TB) []byte {
	tb.Helper()
	s := NewStrings()
	a := NewUnit(s.Add("/build"))
	file, header := a.File(s.Add("/build/a.c")), a.File(s.Add("/build/include/a.h"))
	outer := a.Scope(0, a.Name(s.Add("outer")), Place{})
	inlined := a.Scope(outer, a.Name(s.Add("inlined")), Place{file, 12, 3})
	a.Row(0x1000, outer, Place{file, 10, 1})
	a.Row(0x1004, inlined, Place{header, 5, 2})
	a.Row(0x1005, inlined, Place{header, 5, 2}) // nothing new
	a.Row(0x1010, outer, Place{})               // code without a line
	a.End(0x1020)
	for n := range uint64(200) {
		a.Row(0x3000+8*n, outer, Place{file, uint32(100 + n%7), 0})
	}
	a.End(0x4000)
	b := NewUnit(s.Add("/other"))
	b.Row(0x2000, 0, Place{b.File(s.Add("/other/entry.S")), 7, 0}) // assembly: no function
	b.End(0x2008)
	data, err := Build(testID, s, []*Unit{a, b})
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func TestAnAddressGivesTheChainAtIt(t *testing.T) {
	x, err := Read(small(t), testID)
	if err != nil {
		t.Fatal(err)
	}
	outer := func(line, column int) Frame {
		return Frame{Func: "outer", Path: "/build/a.c", Dir: "/build", Line: line, Column: column}
	}
	chain := []Frame{{"inlined", "/build/include/a.h", "/build", 5, 2, true}, outer(12, 3)}
	tests := []struct {
		pc   uint64
		want []Frame
	}{
		{0, nil}, {0xfff, nil}, {0x1000, []Frame{outer(10, 1)}}, {0x1003, []Frame{outer(10, 1)}},
		{0x1004, chain}, {0x100f, chain}, {0x1010, []Frame{{Func: "outer"}}},
		{0x1020, nil}, {0x1fff, nil}, {0x2000, []Frame{{"", "/other/entry.S", "/other", 7, 0, false}}}, {0x2008, nil},
		{0x2fff, nil}, {0x3000, []Frame{outer(100, 0)}}, {0x3000 + 8*199 + 7, []Frame{outer(100+199%7, 0)}},
		{0x3fff, []Frame{outer(100+199%7, 0)}}, {0x4000, nil}, {^uint64(0), nil},
	}
	for _, tt := range tests {
		got, err := x.Lookup(nil, tt.pc)
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%#x: %+v, %v, want %+v", tt.pc, got, err, tt.want)
		}
	}
}

func TestAnyBitThatFlipsIsNoticed(t *testing.T) {
	data := small(t)
	for bit := range len(data) * 8 {
		data[bit/8] ^= 1 << (bit % 8)
		if _, err := Read(data, testID); !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrStale) {
			t.Fatalf("bit %d of byte %d: %v", bit%8, bit/8, err)
		}
		data[bit/8] ^= 1 << (bit % 8)
	}
	for n := range data {
		if _, err := Read(data[:n], testID); err == nil {
			t.Fatalf("cut off at %d: no error", n)
		}
	}
}

func TestAnIndexOfAnotherFileOrVersionIsStale(t *testing.T) {
	data := small(t)
	if _, err := Read(data, Identity{9}); !errors.Is(err, ErrStale) {
		t.Errorf("another file: %v", err)
	}
	data[8]++
	if _, err := Read(data, testID); !errors.Is(err, ErrStale) {
		t.Errorf("another version: %v", err)
	}
}

// FuzzIndex reads what has a right checksum but was never written: no panic, no
// endless chain.
func FuzzIndex(f *testing.F) {
	data := small(f)
	f.Add(data[checkedAt+32:], uint64(0x1004))
	f.Fuzz(func(t *testing.T, body []byte, pc uint64) {
		forged := slices.Concat(data[:checkedAt+32], body)
		le.PutUint32(forged[12:], crc32.Checksum(forged[checkedAt:], castagnoli))
		x, err := Read(forged, testID)
		if (err == nil) != (x != nil) {
			t.Fatalf("%v with error %v", x, err)
		}
		if err != nil {
			return
		}
		pcs := []uint64{pc}
		for b := x.part[partBlocks]; len(b) >= blockSize; b = b[blockSize:] {
			pcs = append(pcs, le.Uint64(b), le.Uint64(b)+5)
		}
		for _, pc := range pcs {
			frames, err := x.Lookup(nil, pc)
			if err != nil && !errors.Is(err, ErrDamaged) || len(frames) > maxDepth {
				t.Fatalf("%#x: %d frames, %v", pc, len(frames), err)
			}
		}
	})
}
