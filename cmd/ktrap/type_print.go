package main

import (
	"cmp"
	"fmt"
	"strings"
)

// text writes the answer as C.
func (a *typeAnswer) text() string {
	if a.Kind == "" {
		return fmt.Sprintf("%s: ?? (%s)\n", clean(a.Input), clean(a.Reason))
	}
	var s strings.Builder
	switch a.Kind {
	case "member":
		s.WriteString(a.Member.text())
	case "variable":
		for _, v := range a.Variables {
			s.WriteString(clean(v.Decl) + ";" + v.comment() + "\n")
		}
	default:
		if len(a.Layouts) == 0 {
			fmt.Fprintf(&s, "%s;\t/* size %d */\n", clean(strings.TrimSuffix(cmp.Or(a.Definition, a.Type), ";")), a.Size)
		} else if a.Definition != "" {
			s.WriteString(clean(a.Definition) + "\n")
		}
	}
	for n, l := range a.Layouts {
		if n > 0 {
			s.WriteString("\n/* another type of that name */\n")
		}
		s.WriteString(l.String())
	}
	if a.Reason != "" {
		fmt.Fprintf(&s, "/* %s */\n", clean(a.Reason))
	}
	return s.String()
}

func (m *typeMember) text() string {
	s := clean(m.Decl)
	if m.Bits > 0 {
		s += fmt.Sprintf(":%d", m.Bits)
	}
	s += ";\t/* "
	if m.Addr != "" {
		s += "at " + m.Addr + ", "
	}
	s += fmt.Sprintf("offset %d (%#x)", m.Off, m.Off)
	if m.Bits > 0 {
		s += fmt.Sprintf(" bit %d", m.BitOff)
	} else {
		s += fmt.Sprintf(", size %d", m.Size)
	}
	return s + ", in " + clean(m.Of) + " */\n"
}

func (v *typeVariable) comment() string {
	s := fmt.Sprintf("\t/* at %s, size %d", v.Addr, v.Size)
	if v.PerCPU {
		s = fmt.Sprintf("\t/* per CPU, at offset %s, size %d", v.Addr, v.Size)
	}
	if v.Func != "" {
		s += ", in " + clean(v.Func) + "()"
	}
	if v.File != "" {
		s += ", " + clean(v.File)
	}
	return s + " */"
}
