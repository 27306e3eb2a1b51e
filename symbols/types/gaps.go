package types

import "debug/dwarf"

// place is where a member lies in its struct.
// Units: off and size in bytes; bit offsets count from off.
type place struct {
	off, size    int64
	bitOff, bits int64 // of a bit field
}

// from gives the first bit of the member, counted from the struct.
func (p place) from() int64 { return p.off*8 + p.bitOff }

// to gives the first bit behind the member.
func (p place) to() int64 {
	if p.bits != 0 {
		return p.from() + p.bits
	}
	return p.from() + p.size*8
}

// placeOf gives the place of a member. That of a bit field is told by its
// storage unit, the aligned one of its declared type, in which it begins.
func placeOf(f *dwarf.StructField) place {
	m := FieldOf(f)
	p := place{off: m.Off, size: m.Size, bitOff: m.BitOff, bits: m.BitSize}
	if p.bits == 0 {
		return p
	}
	if size, ok := SizeOf(f.Type); ok && size > 0 && size <= 16 {
		bit := p.from()
		p.size = size
		p.off = bit / (size * 8) * size
		p.bitOff = bit - p.off*8
	}
	return p
}

// gap is the unused room in front of a member, in this order: bits that the
// storage unit of a bit field leaves over, bytes, bits in front of a bit field.
type gap struct {
	from        int64 // bit where it begins
	bits, bytes int64
	front       int64
}

// gapFinder finds the room between members, told apart into bits and bytes in
// the way of pahole: what is left of a storage unit is bits.
type gapFinder struct {
	size    int64 // of the struct, in bytes
	seen    int64 // bit up to which members were seen
	inBits  bool  // the last member was a bit field
	unit    int64 // size of the storage unit it is in, in bits
	unitEnd int64 // bit where that ends
}

// before takes the next member and gives the gap in front of it. Members that
// overlap what was seen, as in damaged files, have none.
func (g *gapFinder) before(p place) gap {
	out := gap{from: g.seen}
	at := g.seen
	if g.inBits {
		at = max(at, min(p.from(), g.unitEnd))
		out.bits = at - g.seen
	}
	if p.bits == 0 {
		g.inBits = false
		out.bytes = max(p.from()/8-at/8, 0)
	} else {
		if start := p.off * 8; at < start && start <= p.from() {
			out.bytes = p.off - at/8
			at = start
		}
		out.front = max(p.from()-at, 0)
		g.enter(p)
	}
	g.seen = p.to()
	return out
}

// enter makes a bit field's storage unit the current one if it reaches further.
func (g *gapFinder) enter(p place) {
	g.inBits = true
	if p.to() <= g.unitEnd && p.size*8 <= g.unit {
		return
	}
	g.unit = p.size * 8
	if g.unitEnd = p.off*8 + g.unit; p.to() > g.unitEnd {
		g.unitEnd += g.unit // the field began in the unit before
	}
}

// end gives the room behind the last member.
func (g *gapFinder) end() gap {
	out := gap{from: g.seen}
	at := g.seen
	if g.inBits {
		at = max(at, min(g.size*8, g.unitEnd))
		out.bits = at - g.seen
	}
	out.bytes = max(g.size-(at+7)/8, 0)
	return out
}
