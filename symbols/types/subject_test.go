package types

import (
	"debug/elf"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"

	"ktrap/symbols/elffile"
)

// withSymbol is a stripped image: types and one variable's symbol.
type withSymbol struct{ btfOnly }

func (withSymbol) AllSymbols() (iter.Seq[elffile.Symbol], error) {
	return slices.Values([]elffile.Symbol{{Name: "square", Value: 0xffffffff82000000, Type: elf.STT_OBJECT}}), nil
}

func TestOfAVariableWithoutDWARFTheAddressIsSaid(t *testing.T) {
	info := New(withSymbol{fixtures(t)["BTF"].(btfOnly)})
	_, err := info.Subject("square")
	if !errors.Is(err, ErrNoDebugInfo) || !strings.Contains(err.Error(), "0xffffffff82000000") || !strings.Contains(err.Error(), "DWARF") {
		t.Errorf("a variable: %v", err)
	}
	if _, err := info.Subject("nosuch"); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "neither") {
		t.Errorf("nothing: %v", err)
	}
}

func TestASubjectIsATypeAVariableOrAMemberOfOne(t *testing.T) {
	tests := []struct {
		name, spelling string
		off            int64
		vars           int
		only           string // format that has it; "" all
	}{
		{"shape", "struct shape", 0, 0, ""},
		{"struct shape", "struct shape", 0, 0, ""},
		{"union number", "union number", 0, 0, ""},
		{"number", "union number", 0, 0, ""},
		{"state", "enum state", 0, 0, ""},
		{"u64", "u64", 0, 0, ""},
		{"unsigned long", "long unsigned int", 0, 0, ""},
		{"int[4]", "int [4]", 0, 0, ""},
		{"shape.list.prev", "struct list_head *", 64, 0, ""},
		{"struct shape.in[1].d", "char", 109, 0, ""},
		{"square", "struct shape", 0, 1, "DWARF"},
		{"&counter", "int", 0, 1, "DWARF"},
		{"square.name[3]", "char", 3, 1, "DWARF"},
	}
	for format, src := range fixtures(t) {
		info := New(src)
		for _, w := range tests {
			if w.only != "" && format == "BTF" {
				continue
			}
			s, err := info.Subject(w.name)
			if err != nil || Spell(s.Type) != w.spelling || len(s.Variables) != w.vars {
				t.Errorf("%s: %q is %+v, %v", format, w.name, s, err)
				continue
			}
			if s.Field != nil && s.Field.Off != w.off || s.Field == nil && w.off != 0 {
				t.Errorf("%s: %q lies at %+v, want %d", format, w.name, s.Field, w.off)
			}
		}
		for _, bad := range []string{"", ".", "nosuch", "shape.nosuch", "&shape", "shape.pid.x", "struct number"} {
			if s, err := info.Subject(bad); err == nil {
				t.Errorf("%s: %q is %+v", format, bad, s)
			}
		}
		if _, err := info.Subject("shape.nosuch"); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", format, err)
		}
	}
}
