package lines

import (
	"fmt"

	"ktrap/symbols/addr"
	"ktrap/symbols/dwarfx"
	"ktrap/symbols/elffile"
)

// Place is a place in the source.
type Place struct {
	Path    string // as the compiler wrote it, joined with CompDir; "" when not known
	CompDir string // where the compiler ran
	Line    int    // 0 when not known
	Column  int
}

// Frame is one level of the code at a pc.
type Frame struct {
	Func string // "" when the debug information names no function
	Place
	Inlined bool
}

// Lookup gives the code at a pc: innermost inlined function first, the function
// that holds it last.
// Shape: no frames and no error when the debug information does not cover pc.
// Errors: the file is damaged; frames found nevertheless are given too.
func (i *Info) Lookup(pc addr.LinkAddr) (frames []Frame, err error) {
	i.first()
	if frames, ok := i.lookupAhead(pc); ok {
		return frames, nil
	}
	if frames, ok := i.lookupIndex(pc); ok {
		return frames, nil
	}
	return i.lookupUnit(pc)
}

// lookupUnit answers from the one unit that covers a pc.
func (i *Info) lookupUnit(pc addr.LinkAddr) (frames []Frame, err error) {
	err = elffile.Guard(func() error {
		u, err := i.unitFor(uint64(pc))
		if u == nil || err != nil {
			return err
		}
		i.count(u)
		frames, err = u.lookup(uint64(pc))
		return err
	})
	if err != nil {
		return frames, fmt.Errorf("look up line of %v: %w", pc, err)
	}
	return frames, nil
}

// unitFor opens the unit that covers a pc; nil when there is none.
func (i *Info) unitFor(pc uint64) (*unit, error) {
	if _, err := i.sections(); err != nil {
		return nil, err
	}
	off, ok, err := i.unitOf(pc)
	if !ok {
		return nil, err
	}
	return i.unitAt(off)
}

func (u *unit) lookup(pc uint64) ([]Frame, error) {
	t, err := u.table()
	var place Place
	if s, n := t.find(pc); s != nil {
		place = u.place(t, s.rows[n])
	}
	var chain []dwarfx.Entry
	if off, ok := u.function(pc); ok {
		chain = u.chain(off, pc)
	}
	if len(chain) == 0 {
		if place.Line == 0 {
			return nil, err
		}
		return []Frame{{Place: place}}, err
	}
	frames := make([]Frame, 0, len(chain))
	for n := len(chain) - 1; n >= 0; n-- {
		e := &chain[n]
		frames = append(frames, Frame{Func: u.name(e), Place: place, Inlined: n > 0})
		place = u.place(t, row{file: uint32(e.CallFile), line: uint32(e.CallLine), column: uint16(e.CallCol)})
	}
	return frames, err
}

// place names the file of a row. Line 0 is DWARF's "no line in the source".
func (u *unit) place(t *table, r row) Place {
	if r.line == 0 {
		return Place{}
	}
	return Place{t.path(uint64(r.file), u.CompDir), u.CompDir, int(r.line), int(r.column)}
}
