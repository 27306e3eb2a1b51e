package dwarfx

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// DecodeError says where a section could not be decoded.
type DecodeError struct {
	Section string
	Offset  int
	Msg     string
}

// Error names section, offset and problem.
func (e *DecodeError) Error() string {
	return fmt.Sprintf("decode %s at %#x: %s", e.Section, e.Offset, e.Msg)
}

// Buf is a cursor over a section. The first error sticks: after it every read
// gives zero and the cursor stands at the end, so loops over it finish.
type Buf struct {
	section string
	data    []byte
	off     int
	err     error
}

// readFrom gives how many bytes were read since the cursor stood at an offset,
// before an error if there was one.
func (b *Buf) readFrom(off uint64) int {
	end := b.off
	if err, ok := errors.AsType[*DecodeError](b.err); ok {
		end = err.Offset
	}
	return max(end-int(min(off, uint64(len(b.data)))), 0)
}

// NewBuf makes a cursor over data standing at off; section is for messages.
func NewBuf(section string, data []byte, off uint64) Buf {
	b := Buf{section: section, data: data}
	if off > uint64(len(data)) {
		b.Fail("offset %#x lies outside of the section", off)
		return b
	}
	b.off = int(off)
	return b
}

// Fail records an error at the current place, unless there is one already.
func (b *Buf) Fail(format string, args ...any) {
	if b.err == nil {
		b.err = &DecodeError{b.section, b.off, fmt.Sprintf(format, args...)}
	}
	b.off = len(b.data)
}

// Err gives the first error.
func (b *Buf) Err() error { return b.err }

// Off gives the offset of the next byte in the section.
func (b *Buf) Off() int { return b.off }

// Len gives the number of bytes left.
func (b *Buf) Len() int { return len(b.data) - b.off }

// Limit cuts the data n bytes from here.
func (b *Buf) Limit(n uint64) {
	if n > uint64(b.Len()) {
		b.Fail("length %#x reaches beyond the section", n)
		return
	}
	b.data = b.data[:b.off+int(n)]
}

// Skip passes over n bytes.
func (b *Buf) Skip(n uint64) {
	if n > uint64(b.Len()) {
		b.Fail("%d bytes wanted, %d left", n, b.Len())
		return
	}
	b.off += int(n)
}

// Seek moves to an offset of the section.
func (b *Buf) Seek(off uint64) {
	if off > uint64(len(b.data)) {
		b.Fail("offset %#x lies outside of the section", off)
		return
	}
	if b.err == nil {
		b.off = int(off)
	}
}

// Bytes gives the next n bytes without copying; nil when there are fewer.
func (b *Buf) Bytes(n uint64) []byte {
	start := b.off
	if b.Skip(n); b.err != nil {
		return nil
	}
	return b.data[start:b.off:b.off]
}

// U8 reads one byte.
func (b *Buf) U8() uint8 {
	if b.off >= len(b.data) {
		b.Fail("unexpected end")
		return 0
	}
	v := b.data[b.off]
	b.off++
	return v
}

// U16 reads a 16-bit number.
func (b *Buf) U16() uint16 { return uint16(b.Uint(2)) }

// U32 reads a 32-bit number.
func (b *Buf) U32() uint32 { return uint32(b.Uint(4)) }

// U64 reads a 64-bit number.
func (b *Buf) U64() uint64 { return b.Uint(8) }

// Uint reads a little-endian number of 1, 2, 3, 4 or 8 bytes.
func (b *Buf) Uint(size int) uint64 {
	if b.Len() < size {
		b.Fail("unexpected end")
		return 0
	}
	p := b.data[b.off:]
	b.off += size
	switch size {
	case 1:
		return uint64(p[0])
	case 2:
		return uint64(binary.LittleEndian.Uint16(p))
	case 3:
		return uint64(p[0]) | uint64(p[1])<<8 | uint64(p[2])<<16
	case 4:
		return uint64(binary.LittleEndian.Uint32(p))
	case 8:
		return binary.LittleEndian.Uint64(p)
	}
	b.Fail("numbers of %d bytes are not supported", size)
	return 0
}

// Uleb reads an unsigned LEB128 number; bits beyond 64 are dropped.
func (b *Buf) Uleb() uint64 {
	// Nearly all are of one or two bytes.
	if p := b.data[b.off:]; len(p) > 1 {
		if p[0] < 0x80 {
			b.off++
			return uint64(p[0])
		}
		if p[1] < 0x80 {
			b.off += 2
			return uint64(p[0]&0x7f) | uint64(p[1])<<7
		}
	}
	var v uint64
	for shift := uint(0); ; shift += 7 {
		c := b.U8()
		if shift < 64 {
			v |= uint64(c&0x7f) << shift
		}
		if c < 0x80 {
			return v
		}
	}
}

// Sleb reads a signed LEB128 number; bits beyond 64 are dropped.
func (b *Buf) Sleb() int64 {
	var v int64
	for shift := uint(0); ; {
		c := b.U8()
		if shift < 64 {
			v |= int64(c&0x7f) << shift
		}
		shift += 7
		if c < 0x80 {
			if c&0x40 != 0 && shift < 64 {
				v |= -1 << shift
			}
			return v
		}
	}
}

// CString reads a string up to its NUL, without copying.
func (b *Buf) CString() []byte {
	i := bytes.IndexByte(b.data[b.off:], 0)
	if i < 0 {
		b.Fail("string without end")
		return nil
	}
	s := b.data[b.off : b.off+i]
	b.off += i + 1
	return s
}

// InitialLength reads the length field of a unit: 4 bytes, or 12 for 64-bit DWARF.
func (b *Buf) InitialLength() (n uint64, dwarf64 bool) {
	n = uint64(b.U32())
	switch {
	case n == 0xffffffff:
		return b.U64(), true
	case n >= 0xfffffff0:
		b.Fail("reserved unit length %#x", n)
		return 0, false
	}
	return n, false
}

// Offset reads a section offset of 4 or 8 bytes.
func (b *Buf) Offset(dwarf64 bool) uint64 {
	if dwarf64 {
		return b.U64()
	}
	return uint64(b.U32())
}
