package types

import "ktrap/symbols/dwarfx"

// jumpsToItself reports whether a function may call itself by a jump, itself
// or through others of its unit. Called with the Info's lock held.
func (d *dwarfData) jumpsToItself(sub die) bool {
	todo, seen := []die{sub}, map[uint64]bool{sub.off: true}
	for len(todo) > 0 && len(seen) < maxRefs*4 {
		e := todo[0]
		todo = todo[1:]
		for _, to := range d.tailCalls(e) {
			if to.off == sub.off {
				return true
			}
			if !seen[to.off] {
				seen[to.off] = true
				todo = append(todo, to)
			}
		}
	}
	return false
}

// tailCalls lists the functions of the unit that a function ends in a jump to.
func (d *dwarfData) tailCalls(sub die) (out []die) {
	b := sub.kids
	for depth := 1; sub.children && depth > 0 && b.Len() > 0 && len(out) < maxRefs*4; {
		start := uint64(b.Off())
		a := sub.unit.Next(&b)
		if a == nil {
			depth--
			continue
		}
		if a.Tag == tagCallSite || a.Tag == tagGNUCallSite {
			at := sub.unit.Buf(start)
			e, ok := readDIE(sub.unit, &at)
			if ok && (e.has(attrCallTailCall) || e.has(attrGNUTailCall)) {
				out = append(out, d.targetsHere(e)...)
			}
		}
		sub.unit.SkipAttrs(&b, a)
		if a.Children {
			depth++
		}
	}
	return out
}

// targetsHere gives the entry with code of the function that a call goes to.
func (d *dwarfData) targetsHere(call die) (out []die) {
	for _, attr := range []dwarfx.Attr{attrCallOrigin, dwarfx.AttrAbstractOrigin} {
		off, ok := call.ref(attr)
		if !ok {
			continue
		}
		to, ok := d.die(off)
		if !ok {
			continue
		}
		if _, ok := d.entryPC(to); ok {
			return append(out, to)
		}
		if _, concrete, ok := d.outOfLine(to); ok {
			out = append(out, concrete)
		}
	}
	return out
}
