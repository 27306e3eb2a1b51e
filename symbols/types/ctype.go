package types

import (
	"debug/dwarf"
	"math"
)

// maxStrip bounds chains of typedefs and qualifiers.
const maxStrip = 64

// Strip takes typedefs and qualifiers off.
func Strip(t dwarf.Type) dwarf.Type {
	for range maxStrip {
		switch u := t.(type) {
		case *dwarf.TypedefType:
			t = u.Type
		case *dwarf.QualType:
			t = u.Type
		default:
			return t
		}
	}
	return unknownType("<endless typedef>")
}

// SizeOf gives the size of a type. Unlike Type.Size it ends on every graph and
// refuses sizes that overflow. Flexible arrays have size 0; functions, void
// and unknown types have none.
// Units: bytes.
func SizeOf(t dwarf.Type) (int64, bool) {
	count := int64(1)
	for range maxStrip {
		switch u := Strip(t).(type) {
		case nil, *dwarf.VoidType, *dwarf.FuncType, *dwarf.DotDotDotType, *dwarf.UnspecifiedType, *dwarf.UnsupportedType:
			return 0, false
		case *dwarf.ArrayType:
			if u.Count <= 0 {
				return 0, true
			}
			if count > math.MaxInt64/u.Count {
				return 0, false
			}
			count *= u.Count
			t = u.Type
		case *dwarf.StructType:
			return times(count, u.ByteSize, !u.Incomplete || u.ByteSize > 0)
		case *dwarf.PtrType:
			return times(count, 8, true)
		default:
			return times(count, u.Common().ByteSize, true)
		}
	}
	return 0, false
}

func times(count, size int64, known bool) (int64, bool) {
	if !known || size < 0 || size > 0 && count > math.MaxInt64/size {
		return 0, false
	}
	return count * size, true
}

// PointerTo gives the type of a pointer to t.
func PointerTo(t dwarf.Type) *dwarf.PtrType {
	p := &dwarf.PtrType{Type: t}
	p.ByteSize = 8
	return p
}

// unknownType stands for what could not be decoded, so that the rest of a
// struct is still of use.
func unknownType(name string) dwarf.Type {
	return &dwarf.UnspecifiedType{BasicType: basic(name, 0)}
}

func basic(name string, size int64) dwarf.BasicType {
	var b dwarf.BasicType
	b.Name, b.ByteSize = name, size
	return b
}
