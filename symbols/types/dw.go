package types

import (
	"encoding/binary"
	"fmt"
	"iter"
	"sort"

	"ktrap/symbols/dwarfx"
)

// dwarfData is the DWARF of one file. Units are opened when something in them
// is asked for; which units there are is learned only as far as needed,
// because touching the headers of all 2,000 costs more than most questions.
type dwarfData struct {
	sec dwarfx.Sections
	// Of a module, which is relocated: .debug_info as it is in the file, and where
	// in it relocations put a value. where is nil, and plain Info, else.
	plain []byte
	where func(value uint64) iter.Seq[uint64]

	loc      locations // .debug_loc, DWARF 4
	loclists locations // .debug_loclists, DWARF 5

	// Owned by the Info, under its lock.
	roots *dwarfx.Roots
	heads []dwarfx.Header         // units known so far, by offset
	end   uint64                  // .debug_info is walked up to here
	units map[uint64]*dwarfx.Unit // opened, by offset
	found map[[2]string]uint64    // types by tag and name; 0: there is none
	conv  dieConverter
}

// relocated is a Source that tells where relocations put a value.
// Source: [elffile.File.Relocations].
type relocated interface {
	Relocations(name string) (contents []byte, where func(value uint64) iter.Seq[uint64], err error)
}

func loadDWARF(src Source) (*dwarfData, error) {
	d := &dwarfData{
		units: make(map[uint64]*dwarfx.Unit), found: make(map[[2]string]uint64),
		loc: locations{src: src, name: ".debug_loc"}, loclists: locations{src: src, name: ".debug_loclists"},
	}
	d.conv.init(d)
	if err := d.sec.LoadInfo(src); err != nil {
		return nil, fmt.Errorf("read .debug_info: %w", err)
	}
	for _, s := range []struct {
		name string
		data *[]byte
		must bool
	}{
		{".debug_abbrev", &d.sec.Abbrev, true},
		{".debug_str", &d.sec.Str, false},
		{".debug_line_str", &d.sec.LineStr, false},
		{".debug_ranges", &d.sec.Ranges, false},
		{".debug_rnglists", &d.sec.Rnglists, false},
		{".debug_addr", &d.sec.Addr, false},
		{".debug_str_offsets", &d.sec.StrOffsets, false},
		{".debug_aranges", &d.sec.Aranges, false},
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
	d.plain = d.sec.Info
	if r, ok := src.(relocated); ok && !d.sec.Supplemented() {
		plain, where, err := r.Relocations(".debug_info")
		if err == nil && where != nil {
			d.plain, d.where = plain, where
		}
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

// values yields the offsets in .debug_info at which a value of a width in bytes may
// stand. In a file with relocations none stands there but by one.
func (d *dwarfData) values(value uint64, width int) iter.Seq[uint64] {
	if d.where != nil {
		return d.where(value)
	}
	pattern := binary.LittleEndian.AppendUint64(nil, value)[:width]
	return occurrences(d.plain, pattern)
}
