package dwarfx

// Entry is what ktrap wants to know of a debugging information entry that
// stands for code.
type Entry struct {
	Off      uint64
	Tag      Tag
	Children bool
	PC       PCAttrs
	Name     Value
	Linkage  Value
	Origin   Value // DW_AT_abstract_origin or DW_AT_specification
	CallFile uint64
	CallLine uint64
	CallCol  uint64
}

// Next reads the abbreviation of the entry at the cursor; nil ends a list of
// children, or the unit when the cursor has an error or is at its end.
func (u *Unit) Next(b *Buf) *Abbrev {
	code := b.Uleb()
	if code == 0 {
		return nil
	}
	a := u.Abbrevs.Get(code)
	if a == nil {
		b.Fail("abbreviation %d is not defined", code)
	}
	return a
}

// Read decodes the attributes at the cursor into e.
func (u *Unit) Read(b *Buf, a *Abbrev, e *Entry) {
	*e = Entry{Tag: a.Tag, Children: a.Children}
	for _, s := range a.Attrs {
		switch s.Attr {
		case AttrName:
			e.Name = b.Value(s, u.Encoding)
		case AttrLinkageName, AttrMIPSLinkageName:
			e.Linkage = b.Value(s, u.Encoding)
		case AttrLowPC:
			e.PC.Low = b.Value(s, u.Encoding)
		case AttrHighPC:
			e.PC.High = b.Value(s, u.Encoding)
		case AttrRanges:
			e.PC.Ranges = b.Value(s, u.Encoding)
		case AttrAbstractOrigin, AttrSpecification:
			e.Origin = b.Value(s, u.Encoding)
		case AttrCallFile:
			e.CallFile = b.Value(s, u.Encoding).U
		case AttrCallLine:
			e.CallLine = b.Value(s, u.Encoding).U
		case AttrCallColumn:
			e.CallCol = b.Value(s, u.Encoding).U
		default:
			b.SkipForm(s.Form, u.Encoding)
		}
	}
}

// SkipAttrs passes over the attributes at the cursor.
func (u *Unit) SkipAttrs(b *Buf, a *Abbrev) {
	if a.size >= 0 {
		b.Skip(uint64(a.size))
		return
	}
	for _, s := range a.Attrs {
		b.SkipForm(s.Form, u.Encoding)
	}
}

// SkipEntry passes over the attributes at the cursor and over all children.
func (u *Unit) SkipEntry(b *Buf, a *Abbrev) {
	if u.skipToSibling(b, a) {
		return
	}
	u.SkipAttrs(b, a)
	if a.Children {
		u.SkipChildren(b)
	}
}

// SkipChildren passes over a list of children with all below them.
func (u *Unit) SkipChildren(b *Buf) {
	for depth := 1; depth > 0 && b.Len() > 0; {
		a := u.Next(b)
		switch {
		case a == nil:
			depth--
		case u.skipToSibling(b, a):
		default:
			u.SkipAttrs(b, a)
			if a.Children {
				depth++
			}
		}
	}
}

// skipToSibling passes over an entry and its children by DW_AT_sibling.
func (u *Unit) skipToSibling(b *Buf, a *Abbrev) bool {
	next, ok := u.Sibling(b, a)
	if ok {
		b.Seek(next)
	}
	return ok
}

// Sibling gives where DW_AT_sibling says that the children of the entry at the
// cursor end. It goes forward only, so that a damaged reference cannot make a loop.
func (u *Unit) Sibling(b *Buf, a *Abbrev) (off uint64, ok bool) {
	if !a.Children || a.sibling < 0 {
		return 0, false
	}
	peek := *b
	peek.Skip(uint64(a.sibling))
	next := u.Off + uint64(peek.U32())
	if peek.Err() != nil || next < uint64(peek.Off()) {
		return 0, false
	}
	return next, true
}
