package dwarfx

import (
	"encoding/binary"
	"strings"
	"testing"
)

// tiny is a DWARF 5 unit: a root with a name by string index, a subprogram with
// a child, and a second subprogram.
func tiny() *Sections {
	abbrev := cat(
		1, int(TagCompileUnit), 1, int(AttrName), int(FormStrx1), int(AttrStrOffsetsBase), int(FormSecOffset), 0, 0,
		2, int(TagSubprogram), 1, int(AttrSibling), int(FormRef4), int(AttrName), int(FormString), 0, 0,
		3, int(TagLexicalBlock), 0, 0, 0,
		0)
	body := cat(
		1, 0, "\x08\x00\x00\x00",
		2, "\x1b\x00\x00\x00", "f\x00", 3, 0, // sibling at 0x1b
		2, "\x00\x00\x00\x00", "g\x00", 3, 0, // a reference backwards is not followed
		0)
	header := cat("\x05\x00", UnitCompile, 8, "\x00\x00\x00\x00")
	info := binary.LittleEndian.AppendUint32(nil, uint32(len(header)+len(body)))
	return &Sections{
		Info: append(append(info, header...), body...), Abbrev: abbrev,
		StrOffsets: cat("\x00\x00\x00\x00\x05\x00\x00\x00", "\x04\x00\x00\x00"), Str: []byte("xxx\x00tiny.c\x00"),
	}
}

func TestAUnitIsOpenedAndItsEntriesWalked(t *testing.T) {
	sec := tiny()
	h, err := ReadHeader(sec.Info, 0)
	if err != nil || h.End != uint64(len(sec.Info)) {
		t.Fatalf("%+v, %v", h, err)
	}
	u, err := OpenUnit(sec, h)
	if err != nil || u.Name != "tiny.c" {
		t.Fatalf("%+v, %v", u, err)
	}
	b := u.Buf(h.First)
	u.SkipAttrs(&b, u.Next(&b))
	var names strings.Builder
	for a := u.Next(&b); a != nil; a = u.Next(&b) {
		start := b
		var e Entry
		u.Read(&b, a, &e)
		names.WriteString(u.String(e.Name))
		u.SkipEntry(&start, a)
		b = start
	}
	if names.String() != "fg" || b.Err() != nil {
		t.Errorf("walked %q, %v", names.String(), b.Err())
	}
}

func TestARootIsReadWithoutTheWholeAbbreviationTable(t *testing.T) {
	sec := tiny()
	h, err := ReadHeader(sec.Info, 0)
	if err != nil {
		t.Fatal(err)
	}
	u, err := OpenRoot(sec, h)
	if err != nil || u.Name != "tiny.c" || u.Abbrevs.Get(2) != nil {
		t.Errorf("%+v, %v", u, err)
	}
}

func TestDamagedUnitsAreErrors(t *testing.T) {
	damage := map[string]func(*Sections){
		"cut off":                 func(s *Sections) { s.Info = s.Info[:len(s.Info)-1] },
		"version 6":               func(s *Sections) { s.Info[4] = 6 },
		"3-byte addresses":        func(s *Sections) { s.Info[7] = 3 },
		"abbreviations elsewhere": func(s *Sections) { s.Info[8] = 0xff },
		"no abbreviation table":   func(s *Sections) { s.Abbrev = nil },
		"table without end":       func(s *Sections) { s.Abbrev = s.Abbrev[:len(s.Abbrev)-1] },
		"root code not defined":   func(s *Sections) { s.Info[12] = 9 },
	}
	for name, f := range damage {
		sec := tiny()
		f(sec)
		h, err := ReadHeader(sec.Info, 0)
		if err == nil {
			_, err = OpenUnit(sec, h)
		}
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// FuzzUnit walks the entries of a damaged unit: it must come to an end without a
// panic, having looked at no more entries than there are bytes.
func FuzzUnit(f *testing.F) {
	sec := tiny()
	f.Add(sec.Info, sec.Abbrev, sec.StrOffsets, sec.Str)
	f.Fuzz(func(t *testing.T, info, abbrev, offsets, str []byte) {
		sec := &Sections{Info: info, Abbrev: abbrev, StrOffsets: offsets, Str: str, LineStr: str, Addr: offsets, Ranges: offsets, Rnglists: offsets}
		h, err := ReadHeader(info, 0)
		if err != nil {
			return
		}
		u, err := OpenUnit(sec, h)
		if (err == nil) != (u != nil) {
			t.Fatalf("unit %v with error %v", u, err)
		}
		if err != nil {
			return
		}
		b := u.Buf(h.First)
		var e Entry
		for n := 0; b.Len() > 0; n++ {
			if n > len(info) {
				t.Fatal("walk without end")
			}
			a := u.Next(&b)
			if a == nil {
				continue
			}
			start := b
			u.SkipEntry(&start, a)
			u.Read(&b, a, &e)
			u.String(e.Name)
			if off, ok := u.Ref(e.Origin); ok && off >= uint64(len(info)) {
				t.Fatalf("reference to %#x, outside of the section", off)
			}
		}
	})
}

// FuzzAbbrevs parses abbreviation tables: no panic, and an error means no table.
func FuzzAbbrevs(f *testing.F) {
	f.Add(tiny().Abbrev)
	f.Add(cat(1, 0x11, 0, 3, int(FormImplicitConst), 5, 0, 0, 0))
	f.Fuzz(func(t *testing.T, data []byte) {
		table, err := ParseAbbrevs(data, 0, Encoding{Version: 5, AddrSize: 8})
		if (err == nil) != (table != nil) {
			t.Fatalf("table %v with error %v", table, err)
		}
	})
}
