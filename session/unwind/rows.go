package unwind

import (
	"cmp"
	"slices"
	"sort"

	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
)

// popRow is the row right after a call instruction: nothing pushed yet.
func popRow() cfi.Row {
	row := callRow(cfi.CFARule{Reg: cfi.RSP, Off: 8})
	for _, r := range calleeSaved {
		row.Rules[r] = cfi.Rule{Kind: cfi.Same}
	}
	row.Rules[cfi.RBP] = cfi.Rule{Kind: cfi.Same}
	return row
}

// fpRow is the row of a function that keeps a frame pointer, past its prologue.
func fpRow() cfi.Row {
	row := callRow(cfi.CFARule{Reg: cfi.RBP, Off: 16})
	row.Rules[cfi.RBP] = cfi.Rule{Kind: cfi.AtCFA, Off: -16}
	return row
}

// encodedRegsRow is the row of entry code in kernels with frame pointers: it
// sets rbp to the address of pt_regs plus one.
// Source: linux arch/x86/include/asm/frame.h, ENCODE_FRAME_POINTER.
func encodedRegsRow() cfi.Row {
	return cfi.Row{
		CFA:    cfi.CFARule{Reg: cfi.RBP, Off: -1},
		Rules:  cfi.PtRegs(),
		Kind:   cfi.FullRegs,
		Signal: true,
	}
}

func callRow(cfa cfi.CFARule) cfi.Row {
	row := cfi.Row{CFA: cfa}
	row.Rules[cfi.RIP] = cfi.Rule{Kind: cfi.AtCFA, Off: -8}
	row.Rules[cfi.RSP] = cfi.Rule{Kind: cfi.IsCFA}
	return row
}

// Area is a range of code, [Low, High), and the table that covers it. Slide is
// zero if the table was built for run-time addresses.
type Area struct {
	Low, High addr.Addr
	Table     cfi.Table
	Slide     addr.Slide
}

// Map joins the tables of vmlinux and of the modules; it is [Rows].
type Map struct{ areas []Area }

// NewMap makes a map of areas that do not overlap.
func NewMap(areas ...Area) *Map {
	areas = slices.Clone(areas)
	slices.SortFunc(areas, func(a, b Area) int { return cmp.Compare(a.Low, b.Low) })
	return &Map{areas}
}

// Row finds the row of a pc.
func (m *Map) Row(pc addr.Addr) (cfi.Row, bool) {
	i := sort.Search(len(m.areas), func(i int) bool { return m.areas[i].Low > pc }) - 1
	if i < 0 || pc >= m.areas[i].High {
		return cfi.Row{}, false
	}
	a := m.areas[i]
	return a.Table.Row(uint64(a.Slide.Link(pc)))
}
