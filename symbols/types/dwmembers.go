package types

import (
	"debug/dwarf"
	"slices"
	"strings"

	"ktrap/symbols/cfi"
	"ktrap/symbols/dwarfx"
)

// structure converts a struct or union with its members.
func (c *dieConverter) structure(e die, depth int) dwarf.Type {
	st := &dwarf.StructType{Kind: structKind(e.tag), StructName: e.name()}
	st.Name = st.StructName
	st.ByteSize, _ = e.number(attrByteSize)
	if n, ok := e.number(attrAlignment); ok {
		c.align.types[st] = n
	}
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
	if n, ok := m.number(attrAlignment); ok {
		c.align.fields[f] = n
	}
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

// findType gives the offset of an entry of that name and of the first of the C
// tags there is, in the first unit that has any; a definition wins over a
// declaration. Misses are remembered too: they cost most.
func (d *dwarfData) findType(tags []string, name string) (uint64, bool) {
	key := [2]string{strings.Join(tags, "|"), name}
	if off, known := d.found[key]; known {
		return off, off != 0
	}
	var decl uint64
	var best die
	rank := len(tags)
	for e := range d.named(&query{name: name, tags: tagsOf(tags...)}) {
		if best.unit != nil && e.unit != best.unit {
			break
		}
		switch r := rankOf(e.tag, tags); {
		case e.has(attrDeclaration):
			if decl == 0 {
				decl = e.off
			}
			continue
		case r < rank:
			best, rank = e, r
		}
		if rank == 0 {
			break // none can be better
		}
	}
	off := decl
	if best.unit != nil {
		off = best.off
	}
	if len(d.found) >= maxRemembered {
		clear(d.found)
	}
	d.found[key] = off
	return off, off != 0
}

// rankOf gives the place of an entry's C tag in a list.
func rankOf(t dwarfx.Tag, tags []string) int {
	return slices.IndexFunc(tags, func(tag string) bool { return slices.Contains(tagsOf(tag), t) })
}

// tagsOf gives the tags of entries that C tags may have.
func tagsOf(tags ...string) (out []dwarfx.Tag) {
	for _, tag := range tags {
		switch tag {
		case "struct":
			out = append(out, tagStruct, tagClass)
		case "union":
			out = append(out, tagUnion)
		case "enum":
			out = append(out, tagEnumeration)
		default:
			out = append(out, tagTypedef, tagBase, tagUnspecified)
		}
	}
	return out
}
