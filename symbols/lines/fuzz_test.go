package lines

import (
	"os"
	"slices"
	"strings"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/dwarfx"
	"ktrap/symbols/elffile"
	"ktrap/symbols/index"
)

// sections serves sections held in memory.
type sections map[string][]byte

func (s sections) Section(name string) ([]byte, error) {
	if data, ok := s[name]; ok {
		return data, nil
	}
	return nil, elffile.ErrNoSection
}

func (s sections) Sections() []elffile.Section { return nil }
func (s sections) BuildID() string             { return "" }

// program is a v3 line program with two sequences, the second at lower addresses.
func program() []byte {
	tables := "\x01\x01\xfb\x0e\x0d\x00\x01\x01\x01\x01\x00\x00\x00\x01\x00\x00\x01" + "include\x00\x00" + "a.c\x00\x00\x00\x00" + "b.h\x00\x01\x00\x00\x00"
	address := func(a byte) string { return "\x00\x09\x02" + string([]byte{a}) + "\x10\x00\x00\x00\x00\x00\x00" }
	body := address(0x80) + "\x03\x09\x01" + "\x02\x04" + "\x04\x02\x03\x0a\x01" + "\x02\x08\x00\x01\x01" +
		address(0x10) + "\x03\x04\x01" + "\x02\x04\x03\x7b\x01" + "\x02\x04\x00\x01\x01"
	head := "\x03\x00" + string([]byte{byte(len(tables))}) + "\x00\x00\x00" + tables
	return []byte(string([]byte{byte(len(head) + len(body))}) + "\x00\x00\x00" + head + body)
}

func tableOf(line []byte) (*table, error) {
	u := &dwarfx.Unit{Sec: &dwarfx.Sections{Line: line}, HasLines: true}
	u.Version, u.AddrSize = 3, 8
	return readTable(u, nil)
}

func TestSequencesAreFoundThoughNotInAddressOrder(t *testing.T) {
	tb, err := tableOf(program())
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		pc   uint64
		line uint32 // 0: not covered
		path string
	}{
		{0x1080, 10, "/b/a.c"}, {0x1083, 10, "/b/a.c"}, {0x1084, 20, "/b/include/b.h"}, {0x108b, 20, "/b/include/b.h"}, {0x108c, 0, ""},
		{0x1010, 5, "/b/a.c"}, {0x100f, 0, ""}, {0x1018, 0, ""},
		{0x1014, 0, "/b/a.c"}, // line 0: code that belongs to no line
	}
	for _, tt := range tests {
		s, n := tb.find(tt.pc)
		if s == nil {
			if tt.path != "" {
				t.Errorf("%#x: not found", tt.pc)
			}
			continue
		}
		r := s.rows[n]
		if got := tb.path(uint64(r.file), "/b"); r.line != tt.line || got != tt.path {
			t.Errorf("%#x: %s:%d, want %s:%d", tt.pc, got, r.line, tt.path, tt.line)
		}
	}
}

// FuzzLineProgram runs damaged line programs: rows stay within their sequence
// and in order, and are no more than the bytes allow.
func FuzzLineProgram(f *testing.F) {
	f.Add(program())
	f.Fuzz(func(t *testing.T, line []byte) {
		tb, _ := tableOf(line)
		rows := 0
		for _, s := range tb.seqs {
			rows += len(s.rows)
			last := s.Low
			for _, r := range s.rows {
				if r.addr < last || r.addr > s.High {
					t.Fatalf("row at %#x after %#x in %x", r.addr, last, s.Range)
				}
				last = r.addr
				tb.path(uint64(r.file), "/b")
			}
			if found, n := tb.find(s.Low); found == nil || n < 0 {
				t.Fatalf("start %#x of a sequence is not found", s.Low)
			}
		}
		if rows > len(line) {
			t.Fatalf("%d rows of %d bytes", rows, len(line))
		}
	})
}

// FuzzLookup asks damaged debug information for addresses and lines: no panic
// (one would show as "damaged file"), no endless loop.
func FuzzLookup(f *testing.F) {
	names := []string{".debug_info", ".debug_abbrev", ".debug_line", ".debug_str", ".debug_aranges", ".debug_rnglists"}
	if seed, err := os.ReadFile("testdata/tiny.elf"); err == nil {
		file, err := elffile.New("tiny.elf", seed)
		if err != nil {
			f.Fatal(err)
		}
		var s [6][]byte
		for i, n := range names {
			s[i], _ = file.Section(n) // absent in some flavours
		}
		f.Add(s[0], s[1], s[2], s[3], s[4], s[5], uint64(0x401000))
	}
	f.Fuzz(func(t *testing.T, info, abbrev, line, str, aranges, rnglists []byte, pc uint64) {
		i := New(sections{names[0]: info, names[1]: abbrev, names[2]: line, names[3]: str, ".debug_line_str": str, names[4]: aranges, names[5]: rnglists}, nil)
		_, err := i.Lookup(addr.LinkAddr(pc))
		checkNoPanic(t, err)
		for _, s := range slices.Concat(i.spans, i.rest) {
			_, err := i.Lookup(addr.LinkAddr(s.Low))
			checkNoPanic(t, err)
			_, _, err = i.RowAt(addr.LinkAddr(s.High - 1))
			checkNoPanic(t, err)
		}
		compareIndex(t, i)
		_, err = i.Addresses("inline.c", 1, func(Place) bool { return true })
		checkNoPanic(t, err)
	})
}

// compareIndex checks that an index, if one can be made, answers as lookup does.
func compareIndex(t *testing.T, i *Info) {
	t.Helper()
	data, err := i.build(t.Context(), index.Identity{})
	checkNoPanic(t, err)
	if err != nil {
		return
	}
	x, err := index.Read(data, index.Identity{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range slices.Concat(i.spans, i.rest) {
		for n, pc := 0, s.Low; pc < s.High && n < 64; n, pc = n+1, pc+1+(s.High-s.Low)/64 {
			sameAnswer(t, i, x, pc)
		}
		sameAnswer(t, i, x, s.High)
	}
}

func checkNoPanic(t *testing.T, err error) {
	t.Helper()
	if err != nil && strings.Contains(err.Error(), "damaged file: ") {
		t.Fatalf("panic: %v", err)
	}
}
