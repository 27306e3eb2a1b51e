package kernel

import (
	"encoding/binary"
	"fmt"

	"ktrap/session/target"
	"ktrap/symbols/addr"
	"ktrap/symbols/types"
)

// layout is a struct as the debug info describes it; *types.Layout is one.
type layout interface {
	Field(path string) (types.Field, bool)
	Size() int64
}

// layouts finds structs by name.
type layouts interface {
	Layout(name string) (layout, error)
}

// maxShape bounds how much of a struct is read at once.
const maxShape = 64 << 10

// shape is the part of a struct a reader is interested in: some fields, and
// the bytes that hold them all, which are read in one go.
type shape struct {
	name   string
	size   int64 // of the whole struct
	fields map[string]types.Field
	lo, hi int64
}

// shapeOf looks up fields of a struct. Fields this kernel does not have are
// left out; objects then answer false for them.
func shapeOf(l layouts, name string, paths ...string) (*shape, error) {
	lay, err := l.Layout(name)
	if err != nil {
		return nil, fmt.Errorf("look up struct %s: %w", name, err)
	}
	s := &shape{name: name, size: lay.Size(), fields: map[string]types.Field{}, lo: lay.Size()}
	for _, p := range paths {
		f, ok := lay.Field(p)
		if !ok || f.Off < 0 || f.Size < 0 {
			continue
		}
		s.fields[p] = f
		s.lo, s.hi = min(s.lo, f.Off), max(s.hi, f.Off+f.Size)
	}
	if s.hi-s.lo > maxShape {
		return nil, fmt.Errorf("struct %s: fields are %d bytes apart", name, s.hi-s.lo)
	}
	return s, nil
}

// shape is shapeOf that looks only once: each struct is asked for with the same
// fields every time.
func (k *Kernel) shape(name string, paths ...string) (*shape, error) {
	if s, ok := k.shapes[name]; ok {
		return s, nil
	}
	s, err := shapeOf(k.layouts, name, paths...)
	if err != nil {
		return nil, err
	}
	if k.shapes == nil {
		k.shapes = make(map[string]*shape)
	}
	k.shapes[name] = s
	return s, nil
}

func (s *shape) has(path string) bool {
	_, ok := s.fields[path]
	return ok
}

// first gives the first of several spellings of a field that this kernel has.
func (s *shape) first(paths ...string) string {
	for _, p := range paths {
		if s.has(p) {
			return p
		}
	}
	return ""
}

// need fails unless all fields exist.
func (s *shape) need(paths ...string) error {
	for _, p := range paths {
		if !s.has(p) {
			return fmt.Errorf("struct %s has no field %s", s.name, p)
		}
	}
	return nil
}

// off is the offset of a field, for computing addresses.
func (s *shape) off(path string) addr.Addr { return addr.Addr(s.fields[path].Off) }

// read reads the shape of the struct at a.
func (s *shape) read(m target.Memory, a addr.Addr) (object, error) {
	o := object{shape: s, at: a}
	if s.hi <= s.lo {
		return o, nil
	}
	o.b = make([]byte, s.hi-s.lo)
	if err := m.ReadMemory(o.b, a+addr.Addr(s.lo)); err != nil {
		return object{}, fmt.Errorf("read struct %s at %#x: %w", s.name, uint64(a), err)
	}
	return o, nil
}

// within views the struct at an offset of bytes that were read in bulk.
func (s *shape) within(b []byte, off int) (object, bool) {
	lo, hi := int64(off)+s.lo, int64(off)+s.hi
	if off < 0 || lo < 0 || hi > int64(len(b)) || lo > hi {
		return object{}, false
	}
	return object{shape: s, b: b[lo:hi]}, true
}

// object is a struct in guest memory, as far as its shape goes.
type object struct {
	*shape
	at addr.Addr
	b  []byte
}

// bytes gives a field as it lies in memory. The zero object has none.
func (o object) bytes(path string) ([]byte, bool) {
	if o.shape == nil {
		return nil, false
	}
	f, ok := o.fields[path]
	if !ok || f.Off-o.lo+f.Size > int64(len(o.b)) {
		return nil, false
	}
	return o.b[f.Off-o.lo : f.Off-o.lo+f.Size], true
}

// uint gives an integer, pointer or bit field of up to 64 bits, zero-extended.
func (o object) uint(path string) (uint64, bool) {
	b, ok := o.bytes(path)
	if !ok || len(b) == 0 || len(b) > 8 {
		return 0, false
	}
	var w [8]byte
	copy(w[:], b)
	v := binary.LittleEndian.Uint64(w[:])
	if f := o.fields[path]; f.BitSize > 0 && f.BitSize < 64 {
		v = v >> f.BitOff & (1<<f.BitSize - 1)
	}
	return v, true
}

// int gives a 32-bit signed field.
func (o object) int(path string) (int, bool) {
	v, ok := o.uint(path)
	return int(int32(v)), ok
}

// ptr gives the pointer a field is or begins with, as a list_head does with
// next; 0 if the field does not exist.
func (o object) ptr(path string) addr.Addr {
	b, ok := o.bytes(path)
	if !ok || len(b) < 8 {
		return 0
	}
	return addr.Addr(binary.LittleEndian.Uint64(b))
}
