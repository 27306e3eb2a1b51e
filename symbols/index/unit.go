package index

import (
	"encoding/binary"
	"sync"
)

// blockRows is the number of rows that are found together: small enough to be
// walked through, large enough that finding them costs little memory.
const blockRows = 64

// Place is a place in the source, with the file as the unit numbers it.
// The zero value is none.
type Place struct {
	File, Line, Column uint32
}

// Scope is a number for a function or an inlined call in a unit; 0 is none.
type Scope uint32

// Unit collects what one compile unit has. Rows come in the order of addresses.
// It is filled by one goroutine.
type Unit struct {
	dir    uint32
	names  []uint32
	files  []uint32
	scopes []byte
	rows   []byte
	blocks []block

	open  bool // a block is being filled
	last  int  // where it starts in rows, with the number of its rows
	state row
}

// block is a run of rows that is decoded from its start.
type block struct {
	addr uint64
	unit uint32
	off  uint32 // of its rows
}

// row says what is at an address and after it.
type row struct {
	addr  uint64
	scope Scope
	Place
}

// NewUnit makes a unit whose compiler ran in dir.
func NewUnit(dir Text) *Unit { return &Unit{dir: uint32(dir)} }

// Name gives a number to the name of a function.
func (u *Unit) Name(name Text) uint32 {
	u.names = append(u.names, uint32(name))
	return uint32(len(u.names) - 1)
}

// File gives a number to the path of a source file; never 0, which is none.
func (u *Unit) File(path Text) uint32 {
	u.files = append(u.files, uint32(path))
	return uint32(len(u.files))
}

// Scope adds a function (parent 0) or the call of an inlined one.
func (u *Unit) Scope(parent Scope, name uint32, call Place) Scope {
	s := Scope(len(u.scopes) + 1)
	up := uint64(0)
	if parent != 0 {
		up = uint64(s - parent)
	}
	for _, v := range [...]uint64{up, uint64(name), uint64(call.File), uint64(call.Line), uint64(call.Column)} {
		u.scopes = binary.AppendUvarint(u.scopes, v)
	}
	return s
}

// What of a row differs from the one before; the upper half of the byte is the
// distance of the addresses, 0 if it is too long and follows as a number.
const (
	newScope = 1 << iota
	newFile
	newLine
	newColumn
)

// Row says what is at an address and after it, until the next row.
func (u *Unit) Row(addr uint64, scope Scope, p Place) {
	if u.state.scope == scope && u.state.Place == p {
		return
	}
	if !u.open || u.rows[u.last] >= blockRows {
		u.open, u.last = true, len(u.rows)
		u.blocks = append(u.blocks, block{addr: addr, off: uint32(len(u.rows))})
		u.rows = append(u.rows, 0)
		u.state = row{addr: addr}
	}
	u.append(row{addr, scope, p})
}

// End says that nothing is known of an address and what follows it. The next
// row may be anywhere above: other units may have what lies between.
func (u *Unit) End(addr uint64) {
	if u.state.scope != 0 || u.state.Place != (Place{}) {
		u.append(row{addr: addr})
	}
	u.open = false
}

func (u *Unit) append(r row) {
	u.rows[u.last]++
	flags := byte(0)
	if r.scope != u.state.scope {
		flags |= newScope
	}
	if r.File != u.state.File {
		flags |= newFile
	}
	if r.Line != u.state.Line {
		flags |= newLine
	}
	if r.Column != u.state.Column {
		flags |= newColumn
	}
	apart := r.addr - u.state.addr
	short := apart > 0 && apart < 16
	if short {
		flags |= byte(apart) << 4
	}
	u.rows = append(u.rows, flags)
	if !short {
		u.rows = binary.AppendUvarint(u.rows, apart)
	}
	if flags&newScope != 0 {
		u.rows = binary.AppendVarint(u.rows, int64(r.scope)-int64(u.state.scope))
	}
	if flags&newFile != 0 {
		u.rows = binary.AppendUvarint(u.rows, uint64(r.File))
	}
	if flags&newLine != 0 {
		u.rows = binary.AppendVarint(u.rows, int64(r.Line)-int64(u.state.Line))
	}
	if flags&newColumn != 0 {
		u.rows = binary.AppendUvarint(u.rows, uint64(r.Column))
	}
	u.state = r
}

// Text is a string of [Strings]; the zero value is "".
type Text uint32

// Strings gives every string an offset. It is safe for concurrent use: units are
// filled side by side.
type Strings struct {
	mu   sync.Mutex // one string is added or found at a time, by any of the fillers
	offs map[string]Text
	data []byte
	full bool // something was left out
}

// NewStrings makes an empty table.
func NewStrings() *Strings {
	return &Strings{offs: map[string]Text{"": 0}, data: []byte{0}}
}

// Add finds or adds a string: its length and its bytes.
func (s *Strings) Add(text string) Text {
	if len(text) > maxString {
		text = text[:maxString]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if off, ok := s.offs[text]; ok {
		return off
	}
	if len(s.data) > maxStrings {
		s.full = true
		return 0
	}
	off := Text(len(s.data))
	s.data = binary.AppendUvarint(s.data, uint64(len(text)))
	s.data = append(s.data, text...)
	s.offs[text] = off
	return off
}
