package lines

import (
	"cmp"
	"slices"
	"sort"

	"ktrap/symbols/dwarfx"
)

// span is a range of addresses that belongs to a unit.
type span struct {
	dwarfx.Range
	unit uint64 // offset of the unit's header
}

// spans are sorted by low address.
type spans []span

func (s spans) sort() {
	slices.SortFunc(s, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.Low, b.Low), cmp.Compare(a.unit, b.unit))
	})
}

// find gives the unit of a pc.
func (s spans) find(pc uint64) (unit uint64, ok bool) {
	i := sort.Search(len(s), func(i int) bool { return s[i].Low > pc }) - 1
	// A damaged file may have overlaps; the nearest few are enough to try.
	for n := 0; i >= 0 && n < 8; i, n = i-1, n+1 {
		if s[i].Contains(pc) {
			return s[i].unit, true
		}
	}
	return 0, false
}

// unitOf finds the unit that covers a pc.
func (i *Info) unitOf(pc uint64) (off uint64, ok bool, err error) {
	i.readSpans()
	if off, ok = i.spans.find(pc); ok {
		return off, true, nil
	}
	// clang writes no .debug_aranges, but gas does for the assembly units of
	// the same kernel: a miss says nothing about units not listed there.
	err = i.scanRoots()
	off, ok = i.rest.find(pc)
	return off, ok, err
}

func (i *Info) readSpans() {
	i.aranges.Do(func() {
		i.spans = readAranges(i.sec.Aranges)
		i.spans.sort()
	})
}

// readAranges reads .debug_aranges as far as it is sound.
func readAranges(section []byte) spans {
	list := make(spans, 0, len(section)/32)
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
			return list
		}
		// Tuples start at a multiple of their size from the set's header.
		tuple := 2 * addrSize
		pad := (tuple - (set.Off()-start)%tuple) % tuple
		set.Skip(uint64(pad))
		for set.Len() >= tuple {
			low, size := set.Uint(addrSize), set.Uint(addrSize)
			if size != 0 && low+size > low {
				list = append(list, span{dwarfx.Range{Low: low, High: low + size}, unit})
			}
		}
		b.Seek(next)
	}
	return list
}

// scanRoots lists all units, and the ranges of those not in .debug_aranges.
func (i *Info) scanRoots() error {
	i.roots.Do(func() {
		listed := map[uint64]bool{}
		for _, s := range i.spans {
			listed[s.unit] = true
		}
		size := uint64(len(i.sec.Info))
		for off := uint64(0); off < size; {
			h, err := dwarfx.ReadHeader(i.sec.Info, off)
			if err != nil {
				i.rootsErr = err
				break
			}
			i.headers = append(i.headers, h)
			if !listed[off] && hasCode(h) {
				i.addRoot(h)
			}
			off = h.End
		}
		i.rest.sort()
	})
	return i.rootsErr
}

func (i *Info) addRoot(h dwarfx.Header) {
	u, err := dwarfx.OpenRoot(&i.sec, h)
	if err != nil {
		i.rootsErr = err
		return
	}
	ranges, err := u.Root()
	if err != nil {
		i.rootsErr = err
	}
	for _, r := range ranges {
		i.rest = append(i.rest, span{r, h.Off})
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
