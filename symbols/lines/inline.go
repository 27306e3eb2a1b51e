package lines

import (
	"slices"

	"ktrap/symbols/dwarfx"
)

const (
	// maxInline bounds a chain of inlined calls; the deepest seen in a kernel is 12.
	maxInline = 512
	// maxOrigins bounds a chain of abstract origins; a sound file needs three.
	maxOrigins = 16
)

// open is an inlined call whose children are being walked.
type open struct {
	dwarfx.Entry
	depth int
}

// chain gives the subprogram at an entry and the inlined calls in it that cover
// a pc, outermost first. Where sibling ranges overlap the last one wins, as in
// LLVM and gimli.
func (u *unit) chain(off, pc uint64) []dwarfx.Entry {
	b := u.Buf(off)
	a := u.Next(&b)
	if a == nil {
		return nil
	}
	w := walker{unit: u, pc: pc, chain: make([]dwarfx.Entry, 1, 8), left: maxRanges(u.Sec)}
	u.Read(&b, a, &w.chain[0])
	w.chain[0].Off = off
	if !a.Children {
		return w.chain
	}
	for depth := 1; depth > 0 && b.Len() > 0; {
		off := uint64(b.Off())
		a := u.Next(&b)
		if a == nil {
			depth--
			continue
		}
		if w.enter(&b, a, off, depth) && a.Children {
			depth++
		}
	}
	return w.chain
}

type walker struct {
	*unit
	pc      uint64
	open    []open
	chain   []dwarfx.Entry
	scratch []dwarfx.Range
	left    int // ranges that may be looked at
}

// enter reads or skips the entry at the cursor and reports whether its children
// come next.
func (w *walker) enter(b *dwarfx.Buf, a *dwarfx.Abbrev, off uint64, depth int) bool {
	w.leave(depth)
	switch a.Tag {
	case dwarfx.TagLexicalBlock, dwarfx.TagTryBlock, dwarfx.TagCatchBlock:
		w.SkipAttrs(b, a)
		return true
	case dwarfx.TagInlinedSubroutine:
		start := *b
		var e dwarfx.Entry
		w.Read(b, a, &e)
		e.Off = off
		var covers bool
		covers, w.scratch = w.Covers(e.PC, w.pc, w.scratch)
		if w.left -= len(w.scratch); w.left < 0 {
			b.Fail("entries share range lists out of all proportion")
			return false
		}
		if covers && len(w.open) < maxInline {
			w.push(e, depth)
			return true
		}
		*b = start
	}
	w.SkipEntry(b, a)
	return false
}

// leave closes what an entry at a depth cannot be a child of.
func (w *walker) leave(depth int) {
	for len(w.open) > 0 && w.open[len(w.open)-1].depth >= depth {
		w.open = w.open[:len(w.open)-1]
	}
}

func (w *walker) push(e dwarfx.Entry, depth int) {
	w.open = append(w.open, open{e, depth})
	w.chain = slices.Grow(w.chain[:1], len(w.open))
	for _, o := range w.open {
		w.chain = append(w.chain, o.Entry)
	}
}

// name gives the name of a subprogram or inlined call.
func (u *unit) name(e *dwarfx.Entry) string {
	u, name := u.named(e)
	return u.String(name)
}

// named finds the name of a subprogram or inlined call and the unit to look it up
// in: the linkage name if there is one, else the source name, both through
// abstract origins.
func (u *unit) named(e *dwarfx.Entry) (in *unit, name dwarfx.Value) {
	in = u
	var origin dwarfx.Entry
	for range maxOrigins {
		if e.Linkage.Present() {
			return u, e.Linkage
		}
		if !name.Present() {
			in, name = u, e.Name
		}
		next, ok := u.origin(e, &origin)
		if !ok {
			break
		}
		u, e = next, &origin
	}
	return in, name
}

// origin reads the entry that e refers to into origin, which may be e; false
// when there is none.
func (u *unit) origin(e, origin *dwarfx.Entry) (*unit, bool) {
	off, ok := u.Ref(e.Origin)
	if !ok {
		return nil, false
	}
	if off < u.Off || off >= u.End {
		other, err := u.info.unitHolding(off)
		if err != nil {
			return nil, false
		}
		u = other
	}
	b := u.Buf(off)
	a := u.Next(&b)
	if a == nil {
		return nil, false
	}
	u.Read(&b, a, origin)
	return u, true
}
