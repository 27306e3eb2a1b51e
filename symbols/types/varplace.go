package types

import (
	"encoding/binary"
	"iter"
	"slices"

	"ktrap/symbols/addr"
	"ktrap/symbols/dwarfx"
)

// staticAddress gives the link address of a variable whose location is just
// that: the address itself, or its index in .debug_addr.
func (e *die) staticAddress() (a uint64, ok bool) {
	loc, _ := e.get(attrLocation)
	b := dwarfx.NewBuf("location", loc.block, 0)
	switch b.U8() {
	case dwarfx.OpAddr:
		a, ok = b.U64(), true
	case dwarfx.OpAddrx:
		a, ok = e.unit.Address(dwarfx.Value{Form: dwarfx.FormAddrx, U: b.Uleb()})
	}
	return a, ok && b.Err() == nil && b.Len() == 0
}

// isGlobal tells declarations and definitions with an address from the local
// variables, which are by far the most entries of common names.
func isGlobal(e *die) bool {
	if e.has(attrDeclaration) {
		return true
	}
	_, ok := e.staticAddress()
	return ok
}

// variable describes a defining entry.
func (d *dwarfData) variable(e die) (Variable, bool) {
	a, ok := e.staticAddress()
	if !ok {
		return Variable{}, false
	}
	_, external := d.inherited(e, attrExternal)
	return Variable{
		Name: d.nameOf(e), Type: d.typeAttr(e), External: external,
		Addr: addr.LinkAddr(a), File: e.unit.Name, Func: d.functionAround(e),
	}, true
}

// variableAt finds the entry whose location is an address, by searching the
// expression's bytes, and checks its name. A weak definition leaves a second
// entry, perhaps with an array of unknown size: the one with a size wins.
func (d *dwarfData) variableAt(name string, a uint64) (v Variable, ok bool) {
	for e := range d.locatedAt(a) {
		if e.tag != tagVariable || d.nameOf(e) != name {
			continue
		}
		found, defined := d.variable(e)
		if size, _ := SizeOf(found.Type); defined && (size > 0 || !ok) {
			v, ok = found, true
		}
		if size, _ := SizeOf(v.Type); size > 0 {
			break
		}
	}
	return v, ok
}

// locatedAt yields the entries that may have an address as their location:
// the bytes of the expression are in them.
func (d *dwarfData) locatedAt(a uint64) iter.Seq[die] {
	return func(yield func(die) bool) {
		work := maxSearch
		entry := func(u *dwarfx.Unit, at uint64) (more bool) {
			work -= int(at-u.First) + 1
			e, here := d.entryAt(u, at)
			return (!here || yield(e)) && work > 0
		}
		for at := range d.values(a, 8) { // behind DW_OP_addr
			if at == 0 || at > uint64(len(d.plain)) || d.plain[at-1] != dwarfx.OpAddr {
				continue
			}
			if u, ok := d.unitOf(at); ok && !entry(u, at) {
				return
			}
		}
		for u, index := range d.unitsWith(a) {
			expr := binary.AppendUvarint([]byte{dwarfx.OpAddrx}, index)
			for at := range occurrences(d.sec.Info[u.First:u.End], expr) {
				if !entry(u, u.First+at) {
					return
				}
			}
		}
	}
}

// unitsWith yields the units whose table in .debug_addr has an address, with
// its index there.
func (d *dwarfData) unitsWith(a uint64) iter.Seq2[*dwarfx.Unit, uint64] {
	return func(yield func(*dwarfx.Unit, uint64) bool) {
		indexes := addressIndexes(d.sec.Addr, a)
		for n := 0; len(indexes) > 0 && (n < len(d.heads) || d.nextHead()); n++ {
			root, err := dwarfx.OpenRoot(&d.sec, d.heads[n])
			if err != nil {
				continue
			}
			for _, index := range indexes {
				got, ok := root.Address(dwarfx.Value{Form: dwarfx.FormAddrx, U: index})
				if !ok || got != a {
					continue
				}
				if u, ok := d.open(d.heads[n]); ok && !yield(u, index) {
					return
				}
			}
		}
	}
}

// addressIndexes gives the indexes that an address has in the tables of
// .debug_addr, whichever unit they are for.
// Source: DWARF 5, section 7.27.
func addressIndexes(section []byte, a uint64) (out []uint64) {
	for off := 0; off < len(section); {
		b := dwarfx.NewBuf(".debug_addr", section, uint64(off))
		n, _ := b.InitialLength()
		start := b.Off()
		off = start + int(min(n, uint64(len(section)-start)))
		b.U16() // version
		size, segment := b.U8(), b.U8()
		if b.Err() != nil || off <= start || size != 8 || segment != 0 {
			return out
		}
		for i := uint64(0); b.Off()+8 <= off; i++ {
			if b.U64() == a && !slices.Contains(out, i) && len(out) < maxVariablesFound {
				out = append(out, i)
			}
		}
	}
	return out
}
