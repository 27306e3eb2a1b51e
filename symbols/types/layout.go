package types

import (
	"debug/dwarf"
	"strconv"
	"strings"
)

// Layout is the layout of one struct or union.
type Layout struct {
	info *Info
	typ  *dwarf.StructType
}

// Field is a member, or an element of one, within a [Layout].
// Units: Off and Size in bytes from the start of the outermost struct.
type Field struct {
	Name string
	Off  int64
	Size int64 // bytes that hold the field; for a bit field those it touches
	// BitOff is the place of a bit field's lowest bit in the byte at Off, and
	// BitSize its width; both 0 for anything else.
	BitOff, BitSize int64
	Type            dwarf.Type
}

// Name spells the type as C does: "struct task_struct".
func (l *Layout) Name() string {
	if l.typ.StructName == "" {
		return l.typ.Kind + " {...}"
	}
	return l.typ.Kind + " " + l.typ.StructName
}

// Size is the size of the whole struct in bytes.
func (l *Layout) Size() int64 { return l.typ.ByteSize }

// Type is the definition itself.
func (l *Layout) Type() *dwarf.StructType { return l.typ }

// Fields lists the direct members in order; an unnamed struct or union is one
// field with an empty name.
func (l *Layout) Fields() []Field {
	out := make([]Field, len(l.typ.Field))
	for n, f := range l.typ.Field {
		out[n] = FieldOf(f)
	}
	return out
}

// Has reports whether the path names a field: versions of the kernel are told
// apart by what they have.
func (l *Layout) Has(path string) bool {
	_, ok := l.Field(path)
	return ok
}

// Field finds a member by its path: "pid", "thread.sp", "comm[3]",
// "cpus_mask.bits[0]". Members of unnamed structs and unions are found as if
// they were direct ones. Pointers are not followed.
func (l *Layout) Field(path string) (Field, bool) { return l.info.fieldOf(l.typ, path) }

// fieldOf finds a member of a struct, or an element of an array, by its path.
func (i *Info) fieldOf(t dwarf.Type, path string) (Field, bool) {
	f := Field{Type: t}
	f.Size, _ = SizeOf(t)
	for path != "" {
		var step Field
		var ok bool
		if path[0] == '[' {
			step, path, ok = elementStep(f.Type, path)
		} else {
			step, path, ok = memberStep(i, f.Type, path)
		}
		if !ok || f.BitSize != 0 {
			return Field{}, false
		}
		if step.Name == "" {
			step.Name = f.Name
		}
		step.Off += f.Off
		f = step
	}
	return f, f.Name != ""
}

// memberStep takes one name off the path.
func memberStep(info *Info, t dwarf.Type, path string) (Field, string, bool) {
	end := strings.IndexAny(path, ".[")
	if end < 0 {
		end = len(path)
	}
	name, rest := path[:end], path[end:]
	if strings.HasPrefix(rest, ".") {
		if rest = rest[1:]; rest == "" {
			return Field{}, "", false
		}
	}
	t, err := info.Complete(Strip(t))
	st, ok := t.(*dwarf.StructType)
	if err != nil || !ok || name == "" {
		return Field{}, "", false
	}
	f, ok := Member(st, name)
	return f, rest, ok
}

// elementStep takes one index off the path.
func elementStep(t dwarf.Type, path string) (Field, string, bool) {
	num, rest, ok := strings.Cut(path[1:], "]")
	n, err := strconv.ParseInt(num, 0, 32)
	a, isArray := Strip(t).(*dwarf.ArrayType)
	if !ok || err != nil || !isArray || n < 0 || a.Count > 0 && n >= a.Count {
		return Field{}, "", false
	}
	size, ok := SizeOf(a.Type)
	rest = strings.TrimPrefix(rest, ".")
	return Field{Off: n * size, Size: size, Type: a.Type}, rest, ok
}

// Bounds on unnamed structs within unnamed structs; the second is on all of
// them together, for a small file can describe very many.
const (
	maxAnonymous = 16
	maxSearched  = 1 << 12
)

// Member finds a member of a struct by name, looking into unnamed structs and
// unions.
func Member(st *dwarf.StructType, name string) (Field, bool) {
	s := memberSearch{name: name, left: maxSearched}
	return s.in(st, 0)
}

type memberSearch struct {
	name string
	left int
}

func (s *memberSearch) in(st *dwarf.StructType, depth int) (Field, bool) {
	if s.left--; s.left < 0 || depth > maxAnonymous {
		return Field{}, false
	}
	for _, f := range st.Field {
		if f.Name == s.name && s.name != "" {
			return FieldOf(f), true
		}
	}
	for _, f := range st.Field {
		inner, ok := Strip(f.Type).(*dwarf.StructType)
		if f.Name != "" || !ok {
			continue
		}
		if sub, ok := s.in(inner, depth+1); ok {
			sub.Off += f.ByteOffset
			return sub, true
		}
	}
	return Field{}, false
}

// FieldOf gives the place of one member in its struct, whichever way the
// debug info describes bit fields.
func FieldOf(f *dwarf.StructField) Field {
	out := Field{Name: f.Name, Off: f.ByteOffset, BitSize: f.BitSize, Type: f.Type}
	out.Size, _ = SizeOf(f.Type)
	if f.BitSize == 0 {
		if f.DataBitOffset != 0 {
			out.Off += f.DataBitOffset / 8
		}
		return out
	}
	bits := f.ByteOffset*8 + f.DataBitOffset
	if f.ByteSize > 0 {
		// DWARF 2 and 3 count from the most significant bit of a storage
		// unit of ByteSize bytes; nothing else gives bit fields a size.
		bits = (f.ByteOffset+f.ByteSize)*8 - f.BitOffset - f.BitSize
	}
	out.Off, out.BitOff = bits>>3, bits&7
	out.Size = (out.BitOff + out.BitSize + 7) / 8
	return out
}
