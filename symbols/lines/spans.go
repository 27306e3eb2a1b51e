package lines

import (
	"encoding/binary"
	"sort"

	"ktrap/symbols/dwarfx"
)

// manyScans is the number of questions from which .debug_aranges is worth
// sorting: a scan takes 50 µs on a kernel, decoding and sorting 1 ms.
const manyScans = 16

// unitOf finds the unit that covers a pc.
func (i *Info) unitOf(pc uint64) (off uint64, ok bool, err error) {
	if i.scans.Add(1) <= manyScans {
		off, ok = scanAranges(i.sec.Aranges, pc)
	} else {
		i.readSpans()
		off, ok = covering(i.spans, pc)
	}
	if ok {
		return off, true, nil
	}
	// clang writes no .debug_aranges, but gas does for the assembly units of
	// the same kernel: a miss says nothing about units not listed there.
	err = i.scanRoots()
	off, ok = covering(i.rest, pc)
	return off, ok, err
}

func (i *Info) readSpans() {
	i.aranges.Do(func() {
		list := make([]stretch, 0, len(i.sec.Aranges)/24)
		eachArange(i.sec.Aranges, func(s stretch) { list = append(list, s) })
		i.spans = flatten(list)
	})
}

// scanAranges finds the unit of a pc without keeping anything.
func scanAranges(section []byte, pc uint64) (unit uint64, ok bool) {
	eachSet(section, func(id uint64, tuples dwarfx.Buf, addrSize int) {
		if ok && id <= unit {
			return
		}
		if contains(tuples, addrSize, pc) {
			unit, ok = id, true
		}
	})
	return unit, ok
}

// contains reports whether one of the tuples of a set holds a pc.
func contains(tuples dwarfx.Buf, addrSize int, pc uint64) bool {
	if addrSize != 8 {
		for tuples.Len() >= 2*addrSize {
			if r := arange(&tuples, addrSize); r.Contains(pc) {
				return true
			}
		}
		return false
	}
	for data := tuples.Bytes(uint64(tuples.Len())); len(data) >= 16; data = data[16:] {
		low, size := binary.LittleEndian.Uint64(data), binary.LittleEndian.Uint64(data[8:])
		if pc-low < size && low+size > low {
			return true
		}
	}
	return false
}

func arange(tuples *dwarfx.Buf, addrSize int) dwarfx.Range {
	low, size := tuples.Uint(addrSize), tuples.Uint(addrSize)
	return dwarfx.Range{Low: low, High: low + size}
}

// eachArange visits the ranges of .debug_aranges as far as it is sound.
func eachArange(section []byte, visit func(stretch)) {
	eachSet(section, func(unit uint64, tuples dwarfx.Buf, addrSize int) {
		for tuples.Len() >= 2*addrSize {
			if r := arange(&tuples, addrSize); r.High > r.Low {
				visit(stretch{r, unit})
			}
		}
	})
}

// eachSet visits the sets of .debug_aranges, one for each unit, as far as it is
// sound; tuples are all of one.
func eachSet(section []byte, visit func(unit uint64, tuples dwarfx.Buf, addrSize int)) {
	b := dwarfx.NewBuf(".debug_aranges", section, 0)
	for b.Len() > 0 {
		start := b.Off()
		n, dwarf64 := b.InitialLength()
		next := uint64(b.Off()) + n
		set := b
		set.Limit(n)
		version, unit := set.U16(), set.Offset(dwarf64)
		addrSize, segSize := int(set.U8()), set.U8()
		if set.Err() != nil || version != 2 || segSize != 0 || addrSize != 8 && addrSize != 4 {
			return
		}
		// Tuples start at a multiple of their size from the set's header.
		tuple := 2 * addrSize
		pad := (tuple - (set.Off()-start)%tuple) % tuple
		set.Skip(uint64(pad))
		visit(unit, set, addrSize)
		b.Seek(next)
	}
}

// scanRoots lists all units, and the ranges of those not in .debug_aranges.
func (i *Info) scanRoots() error {
	i.roots.Do(func() {
		listed := map[uint64]bool{}
		eachArange(i.sec.Aranges, func(s stretch) { listed[s.id] = true })
		roots := i.sec.Roots()
		size := uint64(len(i.sec.Info))
		for off := uint64(0); off < size; {
			h, err := roots.Header(off)
			if err != nil {
				i.rootsErr = err
				break
			}
			i.headers = append(i.headers, h)
			if !listed[off] && hasCode(h) {
				i.addRoot(roots, h)
			}
			off = h.End
		}
		i.rest = flatten(i.rest)
	})
	return i.rootsErr
}

func (i *Info) addRoot(roots *dwarfx.Roots, h dwarfx.Header) {
	if len(i.rest) > maxRanges(&i.sec) {
		i.rootsErr = tooManyRanges(h)
		return
	}
	ranges, err := roots.Ranges(h)
	if err != nil {
		i.rootsErr = err
	}
	for _, r := range ranges {
		i.rest = append(i.rest, stretch{r, h.Off})
	}
}

func hasCode(h dwarfx.Header) bool {
	return h.Type == dwarfx.UnitCompile || h.Type == dwarfx.UnitSkeleton
}

// unitHolding opens the unit that holds the entry at an offset of .debug_info.
func (i *Info) unitHolding(entry uint64) (*unit, error) {
	if err := i.scanRoots(); err != nil && len(i.headers) == 0 {
		return nil, err
	}
	n := sort.Search(len(i.headers), func(n int) bool { return i.headers[n].Off > entry }) - 1
	if n < 0 || entry >= i.headers[n].End {
		return nil, &dwarfx.DecodeError{Section: ".debug_info", Offset: int(entry), Msg: "entry lies in no unit"}
	}
	return i.unitAt(i.headers[n].Off)
}
