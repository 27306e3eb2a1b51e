package types

import (
	"debug/dwarf"
	"fmt"
	"strings"
)

// Describe writes the definition of a struct, union or enum with the place of
// each member, as pahole does; any other type is only spelled.
// Units: offset and size in bytes; for bit fields offset, lowest bit, bits.
func Describe(t dwarf.Type) string {
	var d description
	switch u := t.(type) {
	case *dwarf.StructType:
		d.structure(u, u.StructName, 0, 0)
		d.b.WriteString(";\n")
	case *dwarf.EnumType:
		d.enum(u)
	case *dwarf.TypedefType:
		return "typedef " + Declare(u.Type, u.Name) + ";\n"
	default:
		return Spell(t) + "\n"
	}
	return d.b.String()
}

// description writes one type.
type description struct{ b strings.Builder }

const (
	maxDescribed = 16 // unnamed structs written within each other
	placeColumn  = 48 // of the comments

	// maxDescription bounds the text; unnamed structs are not opened beyond.
	maxDescription = 1 << 20
)

func (d *description) line(indent int, text, comment string) {
	tabs := strings.Repeat("\t", indent)
	if text != "" && comment != "" {
		text = fmt.Sprintf("%-*s ", max(placeColumn-8*indent, 0), text)
	}
	d.b.WriteString(tabs + text + comment + "\n")
}

// structure writes a struct up to its closing brace. at is the offset of the
// struct in the outermost one.
func (d *description) structure(st *dwarf.StructType, name string, at int64, depth int) {
	d.line(0, strings.TrimSpace(st.Kind+" "+clean(name))+" {", "")
	end, holes := int64(0), int64(0) // in bits, in bytes
	for _, sf := range st.Field {
		f := FieldOf(sf)
		from := f.Off*8 + f.BitOff
		if gap := (from - end) / 8; gap > 0 && st.Kind != "union" {
			d.line(depth+1, "", fmt.Sprintf("/* hole of %d bytes */", gap))
			holes += gap
		}
		d.member(f, at+f.Off, depth+1)
		end = max(end, from+fieldBits(f))
	}
	if depth == 0 {
		d.line(1, "", summary(st, end, holes))
	}
	d.b.WriteString(strings.Repeat("\t", depth) + "}")
}

func summary(st *dwarf.StructType, end, holes int64) string {
	s := fmt.Sprintf("/* size: %d, members: %d", st.ByteSize, len(st.Field))
	if holes > 0 {
		s += fmt.Sprintf(", holes: %d bytes", holes)
	}
	if pad := st.ByteSize - (end+7)/8; pad > 0 && st.Kind != "union" {
		s += fmt.Sprintf(", padding: %d", pad)
	}
	return s + " */"
}

func fieldBits(f Field) int64 {
	if f.BitSize != 0 {
		return f.BitSize
	}
	return f.Size * 8
}

func (d *description) member(f Field, at int64, depth int) {
	st, unnamed := f.Type.(*dwarf.StructType)
	if unnamed && st.StructName == "" && !st.Incomplete && depth < maxDescribed && d.b.Len() < maxDescription {
		d.b.WriteString(strings.Repeat("\t", depth))
		d.structure(st, "", at, depth)
		tail := ";"
		if f.Name != "" {
			tail = " " + clean(f.Name) + ";"
		}
		d.b.WriteString(fmt.Sprintf("%-*s /* %5d %7d */\n", max(placeColumn-8*depth-1, 0), tail, at, f.Size))
		return
	}
	if f.BitSize != 0 {
		d.line(depth, fmt.Sprintf("%s:%d;", Declare(f.Type, f.Name), f.BitSize),
			fmt.Sprintf("/* %5d:%-2d %4d */", at, f.BitOff, f.BitSize))
		return
	}
	d.line(depth, Declare(f.Type, f.Name)+";", fmt.Sprintf("/* %5d %7d */", at, f.Size))
}

func (d *description) enum(e *dwarf.EnumType) {
	fmt.Fprintf(&d.b, "%s {\n", strings.TrimSpace("enum "+clean(e.EnumName)))
	for _, v := range e.Val {
		fmt.Fprintf(&d.b, "\t%s = %d,\n", clean(v.Name), v.Val)
	}
	fmt.Fprintf(&d.b, "}; /* size: %d */\n", e.ByteSize)
}
