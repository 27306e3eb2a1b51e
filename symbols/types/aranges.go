package types

import "ktrap/symbols/dwarfx"

// unitAtPC finds the unit whose code holds a link address: by .debug_aranges,
// which takes microseconds, else by the root entries of all units.
func (d *dwarfData) unitAtPC(pc uint64) (*dwarfx.Unit, bool) {
	if off, ok := arangesUnit(d.sec.Aranges, pc); ok {
		if h, err := d.sec.Header(off); err == nil {
			return d.open(h)
		}
	}
	for n := 0; n < len(d.heads) || d.nextHead(); n++ {
		ranges, _ := d.roots.Ranges(d.heads[n]) // those before damage count
		for _, r := range ranges {
			if r.Contains(pc) {
				return d.open(d.heads[n])
			}
		}
	}
	return nil, false
}

// arangesUnit gives the offset of the unit header for an address.
// Source: DWARF 5, section 6.1.2.
func arangesUnit(section []byte, pc uint64) (uint64, bool) {
	for off := 0; off < len(section); {
		b := dwarfx.NewBuf(".debug_aranges", section, uint64(off))
		n, dwarf64 := b.InitialLength()
		start := off
		off = b.Off() + int(min(n, uint64(len(section)))) // of the next set
		b.Limit(n)
		b.U16() // version, always 2
		unit := b.Offset(dwarf64)
		size, segment := b.U8(), b.U8()
		if b.Err() != nil || size != 8 || segment != 0 {
			continue
		}
		// Tuples are aligned to their size, counted from the set's header.
		if odd := (b.Off() - start) % 16; odd != 0 {
			b.Skip(uint64(16 - odd))
		}
		for b.Len() >= 16 {
			low, length := b.U64(), b.U64()
			if low == 0 && length == 0 {
				break
			}
			if pc-low < length {
				return unit, true
			}
		}
	}
	return 0, false
}
