package types

import (
	"debug/dwarf"
	"encoding/binary"
	"fmt"
)

// maxTypeDepth bounds chains of by-value types; real ones stay below 20.
const maxTypeDepth = 128

// converter turns BTF types into debug/dwarf types, each once. Named structs
// behind pointers become declarations ("shells"), so that task_struct does not
// drag in half of the kernel.
type converter struct {
	b        *btf
	done     map[convKey]dwarf.Type
	building map[convKey]bool
	shells   map[uint32]*dwarf.StructType
	shellID  map[*dwarf.StructType]uint32
}

// convKey tells apart the two forms of a type: by value, with its members,
// and as seen through a pointer.
type convKey struct {
	id  uint32
	ref bool
}

func (c *converter) init(b *btf) {
	c.b = b
	c.done = make(map[convKey]dwarf.Type)
	c.building = make(map[convKey]bool)
	c.shells = make(map[uint32]*dwarf.StructType)
	c.shellID = make(map[*dwarf.StructType]uint32)
}

// typeOf converts a type with all its by-value parts.
func (b *btf) typeOf(id uint32) dwarf.Type { return b.conv.convert(id, false, 0) }

// completion gives the definition behind a shell made here, or nil.
func (b *btf) completion(st *dwarf.StructType) dwarf.Type {
	id, ok := b.conv.shellID[st]
	if !ok || b.declares(id) {
		return nil
	}
	return b.typeOf(id)
}

func (c *converter) convert(id uint32, ref bool, depth int) dwarf.Type {
	if id == 0 {
		return new(dwarf.VoidType)
	}
	t, ok := c.b.at(id)
	if !ok || depth > maxTypeDepth {
		return unknownType(fmt.Sprintf("<bad type %d>", id))
	}
	isStruct := t.kind == btfStruct || t.kind == btfUnion
	key := convKey{id, ref}
	switch {
	case t.kind == btfFwd, isStruct && t.declares(), isStruct && ref && t.name != 0:
		return c.shell(id, t)
	case c.done[key] != nil:
		return c.done[key]
	case c.building[key] && isStruct:
		return c.shell(id, t)
	case c.building[key]:
		return unknownType("<recursive type>") // no C compiler makes one
	}
	c.building[key] = true
	out := c.build(id, t, ref, depth+1)
	delete(c.building, key)
	c.done[key] = out
	return out
}

// shell makes the declaration of a struct or union, one per id.
func (c *converter) shell(id uint32, t btfType) dwarf.Type {
	if st := c.shells[id]; st != nil {
		return st
	}
	st := &dwarf.StructType{Kind: "struct", StructName: c.b.str(t.name), Incomplete: true}
	st.Name = st.StructName
	if t.kind != btfFwd {
		st.ByteSize = int64(t.arg)
	}
	if t.kind == btfUnion || t.kind == btfFwd && t.flag {
		st.Kind = "union"
	}
	c.shells[id], c.shellID[st] = st, id
	return st
}

// build converts one record; parts go through convert.
func (c *converter) build(id uint32, t btfType, ref bool, depth int) dwarf.Type {
	name := c.b.str(t.name)
	switch t.kind {
	case btfInt:
		return intType(name, t)
	case btfFloat:
		return &dwarf.FloatType{BasicType: basic(name, int64(t.arg))}
	case btfPtr:
		p := &dwarf.PtrType{Type: c.convert(t.arg, true, depth)}
		p.ByteSize = 8
		return p
	case btfArray:
		return c.array(t, ref, depth)
	case btfStruct, btfUnion:
		return c.structure(name, t, depth)
	case btfEnum, btfEnum64:
		return enumType(c.b, name, t)
	case btfTypedef:
		td := &dwarf.TypedefType{Type: c.convert(t.arg, ref, depth)}
		td.Name = name
		td.ByteSize, _ = SizeOf(td.Type)
		return td
	case btfVolatile, btfConst, btfRestrict:
		q := &dwarf.QualType{Qual: qualifier(t.kind), Type: c.convert(t.arg, ref, depth)}
		q.ByteSize, _ = SizeOf(q.Type)
		return q
	case btfTypeTag, btfVar:
		return c.convert(t.arg, ref, depth)
	case btfFuncProto:
		return c.proto(t, depth)
	case btfFunc:
		return c.convert(t.arg, ref, depth)
	}
	return unknownType(fmt.Sprintf("<bad type %d>", id))
}

func qualifier(k btfKind) string {
	switch k {
	case btfVolatile:
		return "volatile"
	case btfRestrict:
		return "restrict"
	}
	return "const"
}

func (c *converter) array(t btfType, ref bool, depth int) dwarf.Type {
	le := binary.LittleEndian
	a := &dwarf.ArrayType{Type: c.convert(le.Uint32(t.extra), ref, depth), Count: int64(le.Uint32(t.extra[8:]))}
	a.ByteSize, _ = SizeOf(a)
	return a
}

// structure converts the members. Offsets are in bits; with the kind flag set
// the upper byte of the offset is the size of a bit field.
func (c *converter) structure(name string, t btfType, depth int) dwarf.Type {
	st := &dwarf.StructType{Kind: "struct", StructName: name}
	st.Name, st.ByteSize = name, int64(t.arg)
	if t.kind == btfUnion {
		st.Kind = "union"
	}
	st.Field = make([]*dwarf.StructField, 0, t.vlen)
	le := binary.LittleEndian
	for m := t.extra; len(m) >= 12; m = m[12:] {
		f := &dwarf.StructField{Name: c.b.str(le.Uint32(m)), Type: c.convert(le.Uint32(m[4:]), false, depth)}
		bits := int64(le.Uint32(m[8:]))
		if t.flag {
			f.BitSize = bits >> 24
			bits &= 0xffffff
		}
		f.ByteOffset = bits / 8
		if f.BitSize != 0 || bits%8 != 0 {
			f.ByteOffset, f.DataBitOffset = 0, bits
		}
		st.Field = append(st.Field, f)
	}
	return st
}

func (c *converter) proto(t btfType, depth int) dwarf.Type {
	f := &dwarf.FuncType{ReturnType: c.convert(t.arg, true, depth)}
	le := binary.LittleEndian
	for p := t.extra; len(p) >= 8; p = p[8:] {
		id := le.Uint32(p[4:])
		if id == 0 { // the last parameter of f(int, ...)
			f.ParamType = append(f.ParamType, new(dwarf.DotDotDotType))
			continue
		}
		f.ParamType = append(f.ParamType, c.convert(id, true, depth))
	}
	return f
}

// Encodings of a BTF integer.
const (
	btfSigned = 1 << iota
	btfChar
	btfBool
)

func intType(name string, t btfType) dwarf.Type {
	enc := binary.LittleEndian.Uint32(t.extra) >> 24 & 0xf
	b := basic(name, int64(t.arg))
	switch {
	case enc&btfBool != 0:
		return &dwarf.BoolType{BasicType: b}
	case name == "unsigned char":
		return &dwarf.UcharType{BasicType: b}
	case enc&btfChar != 0, name == "char", name == "signed char":
		return &dwarf.CharType{BasicType: b}
	case enc&btfSigned != 0:
		return &dwarf.IntType{BasicType: b}
	}
	return &dwarf.UintType{BasicType: b}
}

func enumType(b *btf, name string, t btfType) dwarf.Type {
	e := &dwarf.EnumType{EnumName: name}
	e.Name, e.ByteSize = name, int64(t.arg)
	le := binary.LittleEndian
	step := 8
	if t.kind == btfEnum64 {
		step = 12
	}
	for m := t.extra; len(m) >= step; m = m[step:] {
		v := &dwarf.EnumValue{Name: b.str(le.Uint32(m))}
		switch {
		case t.kind == btfEnum64:
			v.Val = int64(uint64(le.Uint32(m[4:])) | uint64(le.Uint32(m[8:]))<<32)
		case t.flag: // signed
			v.Val = int64(int32(le.Uint32(m[4:])))
		default:
			v.Val = int64(le.Uint32(m[4:]))
		}
		e.Val = append(e.Val, v)
	}
	return e
}
