package lines

import (
	"errors"
	"fmt"
	"sync"

	"ktrap/symbols/elffile"

	"ktrap/symbols/dwarfx"
)

// Source is where the sections come from.
type Source interface {
	// Section gives the contents of a section, decompressed and relocated.
	Section(name string) ([]byte, error)
}

// Info is the line information of one file. It is safe for concurrent use.
type Info struct {
	src Source

	load    sync.Once
	sec     dwarfx.Sections
	loadErr error

	aranges sync.Once
	spans   spans // from .debug_aranges

	roots    sync.Once
	headers  []dwarfx.Header // all units, by offset
	rest     spans           // of units that .debug_aranges leaves out
	rootsErr error

	// The mutex guards the map alone: any goroutine may be the first to ask
	// for a unit. What a unit holds is worked out under its own sync.Once.
	mu    sync.Mutex
	units map[uint64]*unit
}

// New makes an Info; it reads nothing yet.
func New(src Source) *Info {
	return &Info{src: src, units: map[uint64]*unit{}}
}

// sections maps the sections at first use.
func (i *Info) sections() (*dwarfx.Sections, error) {
	i.load.Do(func() {
		for _, s := range []struct {
			name string
			data *[]byte
			must bool
		}{
			{".debug_info", &i.sec.Info, true},
			{".debug_abbrev", &i.sec.Abbrev, true},
			{".debug_line", &i.sec.Line, false},
			{".debug_str", &i.sec.Str, false},
			{".debug_line_str", &i.sec.LineStr, false},
			{".debug_ranges", &i.sec.Ranges, false},
			{".debug_rnglists", &i.sec.Rnglists, false},
			{".debug_addr", &i.sec.Addr, false},
			{".debug_str_offsets", &i.sec.StrOffsets, false},
			{".debug_aranges", &i.sec.Aranges, false},
		} {
			data, err := i.src.Section(s.name)
			if err != nil && (s.must || !errors.Is(err, elffile.ErrNoSection)) {
				i.loadErr = fmt.Errorf("load debug information: %w", err)
				return
			}
			*s.data = data
		}
	})
	return &i.sec, i.loadErr
}

// unitAt opens the unit whose header is at an offset of .debug_info.
func (i *Info) unitAt(off uint64) (*unit, error) {
	i.mu.Lock()
	u := i.units[off]
	if u == nil {
		u = &unit{info: i}
		i.units[off] = u
	}
	i.mu.Unlock()
	u.open.Do(func() {
		var h dwarfx.Header
		if h, u.err = dwarfx.ReadHeader(i.sec.Info, off); u.err == nil {
			u.Unit, u.err = dwarfx.OpenUnit(&i.sec, h)
		}
	})
	return u, u.err
}

// unit is one unit and what has been worked out of it.
type unit struct {
	info *Info

	open sync.Once
	*dwarfx.Unit
	err error

	funcsOnce sync.Once
	funcs     []function

	tableOnce sync.Once
	lines     *table
	linesErr  error
}

// table decodes the unit's line program at first use.
func (u *unit) table() (*table, error) {
	u.tableOnce.Do(func() { u.lines, u.linesErr = readTable(u.Unit) })
	return u.lines, u.linesErr
}
