package elffile_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"ktrap/symbols/elffile"
	"ktrap/symbols/symtest"
)

// manyRelocations is a module whose debug information has a relocation every few
// bytes, some of them over the ends of parts.
func manyRelocations() symtest.ELF {
	var relas []symtest.Rela
	for off := uint64(2); off < 5*4096-8; off += 12 {
		relas = append(relas, symtest.Rela{Off: off, Type: elf.R_X86_64_64, Symbol: 1, Addend: int64(off)})
	}
	m := module(relas...)
	m.Sections[2].Data = bytes.Repeat([]byte{0xa5, 0x5a, 0x11}, 5*4096/3)
	return m
}

// wholeSection is the relocated section of a file opened for that alone.
func wholeSection(t *testing.T, m symtest.ELF) []byte {
	t.Helper()
	data, err := open(t, m.Bytes()).Section(".debug_info")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func partial(t *testing.T, m symtest.ELF) (f *elffile.File, data []byte, need func(low, high uint64) error) {
	t.Helper()
	f = open(t, m.Bytes())
	data, need, err := f.Partial(".debug_info")
	if err != nil {
		t.Fatal(err)
	}
	return f, data, need
}

func TestPartsOfASectionAreWhatTheWholeHas(t *testing.T) {
	m := manyRelocations()
	want := wholeSection(t, m)
	// By hand: 0x10 is the value of the symbol, 14 the addend.
	if at := elffile.RelBase + 0x10 + 14; want[14] != byte(at) || want[13] != 0x5a || want[22] != 0x5a {
		t.Fatalf("% x", want[13:23])
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		f, data, need := partial(t, m)
		var wg sync.WaitGroup
		for range 8 {
			low := rng.IntN(len(data))
			high := low + rng.IntN(len(data)-low+1)
			wg.Go(func() {
				if err := need(uint64(low), uint64(high)); err != nil || !bytes.Equal(data[low:high], want[low:high]) {
					t.Errorf("[%#x,%#x) differs: %v", low, high, err)
				}
			})
		}
		wg.Wait()
		if all, err := f.Section(".debug_info"); err != nil || !bytes.Equal(all, want) || &all[0] != &data[0] {
			t.Errorf("all of it differs: %v", err)
		}
	}
}

func TestWhatIsNotNeededIsNotRelocated(t *testing.T) {
	m := manyRelocations()
	m.Sections[2].Rela[len(m.Sections[2].Rela)-1].Type = elf.R_X86_64_8
	f, _, need := partial(t, m)
	if err := need(0, 4*4096); err != nil {
		t.Errorf("parts that are sound: %v", err)
	}
	for range 2 {
		if err := need(4*4096, 5*4096); err == nil {
			t.Error("a relocation that is not supported: no error")
		}
	}
	if data, err := f.Section(".debug_info"); err == nil || data != nil {
		t.Errorf("all of it: %d bytes, %v", len(data), err)
	}
	if err := need(1<<40, 1<<41); err != nil {
		t.Errorf("outside of the section: %v", err)
	}
}

func TestRelocationsInNoOrderAreAllApplied(t *testing.T) {
	m := manyRelocations()
	want := wholeSection(t, m)
	slices.Reverse(m.Sections[2].Rela)
	_, data, need := partial(t, m)
	for range 2 {
		if err := need(5000, 5001); err != nil || !bytes.Equal(data, want) {
			t.Errorf("the contents differ: %v", err)
		}
	}
	if got := wholeSection(t, m); !bytes.Equal(got, want) {
		t.Error("as a whole: the contents differ")
	}
	m.Sections[2].Rela[0].Type = elf.R_X86_64_8
	_, _, need = partial(t, m)
	for range 2 {
		if err := need(0, 1); err == nil {
			t.Error("a relocation that is not supported: no error")
		}
	}
}

func TestASectionThatIsNotRelocatedHasNoParts(t *testing.T) {
	m := manyRelocations()
	m.Type = elf.ET_EXEC
	_, data, need := partial(t, m)
	if need != nil || !bytes.Equal(data, m.Sections[2].Data) {
		t.Error("the contents differ")
	}
}

func TestWhereRelocationsPutAValueIsToldWithoutThem(t *testing.T) {
	f := open(t, manyRelocations().Bytes())
	contents, where, err := f.Relocations(".debug_info")
	if err != nil || where == nil {
		t.Fatal(err)
	}
	whole := wholeSection(t, manyRelocations())
	for _, off := range []uint64{2, 14, 4094, 5*4096 - 10} {
		value := binary.LittleEndian.Uint64(whole[off:])
		if got := slices.Collect(where(value)); off%12 == 2 && !slices.Equal(got, []uint64{off}) {
			t.Errorf("%#x stands at %v, want %d", value, got, off)
		}
	}
	if got := slices.Collect(where(12345)); got != nil {
		t.Errorf("a value that is nowhere stands at %v", got)
	}
	if bytes.Equal(contents, whole) || contents[14] != 0x11 && contents[14] != 0xa5 && contents[14] != 0x5a {
		t.Error("the contents are relocated")
	}
	plain := open(t, debugInfo([]byte("0123456789"), 0).Bytes())
	if contents, where, err := plain.Relocations(".debug_info"); err != nil || where != nil || string(contents) != "0123456789" {
		t.Errorf("without relocations: %q, %v", contents, err)
	}
}
