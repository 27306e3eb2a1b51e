package lines

import (
	"ktrap/symbols/dwarfx"
)

// function finds the subprogram that covers a pc. Of several (identical code
// folded together) it is the last one in the file, as LLVM and gimli answer.
func (u *unit) function(pc uint64) (off uint64, ok bool) {
	u.funcsOnce.Do(u.indexFunctions)
	return covering(u.funcs, pc)
}

// indexFunctions lists the ranges of the subprograms that have code; a function
// split into hot and cold parts has two.
func (u *unit) indexFunctions() {
	var e dwarfx.Entry
	var ranges []dwarfx.Range
	limit := maxRanges(u.Sec)
	u.subprograms(func(off uint64, a *dwarfx.Abbrev, b dwarfx.Buf) {
		if len(u.funcs) > limit {
			return
		}
		u.Read(&b, a, &e)
		ranges, _ = u.PCRanges(e.PC, ranges[:0]) // damaged: no ranges
		for _, r := range ranges {
			u.funcs = append(u.funcs, stretch{r, off})
		}
	})
	u.funcs = flatten(u.funcs)
}

// subprograms visits the subprograms of a unit that have code, with the cursor at their
// attributes.
func (u *unit) subprograms(visit func(off uint64, a *dwarfx.Abbrev, b dwarfx.Buf)) {
	b := u.Buf(u.First)
	for depth := 0; b.Len() > 0; {
		off := uint64(b.Off())
		a := u.Next(&b)
		switch {
		case a == nil:
			if depth--; depth <= 0 {
				b.Seek(u.End) // bytes after the root's children are filler
			}
		case a.Tag == dwarfx.TagSubprogram:
			if a.Code { // most are declarations, or inlined everywhere
				visit(off, a, b)
			}
			u.SkipEntry(&b, a)
		case depth == 0 || u.holdsFunctions(a.Tag):
			u.SkipAttrs(&b, a)
			if a.Children {
				depth++
			} else if depth == 0 {
				b.Seek(u.End)
			}
		default:
			u.SkipEntry(&b, a)
		}
	}
}

// holdsFunctions says which entries may have subprograms below them; in C none.
func (u *unit) holdsFunctions(t dwarfx.Tag) bool {
	switch t {
	case dwarfx.TagNamespace, dwarfx.TagModule, dwarfx.TagStructType, dwarfx.TagClassType,
		dwarfx.TagUnionType, dwarfx.TagEnumerationType:
		return !u.PlainC()
	}
	return false
}
