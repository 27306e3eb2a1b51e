package dwarfx

import (
	"slices"
	"testing"
)

func TestUnitsThatShareATableParseItTwiceAtMost(t *testing.T) {
	sec := tiny()
	h, err := ReadHeader(sec.Info, 0)
	if err != nil {
		t.Fatal(err)
	}
	var scratch AbbrevTable
	var opened, roots []*AbbrevTable
	for range 5 {
		u, err := OpenUnitIn(sec, h, &scratch)
		if err != nil || u.Name != "tiny.c" {
			t.Fatalf("%+v, %v", u, err)
		}
		opened = append(opened, u.Abbrevs)
		if u, err = OpenRoot(sec, h); err != nil || u.Name != "tiny.c" {
			t.Fatalf("%+v, %v", u, err)
		}
		roots = append(roots, u.Abbrevs)
	}
	for what, list := range map[string][]*AbbrevTable{"units": opened, "roots": roots} {
		if list[0] == list[1] || len(slices.Compact(list[1:])) != 1 {
			t.Errorf("%s: tables %p", what, list)
		}
	}
	if opened[0] != &scratch || opened[1].Get(3) == nil || roots[1].Get(3) != nil {
		t.Error("the wrong table is kept")
	}
}

func TestTablesThatOverlapAreRefused(t *testing.T) {
	// Each byte of the section starts a table that goes to its end.
	abbrev := append(slices.Repeat(cat(1, int(TagLexicalBlock), 0, 0, 0), 1000), 0)
	for what, section := range map[string][]byte{"tables": abbrev, "tables without end": abbrev[:len(abbrev)-1]} {
		var c tables
		errs := 0
		for off := range uint64(1000) {
			for range 3 {
				if _, err := c.whole(section, Header{AbbrevOff: 5 * off}, new(AbbrevTable)); err != nil {
					errs++
				}
			}
		}
		if c.parsed > (maxPasses+1)*len(section) || errs < 2900 {
			t.Errorf("%s: %d bytes of %d parsed, %d errors", what, c.parsed, len(section), errs)
		}
	}
}

func TestATableThatIsDamagedIsParsedTwiceAtMost(t *testing.T) {
	sec := tiny()
	section := sec.Abbrev[:len(sec.Abbrev)-1]
	var c tables
	for range 100 {
		if table, err := c.whole(section, Header{}, new(AbbrevTable)); err == nil || table != nil {
			t.Fatalf("%v, %v", table, err)
		}
	}
	if _, err := c.whole(section, Header{AbbrevOff: 1 << 40}, new(AbbrevTable)); err == nil {
		t.Error("a table outside of the section: no error")
	}
	if c.parsed <= 0 || c.parsed > 2*len(section) {
		t.Errorf("%d bytes of %d parsed", c.parsed, len(section))
	}
}
