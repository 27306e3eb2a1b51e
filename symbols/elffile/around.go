package elffile

import "debug/elf"

// Around is what lies around an address in memory.
type Around struct {
	Start uint64  // of the symbols that are closest at or before it
	At    []int32 // the entries there, in file order; none: nothing is before it
	Next  uint64  // of the symbols closest after it
	Last  bool    // nothing is after it
}

// Covers reports whether an address has the same surroundings.
func (r *Around) Covers(a uint64) bool {
	return len(r.At) > 0 && a >= r.Start && (r.Last || a < r.Next)
}

// Around reads the table through for the symbols around an address, those of
// sections that are in memory at run time. Names lie elsewhere, so hidden, which
// may look at them, is asked about the few that matter.
func (t *SymbolTable) Around(a uint64, hidden func(n int) bool) Around {
	r := Around{Last: true}
	next := ^uint64(0) // as r.Next, without asking whether there is one
	n := 0
	for e := t.entries; len(e) >= symSize; e = e[symSize:] {
		sec := int(le.Uint16(e[6:]))
		if sec >= len(t.places) {
			sec = t.farSection(sec, n)
		}
		p := t.places[sec]
		at := p.base + le.Uint64(e[8:])
		n++
		if !p.alloc || at < r.Start || at > next || hidden(n-1) {
			continue
		}
		switch {
		case at > a:
			if at < next || r.Last {
				r.Next, r.Last, next = at, false, at
			}
		case at == r.Start && len(r.At) > 0:
			r.At = append(r.At, int32(n-1))
		default:
			r.Start, r.At = at, append(r.At[:0], int32(n-1))
		}
	}
	return r
}

// farSection gives the section of an entry that is in no ordinary one; 0, which
// is not in memory, for the constants.
func (t *SymbolTable) farSection(sec, n int) int {
	if elf.SectionIndex(sec) != elf.SHN_XINDEX {
		return 0
	}
	if sec = sectionIndex(t.entries[n*symSize:], t.shndx, uint64(n)); sec < len(t.places) {
		return sec
	}
	return 0
}

// place is where a section's symbols are counted from.
type place struct {
	base  uint64
	alloc bool
}

func (f *File) places() []place {
	list := make([]place, max(len(f.sections), 1))
	for i, s := range f.sections {
		list[i].alloc = s.Alloc()
		if f.typ == elf.ET_REL {
			list[i].base = s.Addr
		}
	}
	return list
}
