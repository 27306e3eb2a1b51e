package types

import (
	"debug/dwarf"

	"ktrap/symbols/cfi"
	"ktrap/symbols/dwarfx"
)

// structure converts a struct or union with its members.
func (c *dieConverter) structure(e die, depth int) dwarf.Type {
	st := &dwarf.StructType{Kind: structKind(e.tag), StructName: e.name()}
	st.Name = st.StructName
	st.ByteSize, _ = e.number(attrByteSize)
	e.eachChild(func(m die) bool {
		if m.tag == tagMember {
			st.Field = append(st.Field, c.member(m, depth))
		}
		return true
	})
	return st
}

func (c *dieConverter) member(m die, depth int) *dwarf.StructField {
	f := &dwarf.StructField{Name: m.name(), Type: c.refType(m, false, depth)}
	f.ByteOffset = memberOffset(m)
	f.BitSize, _ = m.number(attrBitSize)
	f.DataBitOffset, _ = m.number(attrDataBitOffset)
	if m.has(attrBitOffset) {
		// The storage unit is that of the declared type if not said.
		// FieldOf tells the two ways of counting bits by its size.
		f.BitOffset, _ = m.number(attrBitOffset)
		if f.ByteSize, _ = m.number(attrByteSize); f.ByteSize == 0 {
			f.ByteSize, _ = SizeOf(f.Type)
		}
	}
	return f
}

// memberOffset gives the place of a member; DWARF 2 wrote it as an expression
// over the struct's address.
func memberOffset(m die) int64 {
	a, ok := m.get(attrMemberLocation)
	if ok && a.block != nil {
		off, err := cfi.Eval(a.block, new(cfi.Regs), nil, 0)
		if err != nil {
			return 0
		}
		return int64(off)
	}
	return int64(a.val.U)
}

func baseType(e die) dwarf.Type {
	size, _ := e.number(attrByteSize)
	b := basic(e.name(), size)
	enc, _ := e.number(attrEncoding)
	switch enc {
	case encBoolean:
		return &dwarf.BoolType{BasicType: b}
	case encSigned:
		return &dwarf.IntType{BasicType: b}
	case encSignedChar:
		return &dwarf.CharType{BasicType: b}
	case encUnsignedChar:
		return &dwarf.UcharType{BasicType: b}
	case encUnsigned, encUTF:
		return &dwarf.UintType{BasicType: b}
	case encAddress:
		return &dwarf.AddrType{BasicType: b}
	case encFloat:
		return &dwarf.FloatType{BasicType: b}
	case encComplexFloat:
		return &dwarf.ComplexType{BasicType: b}
	}
	return unknownType(b.Name)
}

func enumeration(e die) dwarf.Type {
	t := &dwarf.EnumType{EnumName: e.name()}
	t.Name = t.EnumName
	t.ByteSize, _ = e.number(attrByteSize)
	e.eachChild(func(v die) bool {
		if v.tag == tagEnumerator {
			t.Val = append(t.Val, &dwarf.EnumValue{Name: v.name(), Val: enumValue(v)})
		}
		return true
	})
	return t
}

func enumValue(v die) int64 {
	n, _ := v.number(attrConstValue)
	return n
}

// findType gives the offset of the first entry of that C tag and name; a
// definition wins over a declaration. Misses are remembered too: they cost most.
func (d *dwarfData) findType(tag, name string) (uint64, bool) {
	key := [2]string{tag, name}
	if off, known := d.found[key]; known {
		return off, off != 0
	}
	var decl uint64
	for e := range d.named(query{name: name, tags: tagsOf(tag)}) {
		if !e.has(attrDeclaration) {
			decl = e.off
			break
		}
		if decl == 0 {
			decl = e.off
		}
	}
	if len(d.found) >= maxRemembered {
		clear(d.found)
	}
	d.found[key] = decl
	return decl, decl != 0
}

func tagsOf(tag string) []dwarfx.Tag {
	switch tag {
	case "struct":
		return []dwarfx.Tag{tagStruct, tagClass}
	case "union":
		return []dwarfx.Tag{tagUnion}
	case "enum":
		return []dwarfx.Tag{tagEnumeration}
	}
	return []dwarfx.Tag{tagTypedef, tagBase, tagUnspecified}
}
