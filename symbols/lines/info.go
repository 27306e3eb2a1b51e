package lines

import (
	"context"
	"sync"
	"sync/atomic"

	"ktrap/symbols/addr"
	"ktrap/symbols/dwarfx"
	"ktrap/symbols/elffile"
	"ktrap/symbols/index"
)

// Source is where the sections come from.
type Source interface {
	// Section gives the contents of a section, decompressed and relocated.
	Section(name string) ([]byte, error)
	// Sections lists what there is, without loading it.
	Sections() []elffile.Section
	// BuildID identifies the file; "" when it has none.
	BuildID() string
}

// Info is the line information of one file. It is safe for concurrent use.
type Info struct {
	src Source

	load    sync.Once
	sec     dwarfx.Sections
	loadErr error

	scans   atomic.Int32 // of .debug_aranges without keeping anything
	aranges sync.Once
	spans   []stretch // from .debug_aranges, flat; the number is the unit's offset

	roots    sync.Once
	headers  []dwarfx.Header // all units, by offset
	rest     []stretch       // of units that .debug_aranges leaves out, flat
	rootsErr error

	// The mutex guards the map alone: any goroutine may be the first to ask
	// for a unit. What a unit holds is worked out under its own sync.Once.
	mu    sync.Mutex
	units map[uint64]*unit

	ahead atomic.Pointer[map[addr.LinkAddr][]Frame] // answers that were prepared

	asked atomic.Int32 // units that addresses were looked up in
	index atomic.Pointer[index.Index]
	whole whole
}

// New makes an Info; it reads nothing yet. The index of the whole file is kept in
// a folder, unless that is nil.
func New(src Source, keep *index.Folder) *Info {
	i := &Info{src: src, units: map[uint64]*unit{}}
	i.whole.keep = keep
	i.whole.ready = make(chan struct{})
	i.whole.ctx, i.whole.cancel = context.WithCancel(context.Background())
	return i
}

// sections maps the sections at first use.
func (i *Info) sections() (*dwarfx.Sections, error) {
	i.load.Do(func() { i.loadErr = i.sec.Load(i.src) })
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
		if h, u.err = i.sec.Header(off); u.err == nil {
			u.Unit, u.err = dwarfx.OpenUnit(&i.sec, h)
		}
	})
	return u, u.err
}

// unit is one unit and what has been worked out of it.
type unit struct {
	info  *Info
	asked atomic.Bool // an address was looked up in it

	open sync.Once
	*dwarfx.Unit
	err error

	funcsOnce sync.Once
	funcs     []stretch // flat; the number is the offset of the entry

	tableOnce sync.Once
	lines     *table
	linesErr  error
}

// table decodes the unit's line program at first use.
func (u *unit) table() (*table, error) {
	u.tableOnce.Do(func() { u.lines, u.linesErr = readTable(u.Unit, nil) })
	return u.lines, u.linesErr
}
