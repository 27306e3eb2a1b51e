package lines

import (
	"cmp"
	"slices"
	"sort"

	"ktrap/symbols/dwarfx"
)

// function is one range of a subprogram that has code; a function split into
// hot and cold parts has two.
type function struct {
	dwarfx.Range
	off     uint64 // of its entry in .debug_info
	maxHigh uint64 // of this and all before it: where a search backwards may stop
}

// function finds the subprogram that covers a pc. Of several (identical code
// folded together) it is the last one in the file, as LLVM and gimli answer.
func (u *unit) function(pc uint64) (off uint64, ok bool) {
	u.funcsOnce.Do(u.indexFunctions)
	i := sort.Search(len(u.funcs), func(i int) bool { return u.funcs[i].Low > pc }) - 1
	for ; i >= 0 && u.funcs[i].maxHigh > pc; i-- {
		if f := u.funcs[i]; f.Contains(pc) && (!ok || f.off > off) {
			off, ok = f.off, true
		}
	}
	return off, ok
}

func (u *unit) indexFunctions() {
	b := u.Buf(u.First)
	var e dwarfx.Entry
	var ranges []dwarfx.Range
	for depth := 0; b.Len() > 0; {
		off := uint64(b.Off())
		a := u.Next(&b)
		switch {
		case a == nil:
			if depth--; depth <= 0 {
				b.Seek(u.End) // bytes after the root's children are filler
			}
		case a.Tag == dwarfx.TagSubprogram:
			start := b
			u.Read(&b, a, &e)
			ranges, _ = u.PCRanges(e.PC, ranges[:0]) // damaged: no ranges
			for _, r := range ranges {
				u.funcs = append(u.funcs, function{Range: r, off: off})
			}
			b = start
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
	slices.SortStableFunc(u.funcs, func(a, b function) int { return cmp.Compare(a.Low, b.Low) })
	var high uint64
	for i := range u.funcs {
		high = max(high, u.funcs[i].High)
		u.funcs[i].maxHigh = high
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
