package types

import (
	"debug/dwarf"

	"ktrap/symbols/dwarfx"
)

// dieConverter turns type entries into debug/dwarf types, each once, in the
// way of [converter]: named structs behind pointers become declarations.
//
// It stands where (*dwarf.Data).Type would do the same: that one converts
// everything reachable (15 ms and 10 MB for task_struct), recurses without a
// bound, and takes an array in front of a DWARF 5 bit field for empty.
type dieConverter struct {
	d        *dwarfData
	done     map[dieKey]dwarf.Type
	building map[dieKey]bool
	shells   map[uint64]*dwarf.StructType
	shellOff map[*dwarf.StructType]uint64 // definitions only
	align    alignments
}

type dieKey struct {
	off uint64
	ref bool
}

func (c *dieConverter) init(d *dwarfData) {
	c.d = d
	c.done = make(map[dieKey]dwarf.Type)
	c.building = make(map[dieKey]bool)
	c.shells = make(map[uint64]*dwarf.StructType)
	c.shellOff = make(map[*dwarf.StructType]uint64)
	c.align = alignments{make(map[*dwarf.StructType]int64), make(map[*dwarf.StructField]int64)}
}

// typeOf converts the type entry at an offset with all its by-value parts.
func (d *dwarfData) typeOf(off uint64) dwarf.Type { return d.conv.convert(off, false, 0) }

// typeAttr converts the type an entry, or its declaration, refers to.
func (d *dwarfData) typeAttr(e die) dwarf.Type {
	if e, ok := d.inherited(e, attrType); ok {
		return d.conv.refType(e, false, 0)
	}
	return new(dwarf.VoidType)
}

// completion gives the definition behind a shell made here, or nil.
func (d *dwarfData) completion(st *dwarf.StructType) dwarf.Type {
	if off, ok := d.conv.shellOff[st]; ok {
		return d.typeOf(off)
	}
	return nil
}

// refType converts what DW_AT_type of an entry refers to; nothing is void.
func (c *dieConverter) refType(e die, ref bool, depth int) dwarf.Type {
	if !e.has(attrType) {
		return new(dwarf.VoidType)
	}
	off, ok := e.ref(attrType)
	if !ok {
		return unknownType("<bad type reference>")
	}
	return c.convert(off, ref, depth)
}

func (c *dieConverter) convert(off uint64, ref bool, depth int) dwarf.Type {
	key := dieKey{off, ref}
	if t := c.done[key]; t != nil {
		return t
	}
	e, ok := c.d.die(off)
	if !ok || depth > maxTypeDepth {
		return unknownType("<bad type>")
	}
	isStruct := e.tag == tagStruct || e.tag == tagUnion || e.tag == tagClass
	switch {
	case isStruct && e.has(attrDeclaration), isStruct && ref && e.has(dwarfx.AttrName):
		return c.shell(e)
	case c.building[key] && isStruct:
		return c.shell(e)
	case c.building[key]:
		return unknownType("<recursive type>") // no C compiler makes one
	}
	c.building[key] = true
	t := c.build(e, ref, depth+1)
	delete(c.building, key)
	c.done[key] = t
	return t
}

// shell makes the declaration of a struct or union, one per entry.
func (c *dieConverter) shell(e die) dwarf.Type {
	if st := c.shells[e.off]; st != nil {
		return st
	}
	st := &dwarf.StructType{Kind: structKind(e.tag), StructName: e.name(), Incomplete: true}
	st.Name = st.StructName
	st.ByteSize, _ = e.number(attrByteSize)
	c.shells[e.off] = st
	if !e.has(attrDeclaration) {
		c.shellOff[st] = e.off
	}
	return st
}

func structKind(t dwarfx.Tag) string {
	if t == tagUnion {
		return "union"
	}
	return "struct"
}

// build converts one entry; parts go through convert.
func (c *dieConverter) build(e die, ref bool, depth int) dwarf.Type {
	switch e.tag {
	case tagBase:
		return baseType(e)
	case tagPointer, tagReference:
		return PointerTo(c.refType(e, true, depth))
	case tagStruct, tagUnion, tagClass:
		return c.structure(e, depth)
	case tagArray:
		return c.array(e, ref, depth)
	case tagEnumeration:
		return enumeration(e)
	case tagTypedef:
		td := &dwarf.TypedefType{Type: c.refType(e, ref, depth)}
		td.Name = e.name()
		td.ByteSize, _ = SizeOf(td.Type)
		return td
	case tagConst, tagVolatile, tagRestrict:
		q := &dwarf.QualType{Qual: dieQualifier(e.tag), Type: c.refType(e, ref, depth)}
		q.ByteSize, _ = SizeOf(q.Type)
		return q
	case tagAtomic, tagImmutable:
		return c.refType(e, ref, depth)
	case tagSubroutine, tagSubprogram:
		return c.function(e, depth)
	}
	return unknownType(e.name())
}

func dieQualifier(t dwarfx.Tag) string {
	switch t {
	case tagVolatile:
		return "volatile"
	case tagRestrict:
		return "restrict"
	}
	return "const"
}

func (c *dieConverter) function(e die, depth int) dwarf.Type {
	f := &dwarf.FuncType{ReturnType: new(dwarf.VoidType)}
	if o, ok := c.d.inherited(e, attrType); ok {
		f.ReturnType = c.refType(o, true, depth)
	}
	e.eachChild(func(p die) bool {
		switch p.tag {
		case tagFormalParam:
			if p, ok := c.d.inherited(p, attrType); ok {
				f.ParamType = append(f.ParamType, c.refType(p, true, depth))
			}
		case tagUnspecParams:
			f.ParamType = append(f.ParamType, new(dwarf.DotDotDotType))
		}
		return true
	})
	return f
}

// array converts an array; several dimensions become arrays of arrays.
func (c *dieConverter) array(e die, ref bool, depth int) dwarf.Type {
	var dims []int64
	e.eachChild(func(s die) bool {
		if s.tag == tagSubrange && len(dims) < maxRefs {
			dims = append(dims, dimensionOf(s))
		}
		return true
	})
	if len(dims) == 0 {
		dims = []int64{-1}
	}
	t := c.refType(e, ref, depth)
	for n := len(dims) - 1; n >= 0; n-- {
		a := &dwarf.ArrayType{Type: t, Count: dims[n]}
		a.ByteSize, _ = SizeOf(a)
		t = a
	}
	return t
}

// dimensionOf gives the number of elements; -1 when it is left open. GNU C
// writes the upper bound of a[0] as -1, in as many bits as it likes.
func dimensionOf(s die) int64 {
	if n, ok := s.number(attrCount); ok && n >= 0 {
		return n
	}
	a, ok := s.get(attrUpperBound)
	if !ok || a.block != nil || a.val.Form == dwarfx.FormRef4 {
		return -1
	}
	n := int64(a.val.U)
	if a.val.Form == dwarfx.FormData4 {
		n = int64(int32(a.val.U))
	}
	if n < -1 || n+1 < 0 {
		return -1
	}
	return n + 1
}
