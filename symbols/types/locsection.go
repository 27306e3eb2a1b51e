package types

import "ktrap/symbols/dwarfx"

// locations is a section of location lists. It is loaded when a list is asked for,
// and of a module relocated as far as lists are read: types need none of it. It is
// owned by the Info, under its lock.
type locations struct {
	src  Source
	name string

	loaded bool
	data   []byte
	need   func(low, high uint64) error // nil: all of data may be read
}

func (l *locations) load() {
	if l.loaded {
		return
	}
	l.loaded = true
	var err error
	if l.data, l.need, err = dwarfx.Partial(l.src, l.name); err != nil {
		l.data, l.need = nil, nil
	}
}

// window gives the section up to an offset, ready to be read from another one on.
func (l *locations) window(low, high uint64) []byte {
	l.load()
	if l.need == nil {
		return l.data
	}
	size := uint64(len(l.data))
	if high < low || high > size {
		high = size
	}
	if l.need(low, high) != nil {
		l.data, l.need = nil, nil
		return nil
	}
	return l.data[:high]
}

// listSize is how much of a section is made ready for a list at first: few are
// longer.
const listSize = 4096

// search runs f on the list at an offset. f tells by the cursor whether it came to
// the end of what it got.
func (l *locations) search(off uint64, f func(b *dwarfx.Buf) ([]byte, bool)) ([]byte, bool) {
	for size := uint64(listSize); ; size *= 4 {
		data := l.window(off, off+size)
		b := dwarfx.NewBuf(l.name, data, off)
		expr, ok := f(&b)
		if ok || b.Len() > 0 || len(data) == len(l.data) {
			return expr, ok
		}
	}
}
