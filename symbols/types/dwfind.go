package types

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"iter"
	"slices"

	"ktrap/symbols/dwarfx"
)

// query is a search for entries.
type query struct {
	name string
	tags []dwarfx.Tag
	keep func(e *die) bool // nil keeps all

	work  int          // what may still be done, in bytes looked at; 0 at first: maxSearch
	unit  *dwarfx.Unit // whose leads are known
	leads []lead
}

// lead is what may stand in front of a name: the code of an abbreviation, and
// after it a number of bytes from low to high.
type lead struct {
	code      []byte
	low, high int
}

// named yields the entries that have one of the tags and the name. The name's
// offset in .debug_str is searched in .debug_info as four bytes; compilers put
// names too short for that to pay directly into the entry. Where that does not
// work, because names are indexes (clang) or the name is the tail of too many
// others ("page"), the units are walked: slow only for names that are rare.
func (d *dwarfData) named(q *query) iter.Seq[die] {
	return func(yield func(die) bool) {
		if q.name == "" {
			return
		}
		inline := append([]byte(q.name), 0)
		offs, whole := stringOffsets(d.sec.Str, q.name)
		if d.indexedNames() || len(offs) > maxEqualStrings || !whole && len(offs) > maxTails {
			d.walkNamed(q, yield)
			return
		}
		q.work = cmp.Or(q.work, maxSearch)
		places := []iter.Seq[uint64]{occurrences(d.plain, inline)}
		for _, off := range offs {
			places = append(places, d.values(uint64(d.sec.StrpValue(off)), 4))
		}
		for _, list := range places {
			for at := range list {
				e, ok := d.entryNamedAt(at, q)
				if ok && !yield(e) || q.work <= 0 {
					return
				}
			}
		}
	}
}

// stringOffsets gives the places of a string in .debug_str: those where it
// stands on its own, else those where it is the tail of another string, which
// linkers share. ld -r shares nothing, so even the former may be many.
func stringOffsets(str []byte, name string) (offs []uint32, whole bool) {
	var tails []uint32
	for at := range occurrences(str, append([]byte(name), 0)) {
		switch {
		case at == 0 || str[at-1] == 0:
			if offs = append(offs, uint32(at)); len(offs) > maxEqualStrings {
				return offs, true
			}
		case len(tails) <= maxTails:
			tails = append(tails, uint32(at))
		}
	}
	if len(offs) > 0 {
		return offs, true
	}
	return tails, false
}

// occurrences yields the offsets of a pattern.
func occurrences(data, pattern []byte) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for at := 0; ; at++ {
			n := bytes.Index(data[at:], pattern)
			if n < 0 {
				return
			}
			if at += n; !yield(uint64(at)) {
				return
			}
		}
	}
}

// entryNamedAt gives the entry whose DW_AT_name lies at an offset, if it is
// what the query asks for. Most hits are other data: an abbreviation that fits
// what stands in front rules them out fast, a walk through the unit the rest.
func (d *dwarfData) entryNamedAt(at uint64, q *query) (die, bool) {
	q.work--
	u, ok := d.unitOf(at)
	if !ok {
		return die{}, false
	}
	for _, l := range q.leadsIn(u) {
		for n := l.low; n <= l.high; n++ {
			q.work--
			if e, ok := d.entryWithLead(u, int(at)-n, l.code, q); ok {
				return e, true
			}
		}
	}
	return die{}, false
}

// leadsIn gives the leads of the unit's abbreviations that have one of the tags.
func (q *query) leadsIn(u *dwarfx.Unit) []lead {
	if q.unit == u {
		return q.leads
	}
	q.unit, q.leads = u, q.leads[:0]
	for code := uint64(1); ; code++ {
		a := u.Abbrevs.Get(code)
		if a == nil {
			return q.leads
		}
		q.work--
		if !slices.Contains(q.tags, a.Tag) {
			continue
		}
		if low, high, ok := nameLead(u, a); ok {
			q.leads = append(q.leads, lead{binary.AppendUvarint(nil, code), low, high})
		}
	}
}

// entryWithLead gives the entry whose abbreviation code ends at an offset, if it
// is what the query asks for.
func (d *dwarfData) entryWithLead(u *dwarfx.Unit, end int, code []byte, q *query) (die, bool) {
	start := end - len(code)
	if start < int(u.First) || !bytes.Equal(d.sec.Info[start:end], code) {
		return die{}, false
	}
	b := u.Buf(uint64(start))
	e, ok := readDIE(u, &b)
	q.work -= max(b.Off()-start, maxAttrs)
	if !ok || q.keep != nil && !q.keep(&e) || e.name() != q.name {
		return die{}, false
	}
	q.work -= start - int(u.First)
	real, ok := d.entryAt(u, e.off)
	return e, ok && real.off == e.off
}

// nameLead gives the least and the greatest number of bytes between an entry's
// abbreviation code and its name; false if it has none or that varies too much.
// dwz writes references of varying length, and clang has them in front of names.
func nameLead(u *dwarfx.Unit, a *dwarfx.Abbrev) (low, high int, ok bool) {
	const maxUleb = 5 // of an offset in a unit
	for _, s := range a.Attrs {
		if s.Attr == dwarfx.AttrName {
			switch s.Form {
			case dwarfx.FormStrp, dwarfx.FormString, dwarfx.FormStrpSup, dwarfx.FormGNUStrpAlt:
				return low, high, high-low <= 2*maxUleb
			}
			return 0, 0, false
		}
		if s.Form == dwarfx.FormRefUdata {
			low, high = low+1, high+maxUleb
			continue
		}
		n := formSize(s.Form, u.Encoding)
		if n < 0 {
			return 0, 0, false
		}
		low, high = low+n, high+n
	}
	return 0, 0, false
}

// formSize measures a form on a run of zeros, which suits fixed sizes only.
func formSize(f dwarfx.Form, enc dwarfx.Encoding) int {
	switch f {
	case dwarfx.FormUdata, dwarfx.FormSdata, dwarfx.FormRefUdata, dwarfx.FormString, dwarfx.FormExprloc,
		dwarfx.FormBlock, dwarfx.FormBlock1, dwarfx.FormBlock2, dwarfx.FormBlock4, dwarfx.FormIndirect:
		return -1
	}
	b := dwarfx.NewBuf("", zeros[:], 0)
	b.SkipForm(f, enc)
	if b.Err() != nil {
		return -1
	}
	return b.Off()
}

var zeros [16]byte

// entryAt gives the entry whose code or attributes cover an offset, found by
// walking down from the unit's root.
func (d *dwarfData) entryAt(u *dwarfx.Unit, off uint64) (die, bool) {
	b := u.Buf(u.First)
	for b.Len() > 0 {
		start := uint64(b.Off())
		if start > off {
			return die{}, false
		}
		a := u.Next(&b)
		if a == nil {
			continue // the end of a list of children
		}
		body := b
		u.SkipAttrs(&body, a)
		if off < uint64(body.Off()) {
			b.Seek(start)
			return readDIE(u, &b)
		}
		u.SkipEntry(&b, a)
		if off < uint64(b.Off()) {
			b = body // within: descend
		}
	}
	return die{}, false
}

// indexedNames reports whether names are indexes into .debug_str_offsets.
func (d *dwarfData) indexedNames() bool { return len(d.sec.StrOffsets) > 0 }

// walkNamed yields entries by looking at every entry outside of functions.
func (d *dwarfData) walkNamed(q *query, yield func(die) bool) {
	for n := 0; n < len(d.heads) || d.nextHead(); n++ {
		u, ok := d.open(d.heads[n])
		if !ok {
			continue
		}
		b := u.Buf(u.First)
		root, ok := readDIE(u, &b)
		if ok && root.children && !d.walkUnit(u, b, q, yield) {
			return
		}
	}
}

// walkUnit yields the entries of one unit; false when yield had enough. It goes
// into everything but functions: C's inner structs and enumerators are known in
// the whole file.
func (d *dwarfData) walkUnit(u *dwarfx.Unit, b dwarfx.Buf, q *query, yield func(die) bool) bool {
	name := append([]byte(q.name), 0)
	for depth := 0; b.Len() > 0; {
		start := uint64(b.Off())
		a := u.Next(&b)
		if a == nil {
			if depth--; depth < 0 {
				return true
			}
			continue
		}
		if slices.Contains(q.tags, a.Tag) && d.isNamed(u, b, a, name) {
			at := u.Buf(start)
			e, ok := readDIE(u, &at)
			if ok && (q.keep == nil || q.keep(&e)) && !yield(e) {
				return false
			}
		}
		switch {
		case a.Tag == tagSubprogram:
			u.SkipEntry(&b, a)
		case a.Children:
			depth++
			fallthrough
		default:
			u.SkipAttrs(&b, a)
		}
	}
	return true
}

// isNamed compares the name of the entry at a cursor, without copying it.
func (d *dwarfData) isNamed(u *dwarfx.Unit, b dwarfx.Buf, a *dwarfx.Abbrev, name []byte) bool {
	for _, s := range a.Attrs {
		if s.Attr != dwarfx.AttrName {
			b.SkipForm(s.Form, u.Encoding)
			continue
		}
		v := b.Value(s, u.Encoding)
		if v.Form == dwarfx.FormStrp && v.U < uint64(len(d.sec.Str)) {
			return bytes.HasPrefix(d.sec.Str[v.U:], name)
		}
		return u.String(v) == string(name[:len(name)-1])
	}
	return false
}
