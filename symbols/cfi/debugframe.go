package cfi

import (
	"cmp"
	"slices"
	"sort"
	"sync"
)

// DebugFrame is a .debug_frame section; it is a [Table] over the addresses the
// section holds. It is safe for concurrent use.
type DebugFrame struct {
	section []byte

	once  sync.Once
	index []extent // by low
}

// extent is where one function lies and where its FDE is.
type extent struct {
	low, size uint64
	off       uint64
}

// NewDebugFrame makes a table of the bytes of .debug_frame, which are kept. The
// section is looked through at the first use only.
func NewDebugFrame(section []byte) *DebugFrame { return &DebugFrame{section: section} }

// Row gives the row for a pc.
// Shape: false if no function covers the pc, or its entry is malformed.
func (d *DebugFrame) Row(pc uint64) (Row, bool) {
	d.once.Do(d.build)
	i := sort.Search(len(d.index), func(i int) bool { return d.index[i].low > pc }) - 1
	if i < 0 || pc-d.index[i].low >= d.index[i].size {
		return Row{}, false
	}
	info, f, ok := d.entry(d.index[i].off)
	if !ok {
		return Row{}, false
	}
	return run(&info, &f, pc)
}

// Len is the number of functions the section describes.
func (d *DebugFrame) Len() int {
	d.once.Do(d.build)
	return len(d.index)
}

// build lists all FDEs. A malformed length ends the list, as nothing after it
// can be found; any other malformed entry is left out.
func (d *DebugFrame) build() {
	c := cursor{data: d.section}
	cies := make(map[uint64]*cie) // nil value: malformed
	for len(c.data) > 0 {
		off := uint64(len(d.section) - len(c.data))
		e, ok := nextEntry(&c)
		if !ok {
			break
		}
		if e.isCIE || e.body == nil {
			continue
		}
		info, seen := cies[e.cie]
		if !seen {
			if parsed, ok := d.cieAt(e.cie); ok {
				info = &parsed
			}
			cies[e.cie] = info
		}
		if info == nil {
			continue
		}
		if f, ok := parseFDE(e.body, info); ok && f.size > 0 {
			d.index = append(d.index, extent{f.low, f.size, off})
		}
	}
	slices.SortStableFunc(d.index, func(a, b extent) int { return cmp.Compare(a.low, b.low) })
}

// entry decodes the FDE at an offset and its CIE.
func (d *DebugFrame) entry(off uint64) (cie, fde, bool) {
	c := cursor{data: d.section[off:]}
	e, ok := nextEntry(&c)
	if !ok || e.isCIE {
		return cie{}, fde{}, false
	}
	info, ok := d.cieAt(e.cie)
	if !ok {
		return cie{}, fde{}, false
	}
	f, ok := parseFDE(e.body, &info)
	return info, f, ok
}

func (d *DebugFrame) cieAt(off uint64) (cie, bool) {
	if off >= uint64(len(d.section)) {
		return cie{}, false
	}
	c := cursor{data: d.section[off:]}
	e, ok := nextEntry(&c)
	if !ok || !e.isCIE {
		return cie{}, false
	}
	return parseCIE(e.body)
}
