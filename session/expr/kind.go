package expr

import (
	"debug/dwarf"

	"ktrap/symbols/types"
)

// kind is what a type is to the evaluator, typedefs and qualifiers off.
type kind uint8

const (
	kindOther kind = iota // void, complex, unknown
	kindSigned
	kindUnsigned
	kindBool
	kindChar // one byte, shown as a character too
	kindEnum
	kindPointer
	kindFloat
	kindArray
	kindStruct
	kindFunc
)

func kindOf(t dwarf.Type) kind {
	switch types.Strip(t).(type) {
	case *dwarf.IntType:
		return kindSigned
	case *dwarf.UintType, *dwarf.AddrType:
		return kindUnsigned
	case *dwarf.BoolType:
		return kindBool
	case *dwarf.CharType, *dwarf.UcharType:
		return kindChar
	case *dwarf.EnumType:
		return kindEnum
	case *dwarf.PtrType:
		return kindPointer
	case *dwarf.FloatType:
		return kindFloat
	case *dwarf.ArrayType:
		return kindArray
	case *dwarf.StructType:
		return kindStruct
	case *dwarf.FuncType:
		return kindFunc
	}
	return kindOther
}

// signed reports whether values of the type extend with their sign.
func signed(t dwarf.Type) bool {
	switch u := types.Strip(t).(type) {
	case *dwarf.IntType, *dwarf.CharType:
		return true
	case *dwarf.EnumType:
		for _, v := range u.Val {
			if v.Val < 0 {
				return true
			}
		}
	}
	return false
}

// integral reports whether the kind takes part in integer arithmetic.
func (k kind) integral() bool {
	switch k {
	case kindSigned, kindUnsigned, kindBool, kindChar, kindEnum:
		return true
	}
	return false
}

// target gives the type a pointer points to or an array consists of.
func target(t dwarf.Type) (dwarf.Type, bool) {
	switch u := types.Strip(t).(type) {
	case *dwarf.PtrType:
		return u.Type, true
	case *dwarf.ArrayType:
		return u.Type, true
	}
	return nil, false
}

// The types of what expressions compute. They are never changed.
var (
	typeChar  dwarf.Type = &dwarf.CharType{BasicType: basic("char", 1)}
	typeInt   dwarf.Type = &dwarf.IntType{BasicType: basic("int", 4)}
	typeUint  dwarf.Type = &dwarf.UintType{BasicType: basic("unsigned int", 4)}
	typeLong  dwarf.Type = &dwarf.IntType{BasicType: basic("long", 8)}
	typeUlong dwarf.Type = &dwarf.UintType{BasicType: basic("unsigned long", 8)}
	// noDebugInfo is the type of a symbol: it has an address, nothing else.
	noDebugInfo dwarf.Type = &dwarf.UnspecifiedType{BasicType: basic("no debug info", 0)}
)

func basic(name string, size int64) dwarf.BasicType {
	var b dwarf.BasicType
	b.Name, b.ByteSize = name, size
	return b
}
