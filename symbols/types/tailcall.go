package types

import (
	"debug/elf"

	"ktrap/symbols/addr"
	"ktrap/symbols/dwarfx"
)

// maxTailCalls bounds what is looked at of calls by a jump.
const maxTailCalls = 32

// jumpsToItself reports whether a function may call itself by a jump, itself
// or through others of its unit: its caller's arguments are then not those of
// the call that runs.
func (f *function) jumpsToItself() bool {
	f.info.mu.Lock()
	defer f.info.mu.Unlock()
	d, err := f.info.loadDWARF()
	if err != nil {
		return false
	}
	sub, ok := d.die(f.off)
	if !ok {
		return false
	}
	todo, seen := []die{sub}, map[uint64]bool{sub.off: true}
	for len(todo) > 0 && len(seen) < maxTailCalls {
		e := todo[0]
		todo = todo[1:]
		for _, jump := range d.tailCalls(e) {
			to, ok := d.targetHere(jump)
			if ok && to.off == sub.off {
				return true
			}
			if ok && !seen[to.off] {
				seen[to.off] = true
				todo = append(todo, to)
			}
		}
	}
	return false
}

// onlyJump gives the jump by which the function that a call went to must have
// come to another: it has one to there, and none that leads further.
func (i *Info) onlyJump(call *callSite, to *function) (*callSite, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	d, err := i.loadDWARF()
	if err != nil {
		return nil, false
	}
	entry, ok := call.at, call.known
	if !ok {
		if entry, ok = i.onlySymbol(call.target); !ok {
			return nil, false
		}
	}
	via, w, ok := i.subprogramAt(d, uint64(entry))
	if !ok {
		return nil, false
	}
	var found *callSite
	for _, jump := range d.tailCalls(via) {
		s := d.site(jump)
		target, here := d.targetHere(jump)
		switch {
		case s.known && s.at == to.entry || !s.known && s.target == to.name:
			if found != nil {
				return nil, false
			}
			found = s
		case !here || len(d.tailCalls(target)) > 0:
			return nil, false
		}
	}
	if found == nil {
		return nil, false
	}
	found.fn = w.function(via)
	return found, true
}

// onlySymbol gives the address of the one function of a name.
func (i *Info) onlySymbol(name string) (a addr.LinkAddr, ok bool) {
	for v := range i.symbolsNamed(name, elf.STT_FUNC) {
		if ok {
			return 0, false
		}
		a, ok = addr.LinkAddr(v), true
	}
	return a, ok
}

// tailCalls lists the calls by a jump in a function, with all that was inlined
// into it.
func (d *dwarfData) tailCalls(sub die) (out []die) {
	b := sub.kids
	for depth := 1; sub.children && depth > 0 && b.Len() > 0 && len(out) < maxTailCalls; {
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
				out = append(out, e)
			}
		}
		sub.unit.SkipAttrs(&b, a)
		if a.Children {
			depth++
		}
	}
	return out
}

// targetHere gives the entry of the function that a call goes to, if its code
// is in the call's unit.
func (d *dwarfData) targetHere(call die) (die, bool) {
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
			return to, true
		}
		if _, concrete, ok := d.outOfLine(to); ok {
			return concrete, true
		}
	}
	return die{}, false
}
