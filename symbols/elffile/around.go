package elffile

import (
	"debug/elf"
	"slices"
)

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
// sections that are in memory at run time. Names lie elsewhere in the file, so
// hidden, which may look at them, is asked about the closest symbols only; where
// it hides those, the table is read again for the next ones. A file may hide
// thousands in a row: after a few times hidden is asked about all that come closer.
func (t *SymbolTable) Around(a uint64, hidden func(n int) bool) Around {
	below, above := a, a
	for tries := 0; ; tries++ {
		var skip func(int) bool
		if tries == maxCloser {
			skip = hidden
		}
		c := t.closest(below, above, skip)
		c.at = slices.DeleteFunc(c.at, func(n int32) bool { return hidden(int(n)) })
		c.after = slices.DeleteFunc(c.after, func(n int32) bool { return hidden(int(n)) })
		again := false
		if len(c.at) == 0 && c.anyBefore && c.start > 0 {
			below, again = c.start-1, true
		}
		if len(c.after) == 0 && c.anyAfter {
			above, again = c.next, true
		}
		if !again {
			return Around{Start: c.start, At: c.at, Next: c.next, Last: !c.anyAfter}
		}
	}
}

// maxCloser bounds how often the table is read for one address.
const maxCloser = 4

// closest are the symbols on both sides of an address, whatever their names.
type closest struct {
	start, next         uint64
	at, after           []int32 // the entries there, in file order
	anyBefore, anyAfter bool
}

// closest gives the symbols closest at or before one address and those closest
// after another, without those that skip, which may be nil, says to.
func (t *SymbolTable) closest(below, above uint64, skip func(n int) bool) closest {
	c := closest{next: ^uint64(0)}
	start, width := c.start, c.next-c.start
	for n := range t.Len() {
		e := t.entries[n*symSize : (n+1)*symSize]
		at := le.Uint64(e[8:])
		// Nearly all entries are ruled out before anything else is looked at.
		if t.relative {
			at += t.places[t.section(e, int32(n))].base
		}
		if at-start > width || at > below && at <= above {
			continue
		}
		if !t.places[t.section(e, int32(n))].alloc || skip != nil && skip(n) {
			continue
		}
		c.add(at, int32(n), at > above)
		start, width = c.start, c.next-c.start
	}
	return c
}

// add takes an entry that is as close as the closest on its side.
func (c *closest) add(at uint64, n int32, after bool) {
	switch {
	case after && (at < c.next || !c.anyAfter):
		c.next, c.after, c.anyAfter = at, append(c.after[:0], n), true
	case after:
		c.after = append(c.after, n)
	case at > c.start || !c.anyBefore:
		c.start, c.at, c.anyBefore = at, append(c.at[:0], n), true
	default:
		c.at = append(c.at, n)
	}
}

// section gives the section of an entry; 0, which is not in memory, for constants.
func (t *SymbolTable) section(e []byte, n int32) int {
	if sec := int(le.Uint16(e[6:])); sec < len(t.places) {
		return sec
	}
	return t.farSection(int(le.Uint16(e[6:])), int(n))
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
