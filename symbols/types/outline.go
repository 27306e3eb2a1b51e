package types

import (
	"debug/dwarf"
	"errors"
	"fmt"
)

// ErrNoLayout says that a type has neither members nor values to list.
var ErrNoLayout = errors.New("no struct, union or enum")

// Outline is the layout of a struct, union or enum, ready to be written line
// by line or as JSON; String writes it as pahole does. It says the same whether
// it was made from BTF or DWARF, up to three things that BTF does not have:
// Align, the dimensions of an array beyond the first, atomic qualifiers.
type Outline struct {
	Kind string `json:"kind"`           // "struct", "union" or "enum"
	Name string `json:"name,omitempty"` // empty when unnamed
	// Size is the size of the whole type.
	// Units: bytes.
	Size int64 `json:"size"`
	// Align is the alignment that the source text asks for; 0 when it does not.
	Align int64 `json:"align,omitempty"`

	Rows   []Row   `json:"rows,omitempty"`   // of a struct or union
	Values []Value `json:"values,omitempty"` // of an enum

	// Sum counts the direct members and the room between them.
	Sum Sum `json:"sum"`
	// Cut says that the type has more rows than are listed.
	Cut bool `json:"cut,omitempty"`
}

// Sum counts the direct members of a struct or union, in the terms of pahole.
// Bits belong to bit fields: a bit hole lies between them, or between one and
// the end of its storage unit.
type Sum struct {
	Members     int   `json:"members"`
	MemberBytes int64 `json:"member_bytes"` // without bit fields
	FieldBits   int64 `json:"field_bits"`   // of bit fields
	Holes       int   `json:"holes"`
	HoleBytes   int64 `json:"hole_bytes"`
	BitHoles    int   `json:"bit_holes"`
	HoleBits    int64 `json:"hole_bits"`
	Padding     int64 `json:"padding"`     // bytes behind the last member
	PaddingBits int64 `json:"bit_padding"` // bits behind the last bit field
}

// RowKind tells the lines of an outline apart.
type RowKind string

// The kinds of rows. An unnamed struct or union is a pair of Open and Close
// with its members, one level deeper, between them.
const (
	RowMember     RowKind = "member"
	RowOpen       RowKind = "open"
	RowClose      RowKind = "close"
	RowHole       RowKind = "hole"        // Size bytes at Off
	RowBitHole    RowKind = "bit-hole"    // BitSize bits at Off, BitOff
	RowPadding    RowKind = "padding"     // Size bytes at Off, to the end
	RowBitPadding RowKind = "bit-padding" // BitSize bits at Off, BitOff
)

// Row is one line of an [Outline].
// Units: Off and Size in bytes, from the start of the outermost struct.
type Row struct {
	Kind  RowKind `json:"kind"`
	Depth int     `json:"depth"`          // of nesting; direct members have 0
	Name  string  `json:"name,omitempty"` // of the member; empty when unnamed
	// Path is how the member is reached from the outermost struct; it is what
	// [Layout.Field] takes. Empty where there is none, as in arrays of unnamed
	// structs.
	Path string `json:"path,omitempty"`
	// Decl declares the member as C does, without semicolon: "char comm[16]",
	// "u32 a:3"; for Open "struct {", for Close "}" or "} name[2]".
	Decl string `json:"decl,omitempty"`
	Off  int64  `json:"offset"`
	Size int64  `json:"size"`
	// BitOff is the place of a bit field's lowest bit, counted from Off, which
	// is then that of its storage unit of Size bytes; BitSize is its width.
	BitOff  int64 `json:"bit_offset,omitempty"`
	BitSize int64 `json:"bit_size,omitempty"`
	// Align is the alignment that the source text asks for; 0 when it does not.
	Align int64 `json:"align,omitempty"`

	Type dwarf.Type `json:"-"` // of members
}

// Value is one enumerator. Val holds the 64 bits of an unsigned value too; Text
// is the value in decimal.
type Value struct {
	Name string `json:"name"`
	Val  int64  `json:"-"`
	Text string `json:"value"`
}

// OutlineOptions adjusts [Info.Outline].
type OutlineOptions struct {
	// Expand also opens members that are structs or unions with a name, as
	// `pahole -E` does.
	Expand bool
}

// Outline lays out a struct, union or enum, or a typedef of one; o may be nil.
// Arrays, pointers and the rest are not looked through.
// Errors: wraps ErrNoLayout for other types, ErrNotFound for a declaration whose
// definition is not known.
func (i *Info) Outline(t dwarf.Type, o *OutlineOptions) (*Outline, error) {
	if o == nil {
		o = new(OutlineOptions)
	}
	t, err := i.Complete(Strip(t))
	if err != nil {
		return nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return outlineOf(t, o.Expand, i.alignments())
}

// outlineOf makes the outline of a complete type.
func outlineOf(t dwarf.Type, expand bool, a alignments) (*Outline, error) {
	switch u := t.(type) {
	case *dwarf.EnumType:
		return enumOutline(u), nil
	case *dwarf.StructType:
		w := outliner{out: &Outline{Kind: u.Kind, Name: u.StructName, Size: u.ByteSize, Align: a.types[u]}, align: a, expand: expand}
		w.out.Sum = w.members(u, nesting{})
		return w.out, nil
	}
	return nil, fmt.Errorf("%s is %w", Spell(t), ErrNoLayout)
}

// alignments are the alignments the source text asks for, which debug/dwarf
// has no place for.
type alignments struct {
	types  map[*dwarf.StructType]int64
	fields map[*dwarf.StructField]int64
}

// alignments gives those read from DWARF so far. Called with mu held.
func (i *Info) alignments() alignments {
	if i.dwarf.loaded && i.dwarf.err == nil {
		return i.dwarf.val.conv.align
	}
	return alignments{}
}
