package types

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"ktrap/symbols/dwarfx"
)

// sectionsOf serves sections of a map.
type sectionsOf map[string][]byte

func (s sectionsOf) Section(name string) ([]byte, error) {
	if data, ok := s[name]; ok {
		return data, nil
	}
	return nil, errors.New("no section " + name)
}

// fullOfNames is a unit in which a struct's name may stand in front of everything:
// many abbreviations have it at many places, and the body has nothing else.
func fullOfNames(size int) sectionsOf {
	abbrev := []byte{1, byte(dwarfx.TagCompileUnit), 1, 0, 0}
	for code := uint64(2); code < 2000; code++ {
		abbrev = append(binary.AppendUvarint(abbrev, code), byte(tagStruct), 0)
		for range code % 40 {
			abbrev = append(abbrev, byte(attrDeclaration), byte(dwarfx.FormRefUdata))
		}
		abbrev = append(abbrev, byte(dwarfx.AttrName), byte(dwarfx.FormStrp), 0, 0)
	}
	body := append([]byte{1}, bytes.Repeat([]byte("\x05\x00\x00\x00"), size/4)...)
	head := []byte{5, 0, dwarfx.UnitCompile, 8, 0, 0, 0, 0}
	info := binary.LittleEndian.AppendUint32(nil, uint32(len(head)+len(body)))
	return sectionsOf{
		".debug_info": append(append(info, head...), body...), ".debug_abbrev": append(abbrev, 0),
		".debug_str": []byte("none\x00name\x00"),
	}
}

func TestASearchForANameHasAnEnd(t *testing.T) {
	d, err := loadDWARF(fullOfNames(1 << 12))
	if err != nil {
		t.Fatal(err)
	}
	for _, limit := range []int{1, 1000, 100_000} {
		q := &query{name: "name", tags: []dwarfx.Tag{tagStruct}, work: limit}
		for e := range d.named(q) {
			t.Errorf("found %+v", e)
		}
		if q.work > 0 || q.work < -1<<13 {
			t.Errorf("of %d %d is left", limit, q.work)
		}
	}
}
