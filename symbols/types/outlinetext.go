package types

import (
	"debug/dwarf"
	"fmt"
	"strconv"
	"strings"
)

// placeColumn is where the comments of an outline's text begin.
const placeColumn = 48

// maxDescription bounds the text of an outline.
const maxDescription = 4 << 20

// String writes the type as C with the place of each member in a comment, as
// pahole does: offset and size, for bit fields offset of the storage unit, bit
// in it, and size of it.
func (o *Outline) String() string {
	if o.Kind == "enum" {
		return o.enumText()
	}
	var b strings.Builder
	b.WriteString(strings.TrimSpace(o.Kind+" "+clean(o.Name)) + " {\n")
	for _, r := range o.Rows {
		if b.Len() > maxDescription {
			break
		}
		b.WriteString(r.text())
	}
	if o.Cut || b.Len() > maxDescription {
		b.WriteString("\t/* the rest is left out */\n")
	}
	b.WriteString("\n" + o.summary() + "}")
	if o.Align > 0 {
		fmt.Fprintf(&b, " __attribute__((__aligned__(%d)))", o.Align)
	}
	b.WriteString(";\n")
	return b.String()
}

func (r Row) text() string {
	indent := strings.Repeat("\t", r.Depth+1)
	comment := ""
	switch r.Kind {
	case RowHole, RowPadding:
		return fmt.Sprintf("%s/* %s of %s */\n", indent, r.Kind, count(r.Size, "byte"))
	case RowBitHole:
		return fmt.Sprintf("%s/* hole of %s */\n", indent, count(r.BitSize, "bit"))
	case RowBitPadding:
		return fmt.Sprintf("%s/* padding of %s */\n", indent, count(r.BitSize, "bit"))
	case RowOpen:
		return indent + r.Decl + "\n"
	case RowMember, RowClose:
		comment = fmt.Sprintf("/* %5d   %7d */", r.Off, r.Size)
		if r.BitSize != 0 {
			comment = fmt.Sprintf("/* %5d:%-2d%7d */", r.Off, r.BitOff, r.Size)
		}
	}
	align := ""
	if r.Align > 0 {
		align = fmt.Sprintf(" __attribute__((__aligned__(%d)))", r.Align)
	}
	return fmt.Sprintf("%s%-*s %s\n", indent, max(placeColumn-8*(r.Depth+1), 0), r.Decl+align+";", comment)
}

func count(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.FormatInt(n, 10) + " " + what + "s"
}

// summary writes the sums as comments.
func (o *Outline) summary() string {
	s := o.Sum
	text := fmt.Sprintf("\t/* size: %d, members: %d", o.Size, s.Members)
	for _, part := range []struct {
		n    int64
		text string
	}{
		{s.HoleBytes, fmt.Sprintf("holes: %d (%s)", s.Holes, count(s.HoleBytes, "byte"))},
		{s.HoleBits, fmt.Sprintf("bit holes: %d (%s)", s.BitHoles, count(s.HoleBits, "bit"))},
		{s.Padding, "padding: " + count(s.Padding, "byte")},
		{s.PaddingBits, "bit padding: " + count(s.PaddingBits, "bit")},
	} {
		if part.n > 0 {
			text += ", " + part.text
		}
	}
	return text + " */\n"
}

func (o *Outline) enumText() string {
	var b strings.Builder
	b.WriteString(strings.TrimSpace("enum "+clean(o.Name)) + " {\n")
	for _, v := range o.Values {
		fmt.Fprintf(&b, "\t%s = %s,\n", v.Name, v.Text)
	}
	fmt.Fprintf(&b, "\n\t/* size: %d, values: %d */\n};\n", o.Size, len(o.Values))
	return b.String()
}

// enumOutline lists the values of an enum.
func enumOutline(e *dwarf.EnumType) *Outline {
	o := &Outline{Kind: "enum", Name: e.EnumName, Size: e.ByteSize}
	for n, v := range e.Val {
		if o.Cut = n == maxRows; o.Cut {
			break
		}
		o.Values = append(o.Values, Value{Name: clean(v.Name), Val: v.Val, Text: strconv.FormatInt(v.Val, 10)})
	}
	return o
}

// Describe writes the definition of a struct, union or enum as [Outline] does;
// of any other type how it is declared.
func Describe(t dwarf.Type) string {
	if td, ok := t.(*dwarf.TypedefType); ok {
		return "typedef " + Declare(td.Type, td.Name) + ";\n"
	}
	o, err := outlineOf(t, false, alignments{})
	if err != nil {
		return Spell(t) + "\n"
	}
	return o.String()
}
