package dwarfx

import "slices"

// AttrSpec is one attribute of an abbreviation.
type AttrSpec struct {
	Attr     Attr
	Form     Form
	Implicit int64
}

// Abbrev says what the entries of one abbreviation code look like.
type Abbrev struct {
	Tag      Tag
	Children bool
	Attrs    []AttrSpec
	Code     bool // has DW_AT_low_pc or DW_AT_ranges

	size    int // of all attributes when fixed, else -1
	sibling int // offset of a DW_AT_sibling of form ref4 when fixed, else -1
}

// AbbrevTable maps abbreviation codes to abbreviations.
type AbbrevTable struct {
	dense  []Abbrev // codes 1, 2, 3, ... as compilers number them
	sparse map[uint64]*Abbrev
	specs  []AttrSpec // of all abbreviations
}

// Get gives the abbreviation of a code, nil when there is none.
func (t *AbbrevTable) Get(code uint64) *Abbrev {
	if i := code - 1; i < uint64(len(t.dense)) {
		return &t.dense[i]
	}
	return t.sparse[code]
}

// usualAbbrevs is what a C file of a kernel has; to grow towards it by doubling
// touches twice the memory.
const usualAbbrevs = 128

// ParseAbbrevs decodes the table at an offset of .debug_abbrev.
func ParseAbbrevs(section []byte, off uint64, e Encoding) (*AbbrevTable, error) {
	t := &AbbrevTable{}
	if _, err := t.parse(section, off, e); err != nil {
		return nil, err
	}
	return t, nil
}

// parse replaces the contents of the table; it gives the length of what it read.
func (t *AbbrevTable) parse(section []byte, off uint64, e Encoding) (int, error) {
	b := NewBuf(".debug_abbrev", section, off)
	t.dense, t.specs = slices.Grow(t.dense[:0], usualAbbrevs), slices.Grow(t.specs[:0], 8*usualAbbrevs)
	clear(t.sparse)
	for code := b.Uleb(); code != 0; code = b.Uleb() {
		a := Abbrev{Tag: Tag(b.Uleb()), Children: b.U8() != 0}
		start := len(t.specs)
		t.specs = appendSpecs(t.specs, &b)
		a.Attrs = t.specs[start:len(t.specs):len(t.specs)]
		a.measure(e)
		t.add(code, a)
	}
	return b.readFrom(off), b.Err()
}

// parseOne decodes a single abbreviation of the table at an offset; the table it
// gives is empty when there is none of that code. It gives the length of what it
// read, too.
func parseOne(section []byte, off, want uint64, e Encoding) (*AbbrevTable, int, error) {
	b := NewBuf(".debug_abbrev", section, off)
	t := &AbbrevTable{}
	var scratch [32]AttrSpec
	for code := b.Uleb(); code != 0; code = b.Uleb() {
		a := Abbrev{Tag: Tag(b.Uleb()), Children: b.U8() != 0}
		specs := appendSpecs(scratch[:0], &b)
		if code == want {
			a.Attrs = slices.Clone(specs)
			a.measure(e)
			t.add(code, a)
			break
		}
	}
	return t, b.readFrom(off), b.Err()
}

func appendSpecs(specs []AttrSpec, b *Buf) []AttrSpec {
	for {
		s := AttrSpec{Attr: Attr(b.Uleb()), Form: Form(b.Uleb())}
		if s.Form == FormImplicitConst {
			s.Implicit = b.Sleb()
		}
		if s.Attr == 0 && s.Form == 0 {
			return specs
		}
		specs = append(specs, s)
	}
}

// add keeps the first abbreviation of a code.
func (t *AbbrevTable) add(code uint64, a Abbrev) {
	if code == uint64(len(t.dense))+1 {
		t.dense = append(t.dense, a)
		return
	}
	if t.Get(code) != nil {
		return
	}
	if t.sparse == nil {
		t.sparse = map[uint64]*Abbrev{}
	}
	t.sparse[code] = &a
}

// measure finds out what can be skipped without looking at it.
func (a *Abbrev) measure(e Encoding) {
	a.sibling = -1
	for _, s := range a.Attrs {
		if s.Attr == AttrLowPC || s.Attr == AttrRanges {
			a.Code = true
		}
	}
	for _, s := range a.Attrs {
		if s.Attr == AttrSibling && s.Form == FormRef4 {
			a.sibling = a.size
		}
		n := fixedSize(s.Form, e)
		if n < 0 {
			a.size = -1
			return
		}
		a.size += n
	}
}
