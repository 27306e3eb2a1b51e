package types

import (
	"ktrap/symbols/dwarfx"
)

// die is one debugging information entry with all its attributes.
type die struct {
	unit     *dwarfx.Unit
	off      uint64
	tag      dwarfx.Tag
	children bool
	attrs    []dieAttr
	kids     dwarfx.Buf // stands at the first child
}

// dieAttr is one attribute; block holds expressions and other blocks.
type dieAttr struct {
	attr  dwarfx.Attr
	val   dwarfx.Value
	block []byte
}

// die reads the entry at an offset of .debug_info.
func (d *dwarfData) die(off uint64) (die, bool) {
	u, ok := d.unitOf(off)
	if !ok {
		return die{}, false
	}
	b := u.Buf(off)
	return readDIE(u, &b)
}

// readDIE reads the entry at the cursor and leaves the cursor behind its
// attributes; false at the end of a list of children and on damage.
func readDIE(u *dwarfx.Unit, b *dwarfx.Buf) (die, bool) {
	e := die{unit: u, off: uint64(b.Off())}
	a := u.Next(b)
	if a == nil || b.Err() != nil || len(a.Attrs) > maxAttrs {
		return die{}, false
	}
	e.tag, e.children = a.Tag, a.Children
	e.attrs = make([]dieAttr, len(a.Attrs))
	for n, s := range a.Attrs {
		e.attrs[n] = readAttr(b, s, u.Encoding)
	}
	e.kids = *b
	return e, b.Err() == nil
}

func readAttr(b *dwarfx.Buf, s dwarfx.AttrSpec, enc dwarfx.Encoding) dieAttr {
	a := dieAttr{attr: s.Attr, val: dwarfx.Value{Form: s.Form}}
	switch s.Form {
	case dwarfx.FormExprloc, dwarfx.FormBlock:
		a.block = b.Bytes(b.Uleb())
	case dwarfx.FormBlock1:
		a.block = b.Bytes(uint64(b.U8()))
	case dwarfx.FormBlock2:
		a.block = b.Bytes(uint64(b.U16()))
	case dwarfx.FormBlock4:
		a.block = b.Bytes(uint64(b.U32()))
	default:
		a.val = b.Value(s, enc)
	}
	return a
}

// get finds an attribute.
func (e *die) get(attr dwarfx.Attr) (dieAttr, bool) {
	for _, a := range e.attrs {
		if a.attr == attr {
			return a, true
		}
	}
	return dieAttr{}, false
}

func (e *die) has(attr dwarfx.Attr) bool {
	a, ok := e.get(attr)
	return ok && (a.val.Form != dwarfx.FormFlag || a.val.U != 0)
}

// number gives an integer attribute. Fixed-size forms are taken as unsigned.
func (e *die) number(attr dwarfx.Attr) (int64, bool) {
	a, ok := e.get(attr)
	return int64(a.val.U), ok && a.block == nil
}

// name is the entry's own name.
func (e *die) name() string {
	a, _ := e.get(dwarfx.AttrName)
	return e.unit.String(a.val)
}

// ref follows a reference attribute to an offset of .debug_info.
func (e *die) ref(attr dwarfx.Attr) (uint64, bool) {
	a, ok := e.get(attr)
	if !ok {
		return 0, false
	}
	return e.unit.Ref(a.val)
}

// eachChild calls f for the direct children until f returns false.
func (e *die) eachChild(f func(c die) bool) {
	if !e.children {
		return
	}
	b := e.kids
	for b.Len() > 0 {
		c, ok := readDIE(e.unit, &b)
		if !ok || !f(c) {
			return
		}
		skipRest(e.unit, &b, &c)
	}
}

// skipRest moves a cursor that stands behind an entry's attributes behind its
// children, by DW_AT_sibling if that points forward.
func skipRest(u *dwarfx.Unit, b *dwarfx.Buf, e *die) {
	if !e.children {
		return
	}
	if next, ok := e.ref(dwarfx.AttrSibling); ok && next > uint64(b.Off()) && next < u.End {
		b.Seek(next)
		return
	}
	u.SkipChildren(b)
}

// origin follows DW_AT_specification and DW_AT_abstract_origin: definitions
// leave out what their declaration said.
func (d *dwarfData) origin(e die) (die, bool) {
	off, ok := e.ref(dwarfx.AttrSpecification)
	if !ok {
		if off, ok = e.ref(dwarfx.AttrAbstractOrigin); !ok {
			return die{}, false
		}
	}
	return d.die(off)
}

// inherited finds an attribute of an entry or of what it refers to.
func (d *dwarfData) inherited(e die, attr dwarfx.Attr) (die, bool) {
	for range maxRefs {
		if e.has(attr) {
			return e, true
		}
		var ok bool
		if e, ok = d.origin(e); !ok {
			return die{}, false
		}
	}
	return die{}, false
}

// nameOf gives an entry's name, its declaration's if it has none.
func (d *dwarfData) nameOf(e die) string {
	if e, ok := d.inherited(e, dwarfx.AttrName); ok {
		return e.name()
	}
	return ""
}
