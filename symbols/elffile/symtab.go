package elffile

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"slices"
)

// ErrNoSymbols says that the file was stripped of its symbol table.
var ErrNoSymbols = errors.New("no symbol table")

// SymbolTable is .symtab as it lies in the file. Entries are decoded when asked
// for: one address or one name of a kernel does not pay for all of them.
// What it gives is invalid after the file was closed; wrap long walks in [Guard].
type SymbolTable struct {
	file    *File
	entries []byte
	names   []byte
	shndx   []byte
	places  []place // by section
	// relative is set where values count from the start of their section.
	relative bool
	// sections translates section numbers of split-off debug information to
	// those of the file it was split off; nil: they are the same.
	sections []int
}

// SymbolTable gives the symbol table.
// Errors: wraps ErrNoSymbols when there is none.
func (f *File) SymbolTable() (*SymbolTable, error) {
	f.symOnce.Do(func() { f.syms, f.symErr = f.loadSymtab() })
	return f.syms, f.symErr
}

// Len gives the number of entries; entry 0 is no symbol.
func (t *SymbolTable) Len() int { return len(t.entries) / symSize }

// Place gives the link address and the section of entry n; false when the entry
// is not defined in this file.
func (t *SymbolTable) Place(n int) (value uint64, section int, ok bool) {
	e := t.entries[n*symSize : (n+1)*symSize]
	section = sectionIndex(e, t.shndx, uint64(n))
	value, ok = t.file.placed(section, le.Uint64(e[8:]))
	if section < len(t.sections) {
		section = t.sections[section]
	}
	return value, section, ok
}

// Name gives the name of entry n where it lies in the file.
func (t *SymbolTable) Name(n int) []byte {
	off := uint64(le.Uint32(t.entries[n*symSize:]))
	if off >= uint64(len(t.names)) {
		return nil
	}
	name := t.names[off:]
	end := bytes.IndexByte(name, 0)
	return name[:max(end, 0)]
}

// Symbol decodes entry n; its name is a copy.
func (t *SymbolTable) Symbol(n int) Symbol {
	s := t.symbol(n)
	s.Name = string(t.Name(n))
	return s
}

// symbol decodes entry n without its name.
func (t *SymbolTable) symbol(n int) Symbol {
	e := t.entries[n*symSize : (n+1)*symSize]
	value, sec, _ := t.Place(n)
	return Symbol{Value: value, Size: le.Uint64(e[16:]), Type: elf.ST_TYPE(e[4]), Bind: elf.ST_BIND(e[4]), Section: sec}
}

// maxSameTail bounds the places where a name stands in the string table; a name
// of one letter ends half of all others.
const maxSameTail = 4096

// entryPart is the number of entries, and namePart that of bytes of names, that
// one processor reads at a time.
const entryPart, namePart = 8 << 10, 192 << 10

// Named gives the entries of a name in file order by searching the string table
// for it, which is far quicker than looking at every entry's name. false when the
// name stands at too many places: linkers let names share their ends.
func (t *SymbolTable) Named(name string) (list []int, ok bool) {
	if name == "" {
		return nil, true
	}
	offs := tails(t.names, name)
	if len(offs) > maxSameTail {
		return nil, false
	}
	if len(offs) == 0 {
		return nil, true
	}
	var maybe [256]uint64 // a bit for each value of an offset's lowest bits
	for _, off := range offs {
		maybe[off>>6%256] |= 1 << (off % 64)
	}
	found := spread(t.Len(), entryPart, func(low, high int) (list []int) {
		for n := low; n < high; n++ {
			off := le.Uint32(t.entries[n*symSize:])
			if maybe[off>>6%256]&(1<<(off%64)) == 0 {
				continue
			}
			if _, found := slices.BinarySearch(offs, off); found && n > 0 {
				list = append(list, n)
			}
		}
		return list
	})
	return slices.Concat(found...), true
}

// tails gives the places where a name stands in a string table, alone or as the
// end of another; more than maxSameTail when there are too many.
func tails(names []byte, name string) []uint32 {
	whole := append([]byte(name), 0)
	rare := rarest(names, name)
	return slices.Concat(spread(len(names), namePart, func(low, high int) []uint32 {
		return tailsIn(names, whole, rare, low, high)
	})...)
}

// tailsIn is tails for a part of the table. The name's rarest byte is searched
// for: libraries search for the first one, which in names of symbols stands
// everywhere.
func tailsIn(names, whole []byte, rare, low, high int) (offs []uint32) {
	end := min(high+rare, len(names))
	for at := low + rare; at < end && len(offs) <= maxSameTail; at++ {
		i := bytes.IndexByte(names[at:end], whole[rare])
		if i < 0 {
			break
		}
		at += i
		if rest := names[at-rare:]; rest[0] == whole[0] && bytes.HasPrefix(rest, whole) {
			offs = append(offs, uint32(at-rare))
		}
	}
	return offs
}

// samples is how many places of a string table, and sample how many bytes at each,
// are looked at for which are rare.
const samples, sample = 4, 1024

// rarest gives the index of the byte of a name that is rarest in a string table.
func rarest(names []byte, name string) (rare int) {
	var count [256]int
	for at := 0; at < len(names); at += 1 + len(names)/samples {
		for _, c := range names[at:min(at+sample, len(names))] {
			count[c]++
		}
	}
	for i := range name {
		if count[name[i]] < count[name[rare]] {
			rare = i
		}
	}
	return rare
}

func (f *File) loadSymtab() (*SymbolTable, error) {
	for i := range f.sections {
		empty := f.sections[i].Size <= symSize // the first entry is none
		if f.sections[i].Type != elf.SHT_SYMTAB || empty && f.debug != nil {
			continue
		}
		link := int(f.sections[i].link)
		if link <= 0 || link >= len(f.sections) {
			return nil, fmt.Errorf("symbol table of %q refers to string table %d", f.path, link)
		}
		entries, err := f.raw(i)
		if err != nil {
			return nil, fmt.Errorf("symbol table of %q: %w", f.path, err)
		}
		names, err := f.raw(link)
		if err != nil {
			return nil, fmt.Errorf("symbol names of %q: %w", f.path, err)
		}
		return &SymbolTable{
			file: f, entries: entries, names: names, shndx: f.extendedIndexes(i), places: f.places(), relative: f.typ == elf.ET_REL,
		}, nil
	}
	if f.debug != nil {
		t, err := f.debug.SymbolTable()
		if err != nil {
			return nil, err
		}
		own := *t
		own.sections = f.ofDebug
		return &own, nil
	}
	return nil, fmt.Errorf("%q: %w", f.path, ErrNoSymbols)
}

// Weak reports whether entry n gives way to another symbol of its name.
func (t *SymbolTable) Weak(n int) bool { return elf.ST_BIND(t.entries[n*symSize+4]) == elf.STB_WEAK }

// SectionSymbol reports whether entry n stands for a whole section.
func (t *SymbolTable) SectionSymbol(n int) bool {
	return elf.ST_TYPE(t.entries[n*symSize+4]) == elf.STT_SECTION
}
