package types

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
)

// btfKind is the kind of a BTF type.
// Source: linux Documentation/bpf/btf.rst, include/uapi/linux/btf.h.
type btfKind uint8

const (
	btfInt btfKind = iota + 1
	btfPtr
	btfArray
	btfStruct
	btfUnion
	btfEnum
	btfFwd
	btfTypedef
	btfVolatile
	btfConst
	btfRestrict
	btfFunc
	btfFuncProto
	btfVar
	btfDatasec
	btfFloat
	btfDeclTag
	btfTypeTag
	btfEnum64
)

const (
	btfMagic      = 0xeb9f
	btfHeaderSize = 24
	btfTypeSize   = 12 // name_off, info, size or type
)

// btf is an indexed .BTF section. The index is made in one walk; types are
// converted when asked for.
type btf struct {
	// Immutable.
	base    *btf     // types below first, strings below strBase
	types   []byte   // the type section
	strs    []byte   // the string section
	off     []uint32 // off[n] is the place of type first+n in types
	first   uint32
	strBase uint32
	// distilled says that this is a .BTF.base: structs are reduced to their size.
	distilled bool

	// Owned by the Info, under its lock.
	conv converter
}

// btfType is one decoded type record.
type btfType struct {
	name  uint32
	kind  btfKind
	vlen  int
	flag  bool
	arg   uint32 // size, or the id of the type referred to
	bare  bool   // members are left out, see btf.distilled
	extra []byte // what follows the record, complete
}

// newBTF checks the header and indexes the types.
func newBTF(data []byte, base *btf) (*btf, error) {
	if len(data) < btfHeaderSize {
		return nil, fmt.Errorf("BTF header of %d bytes is too short", len(data))
	}
	le := binary.LittleEndian
	if m := le.Uint16(data); m != btfMagic {
		return nil, fmt.Errorf("BTF magic is %#x, not %#x", m, btfMagic)
	}
	if data[2] != 1 {
		return nil, fmt.Errorf("BTF version %d is not known", data[2])
	}
	hdr := uint64(le.Uint32(data[4:]))
	part := func(at int) ([]byte, error) {
		off := hdr + uint64(le.Uint32(data[at:]))
		end := off + uint64(le.Uint32(data[at+4:]))
		if end > uint64(len(data)) {
			return nil, fmt.Errorf("BTF part [%#x, %#x) lies outside %#x bytes", off, end, len(data))
		}
		return data[off:end], nil
	}
	b := &btf{base: base, first: 1}
	var err error
	if b.types, err = part(8); err != nil {
		return nil, err
	}
	if b.strs, err = part(16); err != nil {
		return nil, err
	}
	if base != nil {
		b.first = base.first + uint32(len(base.off))
		b.strBase = base.strBase + uint32(len(base.strs))
	}
	if err := b.index(); err != nil {
		return nil, err
	}
	b.conv.init(b)
	return b, nil
}

// index records where each type begins.
func (b *btf) index() error {
	b.off = make([]uint32, 0, len(b.types)/32)
	for at := 0; at < len(b.types); {
		rest := b.types[at:]
		if len(rest) < btfTypeSize {
			return fmt.Errorf("BTF type %d is cut off", len(b.off)+int(b.first))
		}
		info := binary.LittleEndian.Uint32(rest[4:])
		n, ok := extraSize(btfKind(info>>24&0x1f), int(info&0xffff))
		if !ok || n > len(rest)-btfTypeSize {
			return fmt.Errorf("BTF type %d: bad kind %d or length", len(b.off)+int(b.first), info>>24&0x1f)
		}
		b.off = append(b.off, uint32(at))
		at += btfTypeSize + n
	}
	return nil
}

// extraSize is the number of bytes behind a type record.
func extraSize(k btfKind, vlen int) (int, bool) {
	switch k {
	case btfInt, btfVar, btfDeclTag:
		return 4, true
	case btfArray:
		return 12, true
	case btfStruct, btfUnion, btfDatasec, btfEnum64:
		return vlen * 12, true
	case btfEnum, btfFuncProto:
		return vlen * 8, true
	case btfPtr, btfFwd, btfTypedef, btfVolatile, btfConst, btfRestrict, btfFunc, btfFloat, btfTypeTag:
		return 0, true
	}
	return 0, false
}

// at decodes the record of a type id.
func (b *btf) at(id uint32) (btfType, bool) {
	if id < b.first {
		if b.base == nil {
			return btfType{}, false
		}
		return b.base.at(id)
	}
	n := id - b.first
	if n >= uint32(len(b.off)) {
		return btfType{}, false
	}
	end := uint32(len(b.types))
	if n+1 < uint32(len(b.off)) {
		end = b.off[n+1]
	}
	p := b.types[b.off[n]:end]
	le := binary.LittleEndian
	info := le.Uint32(p[4:])
	return btfType{
		name:  le.Uint32(p),
		kind:  btfKind(info >> 24 & 0x1f),
		vlen:  int(info & 0xffff),
		flag:  info>>31 != 0,
		arg:   le.Uint32(p[8:]),
		bare:  b.distilled,
		extra: p[btfTypeSize:],
	}, true
}

// str reads a string; a bad offset reads as the empty name.
func (b *btf) str(off uint32) string {
	if off < b.strBase {
		return b.base.str(off)
	}
	if off -= b.strBase; off >= uint32(len(b.strs)) {
		return ""
	}
	s := b.strs[off:]
	if n := bytes.IndexByte(s, 0); n >= 0 {
		return string(s[:n])
	}
	return ""
}

// strOffset finds a string. BTF strings are unique, in a split BTF together
// with those of its base.
func (b *btf) strOffset(s string) (uint32, bool) {
	if b.base != nil {
		if off, ok := b.base.strOffset(s); ok {
			return off, true
		}
	}
	if s == "" {
		return 0, false
	}
	if b.base != nil && bytes.HasPrefix(b.strs, []byte(s+"\x00")) {
		return b.strBase, true // a split BTF has no empty string in front
	}
	n := bytes.Index(b.strs, []byte("\x00"+s+"\x00"))
	if n < 0 {
		return 0, false
	}
	return b.strBase + uint32(n) + 1, true
}

// all yields the ids of the types of a name.
func (b *btf) all(name string) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		off, ok := b.strOffset(name)
		if !ok {
			return
		}
		for n, at := range b.off {
			if binary.LittleEndian.Uint32(b.types[at:]) == off && !yield(b.first+uint32(n)) {
				return
			}
		}
	}
}

// find gives the id of the first type of that tag and name; a definition wins
// over a declaration.
func (b *btf) find(tag, name string) (uint32, bool) {
	var decl uint32
	for id := range b.all(name) {
		switch t, _ := b.at(id); {
		case !t.tagged(tag):
		case t.declares():
			decl = id
		default:
			return id, true
		}
	}
	return decl, decl != 0
}

// tagged reports whether a type is found under that C tag.
func (t btfType) tagged(tag string) bool {
	switch t.kind {
	case btfStruct:
		return tag == "struct"
	case btfUnion:
		return tag == "union"
	case btfEnum, btfEnum64:
		return tag == "enum"
	case btfFwd:
		return tag == "struct" && !t.flag || tag == "union" && t.flag
	case btfInt, btfFloat, btfTypedef:
		return tag == ""
	}
	return false
}

// declares reports whether the type of an id is only declared.
func (b *btf) declares(id uint32) bool {
	t, ok := b.at(id)
	return ok && t.declares()
}

// declares reports whether members are left out: a forward declaration, or a
// struct reduced to its size as .BTF.base has them.
func (t btfType) declares() bool {
	return t.kind == btfFwd || (t.kind == btfStruct || t.kind == btfUnion) && t.bare && t.vlen == 0 && t.arg > 0
}
