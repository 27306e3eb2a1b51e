package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"sort"

	"golang.org/x/sys/unix"
)

var (
	// ErrDamaged says that a file is no index or not as it was written.
	ErrDamaged = errors.New("damaged index")
	// ErrStale says that an index is of another file or another version.
	ErrStale = errors.New("index of another file or version")
	// ErrTooLarge says that a file has more than an index can hold.
	ErrTooLarge = errors.New("too large for an index")
)

// Frame is one level of the code at a pc.
type Frame struct {
	Func         string // "" when no function is known
	Path         string // "" when the file is not known
	Dir          string // where the compiler ran; "" when the line is not known
	Line, Column int
	Inlined      bool
}

// maxDepth bounds a chain of inlined calls; who fills units has a lower bound.
const maxDepth = 1024

// Index answers from a table made by [Build]. It is safe for concurrent use.
type Index struct {
	part   [parts][]byte
	mapped []byte // the file, nil when the index lies elsewhere
}

// Close unmaps the file.
func (x *Index) Close() error {
	if x.mapped == nil {
		return nil
	}
	return unix.Munmap(x.mapped)
}

// Read takes an index that lies in memory, and stays there.
// Errors: ErrStale, ErrDamaged.
func Read(data []byte, id Identity) (*Index, error) {
	if len(data) < headerSize || string(data[:8]) != magic {
		return nil, ErrDamaged
	}
	if le.Uint32(data[8:]) != version || Identity(data[checkedAt:checkedAt+32]) != id {
		return nil, ErrStale
	}
	if crc32.Checksum(data[checkedAt:], castagnoli) != le.Uint32(data[12:]) {
		return nil, fmt.Errorf("checksum is wrong: %w", ErrDamaged)
	}
	x := &Index{}
	rest := data[headerSize:]
	for n := range x.part {
		size := le.Uint64(data[headerSize-8*(parts-n):])
		if size > uint64(len(rest)) {
			return nil, fmt.Errorf("part %d is cut off: %w", n, ErrDamaged)
		}
		x.part[n], rest = rest[:size:size], rest[size:]
	}
	return x, nil
}

// Lookup appends the code at a pc to frames, innermost first.
// Shape: none when the debug information does not cover pc.
// Errors: ErrDamaged.
func (x *Index) Lookup(frames []Frame, pc uint64) ([]Frame, error) {
	blocks := x.part[partBlocks]
	n := sort.Search(len(blocks)/blockSize, func(i int) bool { return le.Uint64(blocks[i*blockSize:]) > pc }) - 1
	if n < 0 {
		return frames, nil
	}
	b := blocks[n*blockSize:]
	u, err := x.unit(le.Uint32(b[8:]))
	if err != nil {
		return frames, err
	}
	r, err := x.row(le.Uint64(b), le.Uint32(b[12:]), pc)
	if err != nil {
		return frames, err
	}
	return u.frames(frames, r)
}

// row walks through a block to the last row at or before a pc.
func (x *Index) row(addr uint64, off uint32, pc uint64) (found row, err error) {
	c := cursor{x.part[partRows], int(off)}
	r := row{addr: addr}
	for range c.byte() {
		flags := c.byte()
		if apart := flags >> 4; apart != 0 {
			r.addr += uint64(apart)
		} else {
			r.addr += c.uvarint()
		}
		if r.addr > pc {
			break
		}
		if flags&newScope != 0 {
			r.scope += Scope(c.varint())
		}
		if flags&newFile != 0 {
			r.File = uint32(c.uvarint())
		}
		if flags&newLine != 0 {
			r.Line += uint32(c.varint())
		}
		if flags&newColumn != 0 {
			r.Column = uint32(c.uvarint())
		}
		found = r
	}
	return found, c.err()
}

// unitView is a unit of an index.
type unitView struct {
	*Index
	dir, names, files uint32
	scopes            []byte
}

func (x *Index) unit(n uint32) (u unitView, err error) {
	units := x.part[partUnits]
	if uint64(n) >= uint64(len(units)/unitSize) {
		return u, fmt.Errorf("unit %d: %w", n, ErrDamaged)
	}
	e := units[n*unitSize:]
	start, size := uint64(le.Uint32(e[12:])), uint64(le.Uint32(e[16:]))
	if start+size > uint64(len(x.part[partScopes])) {
		return u, fmt.Errorf("scopes of unit %d: %w", n, ErrDamaged)
	}
	return unitView{x, le.Uint32(e), le.Uint32(e[4:]), le.Uint32(e[8:]), x.part[partScopes][start : start+size]}, nil
}

// frames appends the chain of scopes at a row.
func (u *unitView) frames(frames []Frame, r row) ([]Frame, error) {
	place := r.Place
	if r.scope == 0 {
		if place.Line == 0 {
			return frames, nil
		}
		f := Frame{}
		err := u.locate(&f, place)
		return append(frames, f), err
	}
	s := r.scope
	for range maxDepth {
		c := cursor{u.scopes, int(s) - 1}
		up, name := c.uvarint(), c.uvarint()
		call := Place{uint32(c.uvarint()), uint32(c.uvarint()), uint32(c.uvarint())}
		if c.err() != nil || up >= uint64(s) {
			return frames, fmt.Errorf("scope %d: %w", s, ErrDamaged)
		}
		f := Frame{Inlined: up != 0}
		var err error
		if f.Func, err = u.text(u.names, name); err == nil {
			err = u.locate(&f, place)
		}
		if err != nil {
			return frames, err
		}
		frames = append(frames, f)
		if up == 0 {
			return frames, nil
		}
		s, place = s-Scope(up), call
	}
	return frames, fmt.Errorf("chain of scopes: %w", ErrDamaged)
}

// locate fills in the place; line 0 is none.
func (u *unitView) locate(f *Frame, p Place) (err error) {
	if p.Line == 0 {
		return nil
	}
	f.Line, f.Column = int(p.Line), int(p.Column)
	if p.File != 0 {
		if f.Path, err = u.text(u.files, uint64(p.File)-1); err != nil {
			return err
		}
	}
	f.Dir, err = u.str(u.dir)
	return err
}

// text gives the string with a number in the list that starts at base.
func (u *unitView) text(base uint32, n uint64) (string, error) {
	numbers := u.part[partNumbers]
	if n += uint64(base); n >= uint64(len(numbers)/4) {
		return "", fmt.Errorf("number %d: %w", n, ErrDamaged)
	}
	return u.str(le.Uint32(numbers[n*4:]))
}

func (x *Index) str(off uint32) (string, error) {
	c := cursor{x.part[partStrings], int(off)}
	n := c.uvarint()
	if c.err() != nil || n > uint64(len(c.data)-c.off) {
		return "", fmt.Errorf("string at %#x: %w", off, ErrDamaged)
	}
	return string(c.data[c.off : c.off+int(n)]), nil
}

// cursor reads numbers; past the end it gives zeros and stays there.
type cursor struct {
	data []byte
	off  int
}

func (c *cursor) byte() byte {
	if c.off < 0 || c.off >= len(c.data) {
		c.off = len(c.data) + 1
		return 0
	}
	c.off++
	return c.data[c.off-1]
}

func (c *cursor) uvarint() uint64 {
	if b := c.byte(); b < 0x80 {
		return uint64(b)
	}
	if c.off > len(c.data) {
		return 0
	}
	v, n := binary.Uvarint(c.data[c.off-1:])
	if n <= 0 {
		c.off = len(c.data) + 1
		return 0
	}
	c.off += n - 1
	return v
}

func (c *cursor) varint() int64 {
	v := c.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

func (c *cursor) err() error {
	if c.off > len(c.data) {
		return fmt.Errorf("numbers are cut off: %w", ErrDamaged)
	}
	return nil
}
