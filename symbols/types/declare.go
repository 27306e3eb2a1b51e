package types

import (
	"debug/dwarf"
	"strconv"
	"strings"
)

// Spell writes a type as C does: "struct task_struct *", "char [16]",
// "int (*)(void *)".
func Spell(t dwarf.Type) string { return Declare(t, "") }

// Declare writes a declaration of name: "char comm[16]". The names in it come
// from a file; they are made harmless for a terminal.
func Declare(t dwarf.Type, name string) string {
	d := declarator{text: name}
	base := d.walk(t)
	if d.text == "" {
		return clean(base)
	}
	return clean(base + " " + d.text)
}

func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

// declarator builds the part of a declaration around the name, inside out.
type declarator struct {
	text  string
	depth int  // function types within parameter lists
	ptr   bool // the last thing put was a star: arrays and calls need parentheses
}

// walk puts pointers, arrays and parameter lists around the text and gives the
// base type's name.
func (d *declarator) walk(t dwarf.Type) string {
	quals := ""
	for range maxStrip {
		switch u := t.(type) {
		case *dwarf.PtrType:
			d.star(quals)
			quals, t = "", u.Type
		case *dwarf.QualType:
			// const char [] is a const array of const char to compilers.
			if !strings.Contains(quals, u.Qual) {
				quals += u.Qual + " "
			}
			t = u.Type
		case *dwarf.ArrayType:
			d.suffix(dimension(u.Count))
			t = u.Type
		case *dwarf.FuncType:
			d.suffix(parameters(u, d.depth))
			t = u.ReturnType
		default:
			return quals + baseSpelling(t)
		}
	}
	return "..."
}

func (d *declarator) star(quals string) {
	d.text = strings.TrimSuffix("*"+quals+d.text, " ")
	d.ptr = true
}

func (d *declarator) suffix(s string) {
	if d.ptr {
		d.text = "(" + d.text + ")"
	}
	d.text += s
	d.ptr = false
}

func dimension(n int64) string {
	if n < 0 {
		return "[]"
	}
	return "[" + strconv.FormatInt(n, 10) + "]"
}

// Bounds on what is spelled of function types; C declarations that exceed them
// cannot be read by anybody.
const (
	maxParams     = 24
	maxParamDepth = 2
)

// parameters writes a parameter list.
func parameters(f *dwarf.FuncType, depth int) string {
	if len(f.ParamType) == 0 {
		return "(void)"
	}
	if depth >= maxParamDepth {
		return "(...)"
	}
	var parts []string
	for _, p := range f.ParamType {
		if _, dots := p.(*dwarf.DotDotDotType); dots || len(parts) == maxParams {
			parts = append(parts, "...")
			break
		}
		d := declarator{depth: depth + 1}
		base := d.walk(p)
		parts = append(parts, strings.TrimSpace(base+" "+d.text))
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

func baseSpelling(t dwarf.Type) string {
	switch u := t.(type) {
	case nil, *dwarf.VoidType:
		return "void"
	case *dwarf.StructType:
		return tagged(u.Kind, u.StructName)
	case *dwarf.EnumType:
		return tagged("enum", u.EnumName)
	}
	if name := t.Common().Name; name != "" {
		return name
	}
	return "<unnamed type>"
}

func tagged(tag, name string) string {
	if name == "" {
		return tag + " {...}"
	}
	return tag + " " + name
}
