package types

import (
	"debug/dwarf"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// spelling is a parsed C type name: a named type under pointers and arrays.
type spelling struct {
	tag  string // struct, union, enum or "" for typedefs and base types
	name string
	ptrs int
	dims []int64 // outermost first
}

// maxPtrs bounds the stars in a type name.
const maxPtrs = 16

// parseSpelling reads a type name. Qualifiers are dropped, base types come
// out under the name compilers use in debug info.
func parseSpelling(s string) (spelling, error) {
	var sp spelling
	var words []string
	rest := s
	for rest = strings.TrimSpace(rest); rest != ""; rest = strings.TrimSpace(rest) {
		switch n := identLen(rest); {
		case n > 0 && sp.ptrs+len(sp.dims) == 0 || n > 0 && isQualifier(rest[:n]):
			words = append(words, rest[:n])
			rest = rest[n:]
		case rest[0] == '*' && len(sp.dims) == 0:
			if sp.ptrs++; sp.ptrs > maxPtrs {
				return sp, errors.New("too many pointers")
			}
			rest = rest[1:]
		case rest[0] == '[':
			num, tail, ok := strings.Cut(rest[1:], "]")
			dim, err := strconv.ParseInt(strings.TrimSpace(num), 0, 32)
			if !ok || err != nil || dim < 0 || len(sp.dims) == 4 {
				return sp, errors.New("bad array size")
			}
			sp.dims = append(sp.dims, dim)
			rest = tail
		default:
			return sp, fmt.Errorf("unexpected %q", rest[:1])
		}
	}
	words = slices.DeleteFunc(words, isQualifier)
	if len(words) == 0 {
		return sp, errors.New("no type name")
	}
	return sp, sp.setName(words)
}

func (sp *spelling) setName(words []string) error {
	switch words[0] {
	case "struct", "union", "enum":
		if len(words) != 2 {
			return fmt.Errorf("want one name behind %q", words[0])
		}
		sp.tag, sp.name = words[0], words[1]
		return nil
	}
	if len(words) == 1 && !isBaseWord(words[0]) {
		sp.name = words[0]
		return nil
	}
	var err error
	sp.name, err = baseName(words)
	return err
}

// plain reports whether the name stands alone, without pointers and arrays.
func (sp *spelling) plain() bool { return sp.ptrs+len(sp.dims) == 0 }

// wrap puts pointers and arrays around the named type.
func (sp *spelling) wrap(t dwarf.Type) dwarf.Type {
	for range sp.ptrs {
		t = PointerTo(t)
	}
	for _, n := range slices.Backward(sp.dims) {
		a := &dwarf.ArrayType{Type: t, Count: n}
		a.ByteSize, _ = SizeOf(a)
		t = a
	}
	return t
}

func identLen(s string) int {
	n := 0
	for n < len(s) && (s[n] == '_' || s[n]|0x20 >= 'a' && s[n]|0x20 <= 'z' || n > 0 && s[n] >= '0' && s[n] <= '9') {
		n++
	}
	return n
}

func isQualifier(w string) bool {
	switch w {
	case "const", "volatile", "restrict", "__restrict", "_Atomic":
		return true
	}
	return false
}

func isBaseWord(w string) bool {
	switch w {
	case "char", "short", "int", "long", "signed", "unsigned", "float", "double", "_Bool", "void":
		return true
	}
	return false
}

// baseName brings the words of a C base type into the order gcc and clang
// write them: "long unsigned int" for "unsigned long".
func baseName(words []string) (string, error) {
	count := make(map[string]int)
	for _, w := range words {
		if !isBaseWord(w) {
			return "", fmt.Errorf("unexpected %q", w)
		}
		count[w]++
	}
	unsigned := count["unsigned"] > 0
	sign := ""
	if unsigned {
		sign = "unsigned "
	}
	switch {
	case count["void"]+count["_Bool"]+count["float"] > 0 && len(words) == 1:
		return words[0], nil
	case count["double"] > 0:
		return strings.Join(words, " "), nil
	case count["char"] > 0 && count["signed"] > 0:
		return "signed char", nil
	case count["char"] > 0:
		return sign + "char", nil
	case count["short"] > 0:
		return "short " + sign + "int", nil
	case count["long"] > 1:
		return "long long " + sign + "int", nil
	case count["long"] > 0:
		return "long " + sign + "int", nil
	}
	return sign + "int", nil
}

// builtinType knows the C base types by size, for files whose debug info never
// uses one of them.
func builtinType(name string) (dwarf.Type, bool) {
	sizes := map[string]int64{"char": 1, "signed char": 1, "short int": 2, "int": 4, "long int": 8, "long long int": 8}
	switch name {
	case "_Bool":
		return &dwarf.BoolType{BasicType: basic(name, 1)}, true
	case "char", "signed char":
		return &dwarf.CharType{BasicType: basic(name, 1)}, true
	case "unsigned char":
		return &dwarf.UcharType{BasicType: basic(name, 1)}, true
	}
	if n, ok := sizes[name]; ok {
		return &dwarf.IntType{BasicType: basic(name, n)}, true
	}
	if n, ok := sizes[strings.Replace(name, "unsigned ", "", 1)]; ok {
		return &dwarf.UintType{BasicType: basic(name, n)}, true
	}
	return nil, false
}
