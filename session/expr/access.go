package expr

import (
	"bytes"
	"debug/dwarf"
	"fmt"

	"ktrap/symbols/addr"
	"ktrap/symbols/types"
)

// Field gives a member of a struct or union, or of the one a pointer points
// to. Members of unnamed structs are found like direct ones.
func (v Value) Field(name string) (Value, error) {
	if kindOf(v.typ) == kindPointer {
		to, err := v.Deref()
		if err != nil {
			return Value{}, err
		}
		v = to
	}
	t := v.env.complete(types.Strip(v.typ))
	st, ok := t.(*dwarf.StructType)
	if !ok {
		return Value{}, fmt.Errorf("%s has no members", types.Spell(v.typ))
	}
	if st.Incomplete {
		return Value{}, fmt.Errorf("the members of %s are not known", types.Spell(st))
	}
	f, ok := types.Member(st, name)
	if !ok {
		return Value{}, fmt.Errorf("%s has no member %q", types.Spell(st), name)
	}
	return v.part(f)
}

// part cuts a field out of a value without reading it.
func (v Value) part(f types.Field) (Value, error) {
	out := Value{env: v.env, typ: f.Type, mem: v.mem, missing: v.missing, bitOff: f.BitOff, bitSize: f.BitSize}
	switch {
	case v.mem:
		out.addr = v.addr + addr.Addr(f.Off)
	case v.missing != nil:
	case f.Off < 0 || f.Size < 0 || f.Off+f.Size > int64(len(v.raw)):
		return Value{}, fmt.Errorf("only %d bytes of %s are known", len(v.raw), types.Spell(v.typ))
	default:
		out.raw = v.raw[f.Off : f.Off+f.Size]
		for _, s := range v.lost {
			out.lost = append(out.lost, types.Span{Off: s.Off - f.Off, Size: s.Size})
		}
	}
	return out, nil
}

// Deref gives what a pointer points to, or the first element of an array.
func (v Value) Deref() (Value, error) {
	to, ok := target(v.typ)
	if !ok {
		if kindOf(v.typ) == kindFunc {
			return v, nil
		}
		return Value{}, fmt.Errorf("%s is no pointer", types.Spell(v.typ))
	}
	if _, void := types.Strip(to).(*dwarf.VoidType); void {
		return Value{}, fmt.Errorf("%s points to nothing that has a type", types.Spell(v.typ))
	}
	if kindOf(v.typ) == kindArray && !v.mem {
		return v.Index(0)
	}
	a, err := v.scalar()
	if err != nil {
		return Value{}, err
	}
	return At(to, addr.Addr(a)).In(v.env), nil
}

// Index gives an element of an array, or of memory a pointer points to. As in
// C the bound is the caller's business.
func (v Value) Index(i int64) (Value, error) {
	to, ok := target(v.typ)
	if !ok {
		return Value{}, fmt.Errorf("%s has no elements", types.Spell(v.typ))
	}
	size, err := v.env.stride(to)
	if err != nil {
		return Value{}, err
	}
	if kindOf(v.typ) == kindArray && !v.mem {
		if i < 0 || size > 0 && i > int64(len(v.raw))/size {
			return Value{}, fmt.Errorf("element %d lies outside %s", i, types.Spell(v.typ))
		}
		return v.part(types.Field{Off: i * size, Size: size, Type: to})
	}
	base, err := v.scalar()
	if err != nil {
		return Value{}, err
	}
	return At(to, addr.Addr(base+uint64(i*size))).In(v.env), nil
}

// stride gives the distance of elements; as in GNU C that of void and
// functions is 1.
func (e *Env) stride(t dwarf.Type) (int64, error) {
	t = e.complete(types.Strip(t))
	if _, void := t.(*dwarf.VoidType); void || kindOf(t) == kindFunc {
		return 1, nil
	}
	size, ok := types.SizeOf(t)
	if !ok {
		return 0, fmt.Errorf("the size of %s is not known", types.Spell(t))
	}
	return size, nil
}

// AddressOf gives a pointer to a value in memory.
func (v Value) AddressOf() (Value, error) {
	a, ok := v.Addr()
	switch {
	case v.missing != nil:
		return Value{}, v.missing
	case v.bitSize != 0:
		return Value{}, fmt.Errorf("a bit field has no address")
	case !ok:
		return Value{}, fmt.Errorf("value is not in memory")
	}
	return number(types.PointerTo(v.typ), uint64(a)).In(v.env), nil
}

// Cast gives the value as another type: numbers and pointers are converted,
// anything else only to its own kind.
func (v Value) Cast(t dwarf.Type) (Value, error) {
	k := kindOf(t)
	if k == kindStruct || k == kindArray {
		size, _ := types.SizeOf(v.env.complete(types.Strip(t)))
		if have, ok := v.Size(); !ok || have != size || kindOf(v.typ) != k {
			return Value{}, fmt.Errorf("cannot cast %s to %s", types.Spell(v.typ), types.Spell(t))
		}
		v.typ = t
		return v, nil
	}
	u, err := v.scalar()
	if err != nil {
		return Value{}, err
	}
	switch {
	case k == kindBool && u != 0:
		u = 1
	case !k.integral() && k != kindPointer:
		return Value{}, fmt.Errorf("cannot cast to %s", types.Spell(t))
	}
	return number(t, u).In(v.env), nil
}

// maxText bounds a string read from the guest.
const maxText = 4096

// Text reads the string a char array holds or a char pointer points to, up to
// its NUL or a bound. It is raw: escape it before it goes to a terminal.
func (v Value) Text() (string, error) {
	to, ok := target(v.typ)
	if size, _ := types.SizeOf(to); !ok || !kindOf(to).integral() || size != 1 {
		return "", fmt.Errorf("%s is no string", types.Spell(v.typ))
	}
	if kindOf(v.typ) == kindArray && arrayCount(v.typ) > 0 {
		b, err := v.Bytes()
		b, _, _ = bytes.Cut(b, []byte{0})
		return string(b), err
	}
	a, err := v.scalar()
	if err != nil {
		return "", err
	}
	b, _, err := v.env.readString(addr.Addr(a), maxText)
	return string(b), err
}

func arrayCount(t dwarf.Type) int64 {
	a, ok := types.Strip(t).(*dwarf.ArrayType)
	if !ok {
		return 0
	}
	return a.Count
}

// readString reads up to a NUL, page by page: the next one may not be mapped.
func (e *Env) readString(a addr.Addr, limit int) (s []byte, ended bool, err error) {
	const chunk = 64 // most strings are short, and reads may cross a wire
	for len(s) < limit {
		n := min(chunk, limit-len(s), int(pageSize-uint64(a)%pageSize))
		p := make([]byte, n)
		if err := e.readMemory(p, a); err != nil {
			return s, false, err
		}
		if end := bytes.IndexByte(p, 0); end >= 0 {
			return append(s, p[:end]...), true, nil
		}
		s = append(s, p...)
		a += addr.Addr(n)
	}
	return s, false, nil
}

const pageSize = 4096
