package expr

import (
	"bytes"
	"debug/dwarf"
	"fmt"
	"strings"

	"ktrap/symbols/types"
)

// structure writes {a = 1, b = 2}.
func (p *printer) structure(v Value) {
	st, _ := v.env.complete(types.Strip(v.typ)).(*dwarf.StructType)
	switch {
	case st == nil || st.Incomplete:
		p.put("<incomplete type>")
		return
	case p.depth >= p.Depth:
		p.put("{...}")
		return
	}
	p.depth++
	p.put("{")
	for n, f := range st.Field {
		if p.full() {
			break
		}
		if n > 0 {
			p.put(",")
		}
		p.breakLine(n > 0)
		p.member(v, f)
	}
	p.depth--
	if len(st.Field) > 0 {
		p.breakLine(false)
	}
	p.put("}")
}

func (p *printer) member(v Value, f *dwarf.StructField) {
	if f.Name != "" {
		p.put(f.Name + " = ")
	}
	part, err := v.part(types.FieldOf(f))
	if err != nil {
		p.problem(err)
		return
	}
	p.value(part)
}

// breakLine starts a new line when printing prettily; else it puts a space
// where one is wanted.
func (p *printer) breakLine(space bool) {
	switch {
	case p.Pretty:
		p.b.WriteString("\n" + strings.Repeat("  ", p.depth))
	case space:
		p.put(" ")
	}
}

// Runs of equal elements are written once.
const (
	minRepeats = 10
	maxRepeats = 4096 // how far a run is followed, which costs reads
)

// array writes {1, 2, 3 <repeats 20 times>...}, or a string.
func (p *printer) array(v Value) {
	elem, _ := target(v.typ)
	count := arrayCount(v.typ)
	size, _ := types.SizeOf(elem)
	switch {
	case p.depth >= p.Depth:
		p.put("{...}")
		return
	case (p.Radix == 0 || p.Radix == 's') && isByteString(elem) && p.text(v, count):
		return
	}
	p.depth++
	p.put("{")
	shown := 0
	for i := int64(0); i < count && !p.full(); shown++ {
		if shown > 0 {
			p.put(", ")
		}
		if shown == p.Elements {
			p.put("...")
			break
		}
		i += p.element(v, i, count, size)
	}
	p.depth--
	p.put("}")
}

// element writes one element, or a run of equal ones, and gives how many.
func (p *printer) element(v Value, i, count, size int64) int64 {
	e, err := v.Index(i)
	if err != nil {
		p.problem(err)
		return count - i
	}
	run := int64(1)
	if first, err := e.Bytes(); err == nil && size > 0 {
		for run < maxRepeats && i+run < count && v.sameAt(i+run, first) {
			run++
		}
	}
	p.value(e)
	if run < minRepeats {
		return 1
	}
	p.put(fmt.Sprintf(" <repeats %d times>", run))
	return run
}

func (v Value) sameAt(i int64, want []byte) bool {
	e, err := v.Index(i)
	if err != nil {
		return false
	}
	b, err := e.Bytes()
	return err == nil && bytes.Equal(b, want)
}

// isByteString reports whether arrays of the type are strings, perhaps.
func isByteString(elem dwarf.Type) bool {
	return kindOf(elem) == kindChar
}

// isText reports whether a pointer points to a string. Since 6.2 char is
// unsigned in the kernel; its name still tells it from u8.
func isText(t dwarf.Type) bool {
	to, ok := target(t)
	if !ok {
		return false
	}
	switch t := types.Strip(to).(type) {
	case *dwarf.CharType:
		return true
	case *dwarf.UcharType:
		return t.Name == "char"
	}
	return false
}

// text writes a char array as a string. One of unsigned char is a string only
// if it looks like one: MAC addresses and keys do not.
func (p *printer) text(v Value, count int64) bool {
	n := min(count, int64(p.Elements))
	part := v
	part.typ = &dwarf.ArrayType{Type: typeChar, Count: n}
	if !v.mem && int64(len(v.raw)) >= n {
		part.raw = v.raw[:n]
	}
	b, err := part.Bytes()
	if err != nil {
		p.problem(err)
		return true
	}
	s, ended := stringIn(b)
	if !isText(types.PointerTo(mustTarget(v.typ))) && !printable(s) {
		return false
	}
	p.put(quote(s))
	if !ended && n < count {
		p.put("...")
	}
	return true
}

func mustTarget(t dwarf.Type) dwarf.Type {
	to, _ := target(t)
	return to
}

// stringIn gives the text in a char array: up to the NUL if nothing but NULs
// follow, else everything, for what lies behind may be of interest.
func stringIn(b []byte) (s []byte, ended bool) {
	s = bytes.TrimRight(b, "\x00")
	return s, len(s) < len(b)
}

func printable(s []byte) bool {
	for _, c := range s {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return len(s) > 0
}
