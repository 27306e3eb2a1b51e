package dwarfx

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"ktrap/symbols/elffile"
	"ktrap/symbols/symtest"
)

// shared is a source whose units refer to those of a supplementary file.
type shared struct {
	Source
	file *elffile.File
	err  error
}

func (s shared) Supplement() (*elffile.File, error) { return s.file, s.err }

// unit4 is a DWARF 4 unit with the body given.
func unit4(body []byte) []byte {
	header := cat("\x04\x00", "\x00\x00\x00\x00", 8)
	return slices.Concat(binary.LittleEndian.AppendUint32(nil, uint32(len(header)+len(body))), header, body)
}

// movedAway is a unit whose root has its name, and a function its origin, in a
// supplementary file; there the function is in the second unit, with a reference
// to the name of the one in the first.
func movedAway(t *testing.T) shared {
	t.Helper()
	common := symtest.ELF{Sections: []symtest.Section{
		{Name: ".debug_info", Data: slices.Concat(
			unit4(cat(1, 2, "\x02\x00\x00\x00", 0)), // the function at 0x0c
			unit4(cat(1, 3, "\x0c\x00\x00\x00", 0)), // at 0x1e
		)},
		{Name: ".debug_abbrev", Data: cat(
			1, int(TagPartialUnit), 1, 0, 0,
			2, int(TagSubprogram), 0, int(AttrName), int(FormStrp), 0, 0,
			3, int(TagSubprogram), 0, int(AttrSpecification), int(FormRefAddr), 0, 0,
			0)},
		{Name: ".debug_str", Data: cat("a\x00shared\x00")},
	}}.Bytes()
	file, err := elffile.New("common", common)
	if err != nil {
		t.Fatal(err)
	}
	own := map[string][]byte{
		".debug_info": unit4(cat(1, "\x00\x00\x00\x00", 2, "\x1e\x00\x00\x00", "\x00\x00\x00\x00", 0)),
		".debug_abbrev": cat(
			1, int(TagCompileUnit), 1, int(AttrName), uleb(FormGNUStrpAlt), 0, 0,
			2, int(TagSubprogram), 0, int(AttrAbstractOrigin), uleb(FormGNURefAlt), int(AttrLinkageName), int(FormStrp), 0, 0,
			0),
		".debug_str": cat("own\x00"),
	}
	return shared{Source: &partly{sections: own}, file: file}
}

func uleb(f Form) string { return string(binary.AppendUvarint(nil, uint64(f))) }

func TestReferencesIntoASupplementaryFileAreFollowed(t *testing.T) {
	var sec Sections
	if err := sec.Load(movedAway(t)); err != nil {
		t.Fatal(err)
	}
	h, err := sec.Header(0)
	if err != nil {
		t.Fatal(err)
	}
	u, err := OpenUnit(&sec, h)
	if err != nil || u.Name != "a" {
		t.Fatalf("%+v, %v", u, err)
	}
	function := func(u *Unit, off uint64) (e Entry) {
		b := u.Buf(off)
		if a := u.Next(&b); a != nil {
			u.Read(&b, a, &e)
		}
		return e
	}
	e := function(u, h.First+5)
	if got := u.String(e.Linkage); got != "own" {
		t.Errorf("a string of the file itself: %q", got)
	}
	// From the file into the second unit of the other, from there into the first.
	own := h.End
	for _, to := range []struct{ unit, entry uint64 }{{0x12, 0x1e}, {0, 0x0c}} {
		off, ok := u.Ref(e.Origin)
		if !ok || off != own+to.entry {
			t.Fatalf("reference to %#x, %v, want %#x", off, ok, own+to.entry)
		}
		if h, err = sec.Header(own + to.unit); err != nil {
			t.Fatal(err)
		}
		if u, err = OpenUnit(&sec, h); err != nil {
			t.Fatal(err)
		}
		e = function(u, off)
	}
	if got := u.String(e.Name); got != "shared" {
		t.Errorf("a string of the other file: %q", got)
	}
}

func TestWithoutItsSupplementaryFileNothingIsLoaded(t *testing.T) {
	src := movedAway(t)
	src.file, src.err = nil, elffile.ErrNoSupplement
	if err := new(Sections).Load(src); !errors.Is(err, elffile.ErrNoSupplement) {
		t.Errorf("%v", err)
	}
	src.err = nil
	var sec Sections
	if err := sec.Load(src); err != nil || len(sec.Info) != len(src.Source.(*partly).sections[".debug_info"]) {
		t.Errorf("a file that has none: %v", err)
	}
}
