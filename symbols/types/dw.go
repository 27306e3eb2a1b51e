package types

import (
	"fmt"
	"sort"

	"ktrap/symbols/dwarfx"
)

// dwarfData is the DWARF of one file. Units are opened when something in them
// is asked for; which units there are is learned only as far as needed,
// because touching the headers of all 2,000 costs more than most questions.
type dwarfData struct {
	sec      dwarfx.Sections
	loc      []byte // .debug_loc, DWARF 4
	loclists []byte // .debug_loclists, DWARF 5

	// Owned by the Info, under its lock.
	roots *dwarfx.Roots
	heads []dwarfx.Header         // units known so far, by offset
	end   uint64                  // .debug_info is walked up to here
	units map[uint64]*dwarfx.Unit // opened, by offset
	found map[[2]string]uint64    // types by tag and name; 0: there is none
	conv  dieConverter
}

func loadDWARF(src Source) (*dwarfData, error) {
	d := &dwarfData{units: make(map[uint64]*dwarfx.Unit), found: make(map[[2]string]uint64)}
	d.conv.init(d)
	for _, s := range []struct {
		name string
		data *[]byte
		must bool
	}{
		{".debug_info", &d.sec.Info, true},
		{".debug_abbrev", &d.sec.Abbrev, true},
		{".debug_str", &d.sec.Str, false},
		{".debug_line_str", &d.sec.LineStr, false},
		{".debug_ranges", &d.sec.Ranges, false},
		{".debug_rnglists", &d.sec.Rnglists, false},
		{".debug_addr", &d.sec.Addr, false},
		{".debug_str_offsets", &d.sec.StrOffsets, false},
		{".debug_aranges", &d.sec.Aranges, false},
		{".debug_loc", &d.loc, false},
		{".debug_loclists", &d.loclists, false},
	} {
		data, err := src.Section(s.name)
		if err != nil && s.must {
			return nil, fmt.Errorf("read %s: %w", s.name, err)
		}
		*s.data = data
	}
	if err := d.sec.AddSupplement(src); err != nil {
		return nil, fmt.Errorf("read .debug_info: %w", err)
	}
	d.sec.Peek(src)
	d.roots = d.sec.Roots()
	return d, nil
}

// nextHead walks one more unit header; false at the end or at damage.
func (d *dwarfData) nextHead() bool {
	if d.end >= uint64(len(d.sec.Info)) {
		return false
	}
	h, err := d.roots.Header(d.end)
	if err != nil || h.End <= d.end {
		d.end = uint64(len(d.sec.Info))
		return false
	}
	d.heads = append(d.heads, h)
	d.end = h.End
	return true
}

// unitOf opens the unit that holds an offset of .debug_info.
func (d *dwarfData) unitOf(off uint64) (*dwarfx.Unit, bool) {
	for d.end <= off {
		if !d.nextHead() {
			return nil, false
		}
	}
	n := sort.Search(len(d.heads), func(n int) bool { return d.heads[n].End > off })
	if n == len(d.heads) || off < d.heads[n].First {
		return nil, false
	}
	return d.open(d.heads[n])
}

// open opens a unit. The cache is emptied when full: units are cheap to open
// and questions come in clusters.
func (d *dwarfData) open(h dwarfx.Header) (*dwarfx.Unit, bool) {
	if u := d.units[h.Off]; u != nil {
		return u, true
	}
	u, err := dwarfx.OpenUnit(&d.sec, h)
	if err != nil {
		return nil, false
	}
	if len(d.units) >= maxOpenUnits {
		clear(d.units)
	}
	d.units[h.Off] = u
	return u, true
}
