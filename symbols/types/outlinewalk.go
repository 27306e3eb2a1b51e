package types

import (
	"cmp"
	"debug/dwarf"
	"fmt"
	"slices"
	"strings"
)

// Bounds on an outline: a small file can describe very many members.
const (
	maxRows    = 1 << 14
	maxNesting = 16
)

// outliner writes the rows of one outline.
type outliner struct {
	out    *Outline
	align  alignments
	expand bool
}

// nesting is where a struct stands in the outermost one.
type nesting struct {
	depth  int
	at     int64  // its offset
	prefix string // of paths
	noPath bool   // its members cannot be reached by a path
}

func (w *outliner) row(r Row) {
	if len(w.out.Rows) >= maxRows {
		w.out.Cut = true
		return
	}
	w.out.Rows = append(w.out.Rows, r)
}

// members writes the members of one struct or union and what lies between.
func (w *outliner) members(st *dwarf.StructType, n nesting) Sum {
	fields := byOffset(st)
	sum := Sum{Members: len(fields)}
	gaps := gapFinder{size: st.ByteSize}
	for i, f := range fields {
		if w.out.Cut {
			break
		}
		p := placeOf(f)
		if st.Kind != "union" {
			w.gap(gaps.before(p), n, &sum)
		}
		if p.bits != 0 {
			sum.FieldBits += p.bits
		} else {
			sum.MemberBytes += p.size
		}
		w.member(f, p, n, st.Kind != "union" && i == len(fields)-1)
	}
	if st.Kind != "union" && !w.out.Cut {
		w.padding(gaps.end(), n, &sum)
	}
	return sum
}

// byOffset gives the members as they lie in memory: Rust lists them as they were
// written, but places them otherwise.
func byOffset(st *dwarf.StructType) []*dwarf.StructField {
	order := func(a, b *dwarf.StructField) int { return cmp.Compare(placeOf(a).from(), placeOf(b).from()) }
	if st.Kind == "union" || slices.IsSortedFunc(st.Field, order) {
		return st.Field
	}
	fields := slices.Clone(st.Field)
	slices.SortStableFunc(fields, order)
	return fields
}

// gap writes the room in front of a member. Bits on both sides of bytes count
// as one hole, as they do for pahole.
func (w *outliner) gap(g gap, n nesting, sum *Sum) {
	if bits := g.bits + g.front; bits > 0 {
		sum.BitHoles++
		sum.HoleBits += bits
	}
	if g.bytes > 0 {
		sum.Holes++
		sum.HoleBytes += g.bytes
	}
	w.room(g, n, RowBitHole, RowHole)
}

func (w *outliner) padding(g gap, n nesting, sum *Sum) {
	sum.PaddingBits, sum.Padding = g.bits, g.bytes
	w.room(g, n, RowBitPadding, RowPadding)
}

func (w *outliner) room(g gap, n nesting, bits, bytes RowKind) {
	at := g.from
	bitRow := func(size int64) {
		if size > 0 {
			w.row(Row{Kind: bits, Depth: n.depth, Off: n.at + at/8, BitOff: at % 8, BitSize: size})
		}
		at += size
	}
	bitRow(g.bits)
	if at = (at + 7) &^ 7; g.bytes > 0 {
		w.row(Row{Kind: bytes, Depth: n.depth, Off: n.at + at/8, Size: g.bytes})
	}
	if at += g.bytes * 8; g.bytes == 0 {
		at = g.from + g.bits
	}
	bitRow(g.front)
}

// member writes one member. last says that an array without elements may well
// be a flexible one, which BTF does not tell apart.
func (w *outliner) member(f *dwarf.StructField, p place, n nesting, last bool) {
	r := Row{
		Kind: RowMember, Depth: n.depth, Name: clean(f.Name), Type: f.Type, Align: w.align.fields[f],
		Off: n.at + p.off, Size: p.size, BitOff: p.bitOff, BitSize: p.bits,
	}
	if f.Name != "" && !n.noPath {
		r.Path = n.prefix + r.Name
	}
	inner, array := openable(f.Type, w.expand)
	if inner == nil || n.depth >= maxNesting {
		r.Decl = declareMember(f, p, last)
		w.row(r)
		return
	}
	open := Row{Kind: RowOpen, Depth: n.depth, Name: r.Name, Path: r.Path, Off: r.Off, Size: r.Size, Type: f.Type}
	open.Decl = opening(f)
	w.row(open)
	in := nesting{depth: n.depth + 1, at: r.Off, prefix: n.prefix, noPath: n.noPath || array && f.Name != ""}
	if f.Name != "" {
		in.prefix = r.Path + "."
	}
	w.members(inner, in)
	r.Kind, r.Decl = RowClose, closing(f, last)
	w.row(r)
}

// openable gives the struct or union whose members are written in place of a
// member's type name: one without a name, or any if expand is set.
func openable(t dwarf.Type, expand bool) (st *dwarf.StructType, array bool) {
	for range maxStrip {
		switch u := t.(type) {
		case *dwarf.ArrayType:
			t, array = u.Type, true
		case *dwarf.QualType:
			t = u.Type
		case *dwarf.TypedefType:
			if !expand {
				return nil, false
			}
			t = u.Type
		case *dwarf.StructType:
			if u.Incomplete || u.StructName != "" && !expand {
				return nil, false
			}
			return u, array
		default:
			return nil, false
		}
	}
	return nil, false
}

// opening gives what stands in front of the members of an opened struct.
func opening(f *dwarf.StructField) string {
	base := new(declarator).walk(f.Type)
	return clean(strings.TrimSuffix(base, " {...}")) + " {"
}

// closing gives what stands behind the members of an opened struct.
func closing(f *dwarf.StructField, last bool) string {
	d := declarator{text: f.Name}
	d.walk(flexible(f.Type, last))
	return strings.TrimSpace("} " + clean(d.text))
}

func declareMember(f *dwarf.StructField, p place, last bool) string {
	t := flexible(f.Type, last)
	if p.bits != 0 {
		return fmt.Sprintf("%s:%d", Declare(t, f.Name), p.bits)
	}
	return Declare(t, f.Name)
}

// flexible gives an array without elements the form [] if it is the last
// member, else [0]: DWARF tells the two apart, BTF does not.
func flexible(t dwarf.Type, last bool) dwarf.Type {
	a, ok := t.(*dwarf.ArrayType)
	if !ok || a.Count > 0 {
		return t
	}
	out := *a
	if out.Count = 0; last {
		out.Count = -1
	}
	return &out
}
