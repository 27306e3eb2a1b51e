package cfi

import (
	"bytes"
	"encoding/binary"
)

// cursor reads values off a byte slice. After the first read beyond the end it
// is bad and every read gives zero, so that a decoder checks once.
type cursor struct {
	data []byte
	bad  bool
}

func (c *cursor) take(n uint64) []byte {
	if c.bad || n > uint64(len(c.data)) {
		c.bad, c.data = true, nil
		return nil
	}
	b := c.data[:n:n]
	c.data = c.data[n:]
	return b
}

// uint reads a little-endian number of 1, 2, 4 or 8 bytes.
func (c *cursor) uint(size int) uint64 {
	b := c.take(uint64(size))
	if c.bad {
		return 0
	}
	switch size {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.LittleEndian.Uint16(b))
	case 4:
		return uint64(binary.LittleEndian.Uint32(b))
	case 8:
		return binary.LittleEndian.Uint64(b)
	}
	c.bad = true
	return 0
}

// int reads a signed little-endian number of 1, 2, 4 or 8 bytes.
func (c *cursor) int(size int) int64 {
	shift := 64 - 8*size
	return int64(c.uint(size)<<shift) >> shift
}

func (c *cursor) uleb() uint64 {
	var v uint64
	for shift := uint(0); ; shift += 7 {
		b := c.uint(1)
		if c.bad {
			return 0
		}
		if shift < 64 {
			v |= b & 0x7f << shift
		}
		if b&0x80 == 0 {
			return v
		}
	}
}

func (c *cursor) sleb() int64 {
	var v int64
	for shift := uint(0); ; {
		b := c.uint(1)
		if c.bad {
			return 0
		}
		if shift < 64 {
			v |= int64(b&0x7f) << shift
		}
		shift += 7
		if b&0x80 == 0 {
			if b&0x40 != 0 && shift < 64 {
				v |= -1 << shift
			}
			return v
		}
	}
}

// block reads a length and that many bytes.
func (c *cursor) block() []byte { return c.take(c.uleb()) }

// maxString bounds a string, so that a hostile section cannot have every entry
// search all of it; the augmentations in use have up to five letters.
const maxString = 32

// cstring reads up to a zero byte.
func (c *cursor) cstring() string {
	i := bytes.IndexByte(c.data[:min(len(c.data), maxString)], 0)
	if i < 0 {
		c.bad, c.data = true, nil
		return ""
	}
	return string(c.take(uint64(i) + 1)[:i])
}
