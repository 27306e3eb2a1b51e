package lines_test

import (
	"os"
	"strings"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/lines"
	"ktrap/symbols/symtest"
)

func anyFile(lines.Place) bool { return true }

// lineOf gives the number of the first line of testdata/inline.c with a text.
func lineOf(t *testing.T, text string) int {
	t.Helper()
	data, err := os.ReadFile("testdata/inline.c")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		if strings.Contains(line, text) {
			return n
		}
	}
	t.Fatalf("no line with %q", text)
	return 0
}

func TestABreakpointPlaceIsAStatementStartOfItsLine(t *testing.T) {
	for _, flags := range []string{"-gdwarf-4 -O0", "-gdwarf-5 -O0"} {
		info := lines.New(openFile(t, compile(t, "gcc", flags)), nil)
		found := 0
		for line := 1; line <= 60; line++ {
			places, err := info.Addresses("inline.c", line, anyFile)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range places {
				row, ok, err := info.RowAt(a)
				if !ok || err != nil || row.Low > a || row.High <= a {
					t.Fatalf("%s line %d: row %+v %v %v around %v", flags, line, row, ok, err, a)
				}
				if row.Line == line && row.Stmt {
					found++
				}
			}
		}
		if found < 15 {
			t.Errorf("%s: %d places found at their own line", flags, found)
		}
	}
}

func TestALineInAnInlinedFunctionHasOnePlacePerCopy(t *testing.T) {
	info := lines.New(openFile(t, compile(t, "gcc", "-gdwarf-5")), nil)
	list, err := info.Addresses("inline.c", lineOf(t, "for (i = 0"), anyFile)
	if err != nil {
		t.Fatal(err)
	}
	// twice() is inlined twice in outer, once in elsewhere, once in main or not
	// at all where main inlines outer too.
	if len(list) < 4 {
		t.Errorf("places %v", list)
	}
	blocks := map[string]bool{}
	for _, a := range list {
		frames, err := info.Lookup(a)
		if err != nil || len(frames) < 2 || frames[0].Func != "twice" {
			t.Errorf("%v: %+v, %v", a, frames, err)
		}
		for _, f := range frames[1:] {
			blocks[f.Func] = true
		}
	}
	if !blocks["outer"] || !blocks["elsewhere"] {
		t.Errorf("copies in %v", blocks)
	}
}

func TestALineWithoutCodeGivesTheNextOneThatHasSome(t *testing.T) {
	info := lines.New(openFile(t, compile(t, "gcc", "-gdwarf-5 -O0")), nil)
	decl := lineOf(t, "int outer(") // gcc's first row is that of the brace below
	list, err := info.Addresses("inline.c", decl, anyFile)
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	if row, _, err := info.RowAt(list[0]); err != nil || row.Line != decl+1 {
		t.Errorf("line %d, %v", row.Line, err)
	}
	if list, err := info.Addresses("inline.c", 10_000, anyFile); err != nil || list != nil {
		t.Errorf("after the end of the file: %v, %v", list, err)
	}
	if list, err := info.Addresses("other.c", decl, anyFile); err != nil || list != nil {
		t.Errorf("of another file: %v, %v", list, err)
	}
}

func TestRowsCoverRealFunctionsWithoutGapsOrOverlaps(t *testing.T) {
	f := openFile(t, symtest.Vmlinux(t))
	info := lines.New(f, nil)
	checked := 0
	for _, pc := range sample(t, f, 500) {
		row, ok, err := info.RowAt(addr.LinkAddr(pc))
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			continue
		}
		checked++
		next, ok, err := info.RowAt(row.High)
		if err != nil {
			t.Fatal(err)
		}
		if row.Low > addr.LinkAddr(pc) || row.High <= addr.LinkAddr(pc) || ok && next.Low != row.High {
			t.Errorf("%#x: row %v-%v, next from %v", pc, row.Low, row.High, next.Low)
		}
	}
	if checked < 400 {
		t.Errorf("only %d of 500 addresses have a line", checked)
	}
}

func BenchmarkLookup(b *testing.B) {
	f := openFile(b, symtest.Vmlinux(b))
	pcs := sample(b, f, 1000)
	b.Run("cold", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			info := lines.New(f, nil)
			if _, err := info.Lookup(addr.LinkAddr(pcs[i%len(pcs)])); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("known-unit", func(b *testing.B) {
		info := lines.New(f, nil)
		for b.Loop() {
			if _, err := info.Lookup(addr.LinkAddr(pcs[0])); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("1000", func(b *testing.B) {
		for b.Loop() {
			info := lines.New(f, nil)
			for _, pc := range pcs {
				if _, err := info.Lookup(addr.LinkAddr(pc)); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

func BenchmarkAddresses(b *testing.B) {
	f := openFile(b, symtest.Vmlinux(b))
	match := func(p lines.Place) bool { return strings.HasSuffix(p.Path, "fs/read_write.c") }
	for b.Loop() {
		if list, err := lines.New(f, nil).Addresses("fs/read_write.c", 570, match); err != nil || len(list) == 0 {
			b.Fatal(list, err)
		}
	}
}
