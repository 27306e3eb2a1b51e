package types

import (
	"debug/dwarf"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"iter"

	"ktrap/symbols/addr"
	"ktrap/symbols/dwarfx"
)

// Function gives the type and entry address of a function with a definition
// in C, as a variable of function type.
// Errors: wraps ErrNotFound or ErrNoDebugInfo.
func (i *Info) Function(name string) (Variable, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	d, err := i.loadDWARF()
	if err != nil {
		return Variable{}, fmt.Errorf("find function %q: %w: %w", name, ErrNoDebugInfo, err)
	}
	if v, ok := i.functionBySymbol(d, name); ok {
		return v, nil
	}
	for e := range d.named(&query{name: name, tags: []dwarfx.Tag{tagSubprogram}}) {
		low, ok := d.entryPC(e)
		if !ok {
			low, e, ok = d.outOfLine(e)
		}
		if ok {
			return d.function(name, e, low), nil
		}
	}
	return Variable{}, fmt.Errorf("find function %q: %w", name, ErrNotFound)
}

// functionBySymbol goes by the symbol's address, which names the unit.
func (i *Info) functionBySymbol(d *dwarfData, name string) (v Variable, ok bool) {
	for a := range i.symbolsNamed(name, elf.STT_FUNC) {
		u, here := d.unitAtPC(a)
		if !here {
			continue
		}
		root, here := d.die(u.First)
		if !here {
			continue
		}
		root.eachChild(func(e die) bool {
			if e.tag == tagSubprogram {
				if low, has := d.entryPC(e); has && uint64(low) == a {
					v, ok = d.function(name, e, low), true
				}
			}
			return !ok
		})
		if ok {
			return v, true
		}
	}
	return Variable{}, false
}

func (d *dwarfData) function(name string, e die, low addr.LinkAddr) Variable {
	_, external := d.inherited(e, attrExternal)
	return Variable{Name: name, Addr: low, Type: d.typeOf(e.off), External: external, File: e.unit.Name}
}

// symbolsNamed yields the addresses of the symbols of a name and type.
func (i *Info) symbolsNamed(name string, want elf.SymType) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		src, ok := i.src.(symbols)
		if !ok {
			return
		}
		all, err := src.AllSymbols()
		if err != nil {
			return
		}
		for s := range all {
			if s.Name == name && s.Type == want && !yield(s.Value) {
				return
			}
		}
	}
}

// entryPC gives where a subprogram begins: its first range.
func (d *dwarfData) entryPC(e die) (addr.LinkAddr, bool) {
	var scratch [1]dwarfx.Range
	ranges, err := e.unit.PCRanges(pcAttrs(e), scratch[:0])
	if err != nil || len(ranges) == 0 {
		return 0, false
	}
	return addr.LinkAddr(ranges[0].Low), true
}

// outOfLine finds the code of a function whose entry is abstract because it
// was inlined elsewhere too.
func (d *dwarfData) outOfLine(abstract die) (low addr.LinkAddr, concrete die, ok bool) {
	root, ok := d.die(abstract.unit.First)
	if !ok {
		return 0, die{}, false
	}
	found := false
	root.eachChild(func(e die) bool {
		if e.tag != tagSubprogram {
			return true
		}
		for _, attr := range []dwarfx.Attr{dwarfx.AttrAbstractOrigin, dwarfx.AttrSpecification} {
			if off, ok := e.ref(attr); ok && off == abstract.off {
				low, found = d.entryPC(e)
				concrete = e
			}
		}
		return !found
	})
	return low, concrete, found
}

func pcAttrs(e die) dwarfx.PCAttrs {
	var pcs dwarfx.PCAttrs
	for _, a := range e.attrs {
		switch a.attr {
		case dwarfx.AttrLowPC:
			pcs.Low = a.val
		case dwarfx.AttrHighPC:
			pcs.High = a.val
		case dwarfx.AttrRanges:
			pcs.Ranges = a.val
		}
	}
	return pcs
}

// Constant gives the value and the enum of an enumerator.
// Errors: wraps ErrNotFound or ErrNoDebugInfo.
func (i *Info) Constant(name string) (int64, dwarf.Type, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	b, btfErr := i.loadBTF()
	if btfErr == nil {
		if id, ok := b.findEnumerator(name); ok {
			return pick(b.typeOf(id), name)
		}
	}
	d, dwarfErr := i.loadDWARF()
	if dwarfErr == nil {
		for e := range d.named(&query{name: name, tags: []dwarfx.Tag{tagEnumerator}}) {
			if off, ok := d.parent(e); ok {
				return pick(d.typeOf(off), name)
			}
		}
	}
	if btfErr != nil && dwarfErr != nil {
		return 0, nil, fmt.Errorf("find constant %q: %w", name, ErrNoDebugInfo)
	}
	return 0, nil, fmt.Errorf("find constant %q: %w", name, ErrNotFound)
}

func pick(t dwarf.Type, name string) (int64, dwarf.Type, error) {
	if e, ok := t.(*dwarf.EnumType); ok {
		for _, v := range e.Val {
			if v.Name == name {
				return v.Val, t, nil
			}
		}
	}
	return 0, nil, fmt.Errorf("find constant %q: %w", name, ErrNotFound)
}

// parent gives the entry right around another.
func (d *dwarfData) parent(e die) (uint64, bool) {
	u := e.unit
	b := u.Buf(u.First)
	around, found := uint64(0), false
	for b.Len() > 0 && uint64(b.Off()) < e.off {
		start := uint64(b.Off())
		a := u.Next(&b)
		if a == nil {
			continue
		}
		body := b
		u.SkipEntry(&b, a)
		if e.off < uint64(b.Off()) {
			around, found = start, true
			u.SkipAttrs(&body, a)
			b = body // descend
		}
	}
	return around, found
}

// findEnumerator gives the id of the first enum that has an enumerator.
func (b *btf) findEnumerator(name string) (uint32, bool) {
	off, ok := b.strOffset(name)
	if !ok {
		return 0, false
	}
	for n := range b.off {
		id := b.first + uint32(n)
		t, _ := b.at(id)
		step := 0
		switch t.kind {
		case btfEnum:
			step = 8
		case btfEnum64:
			step = 12
		default:
			continue
		}
		for m := t.extra; len(m) >= step; m = m[step:] {
			if binary.LittleEndian.Uint32(m) == off {
				return id, true
			}
		}
	}
	return 0, false
}
