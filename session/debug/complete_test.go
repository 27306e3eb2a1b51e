package debug

import (
	"debug/dwarf"
	"slices"
	"testing"

	"ktrap/symbols/types"
)

// noTypes knows no definitions.
type noTypes struct{}

func (noTypes) TypeByName(string) (dwarf.Type, error)   { return nil, types.ErrNotFound }
func (noTypes) Complete(dwarf.Type) (dwarf.Type, error) { return nil, types.ErrNotFound }
func structOf(fields ...*dwarf.StructField) dwarf.Type {
	return &dwarf.StructType{Kind: "struct", Field: fields}
}
func field(name string, t dwarf.Type) *dwarf.StructField {
	return &dwarf.StructField{Name: name, Type: t}
}

func TestMembersAreThoseThatCCanName(t *testing.T) {
	number := &dwarf.IntType{}
	inner := structOf(field("deep", number), field("", structOf(field("deeper", number))))
	s := &dwarf.TypedefType{Type: structOf(field("first", number), field("", inner), field("named", inner))}
	want := []string{"deep", "deeper", "first", "named"}
	for name, typ := range map[string]dwarf.Type{
		"of a struct":                 s,
		"through a pointer":           &dwarf.PtrType{Type: s},
		"of a qualified one":          &dwarf.QualType{Qual: "const", Type: s},
		"through a typedef'd pointer": &dwarf.TypedefType{Type: &dwarf.PtrType{Type: s}},
	} {
		if got := beginning(members(noTypes{}, typ), ""); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := beginning(members(noTypes{}, s), "de"); !slices.Equal(got, want[:2]) {
		t.Errorf("of those with de: %q", got)
	}
	if got := members(noTypes{}, number); got != nil {
		t.Errorf("a number has members %q", got)
	}
}

func TestAStructThatContainsItselfEnds(t *testing.T) {
	s := &dwarf.StructType{Kind: "struct"}
	s.Field = []*dwarf.StructField{field("a", &dwarf.IntType{}), field("", s), field("", s)}
	if got := beginning(members(noTypes{}, s), ""); !slices.Equal(got, []string{"a"}) {
		t.Errorf("members %q", got)
	}
}
