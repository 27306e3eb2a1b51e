package expr

import (
	"debug/dwarf"
	"encoding/binary"
	"fmt"
	"slices"

	"ktrap/symbols/addr"
	"ktrap/symbols/types"
)

// Value is a typed value of the guest: a place in memory that is read when
// needed, or bytes at hand. The zero value has no type and cannot be used.
type Value struct {
	env  *Env
	typ  dwarf.Type
	mem  bool // lives at addr; else raw holds it
	addr addr.Addr
	raw  []byte
	lost []types.Span // of raw, what the compiler kept nowhere
	// A bit field: its place from the lowest bit at addr or of raw.
	bitOff, bitSize int64
	missing         error // why there is no value
}

// maxValue bounds what is read at once.
const maxValue = 1 << 20

// ErrOptimizedOut says that the compiler kept no value.
var ErrOptimizedOut = types.ErrOptimizedOut

// At is the value of a type that lives at an address.
func At(t dwarf.Type, a addr.Addr) Value { return Value{typ: t, mem: true, addr: a} }

// Raw is a value held elsewhere, in registers say; b is its memory image.
func Raw(t dwarf.Type, b []byte) Value { return Value{typ: t, raw: slices.Clone(b)} }

// Partly is a value held elsewhere of which some parts are lost.
func Partly(t dwarf.Type, b []byte, lost []types.Span) Value {
	v := Raw(t, b)
	v.lost = lost
	return v
}

// Missing is a value that is known to exist but not to be had.
func Missing(t dwarf.Type, why error) Value { return Value{typ: t, missing: why} }

// Unsigned is an unsigned long.
func Unsigned(u uint64) Value { return number(typeUlong, u) }

// Signed is a long.
func Signed(n int64) Value { return number(typeLong, uint64(n)) }

// number makes a scalar, cut to the size of its type.
func number(t dwarf.Type, u uint64) Value {
	size, _ := types.SizeOf(t)
	raw := binary.LittleEndian.AppendUint64(nil, u)
	return Value{typ: t, raw: raw[:min(max(size, 1), 8)]}
}

// In binds a value to the environment it is read over.
func (v Value) In(env *Env) Value {
	v.env = env
	return v
}

// Type is the value's type.
func (v Value) Type() dwarf.Type { return v.typ }

// Addr gives the address of a value in memory; bit fields have none.
func (v Value) Addr() (addr.Addr, bool) { return v.addr, v.mem && v.bitSize == 0 }

// Size gives the size in bytes, if it is known.
func (v Value) Size() (int64, bool) {
	if v.bitSize != 0 {
		return (v.bitOff + v.bitSize + 7) / 8, true
	}
	return types.SizeOf(v.env.complete(types.Strip(v.typ)))
}

// Bytes reads the memory image.
// Errors: the memory's, or that the value is missing, too large or of unknown size.
func (v Value) Bytes() ([]byte, error) {
	size, ok := v.Size()
	switch {
	case v.missing != nil:
		return nil, v.missing
	case !ok:
		return nil, fmt.Errorf("%s has no size", types.Spell(v.typ))
	case size > maxValue:
		return nil, fmt.Errorf("%d bytes are too many to read at once", size)
	case v.mem:
		p := make([]byte, size)
		return p, v.env.readMemory(p, v.addr)
	case int64(len(v.raw)) < size:
		return nil, fmt.Errorf("only %d of %d bytes are known", len(v.raw), size)
	case slices.ContainsFunc(v.lost, func(s types.Span) bool { return s.Off < size && s.Off+s.Size > 0 }):
		return nil, ErrOptimizedOut
	}
	return v.raw[:size], nil
}

// scalar reads an integer, enum, pointer or bool, extended to 64 bits.
func (v Value) scalar() (uint64, error) {
	switch k := kindOf(v.typ); {
	case k == kindArray, k == kindFunc:
		return v.decayed()
	case !k.integral() && k != kindPointer:
		return 0, fmt.Errorf("%s is no number", types.Spell(v.typ))
	}
	b, err := v.Bytes()
	if err != nil {
		return 0, err
	}
	if len(b) > 8 && v.bitSize == 0 {
		return 0, fmt.Errorf("numbers of %d bytes are not supported", len(b))
	}
	bits := int64(len(b)) * 8
	if v.bitSize != 0 {
		bits = v.bitSize
		b = shiftRight(b, v.bitOff)
	}
	var word [8]byte
	copy(word[:], b)
	return extend(binary.LittleEndian.Uint64(word[:]), bits, signed(v.typ)), nil
}

// decayed gives the address an array or function turns into.
func (v Value) decayed() (uint64, error) {
	if v.missing != nil {
		return 0, v.missing
	}
	if !v.mem {
		return 0, fmt.Errorf("%s is not in memory", types.Spell(v.typ))
	}
	return uint64(v.addr), nil
}

// extend keeps the lowest bits and fills up with zeros or the sign.
func extend(u uint64, bits int64, sign bool) uint64 {
	if bits <= 0 || bits >= 64 {
		return u
	}
	u <<= 64 - bits
	if sign {
		return uint64(int64(u) >> (64 - bits))
	}
	return u >> (64 - bits)
}

// shiftRight drops the lowest bits of a little-endian number.
func shiftRight(b []byte, bits int64) []byte {
	if bits < 0 || bits/8 >= int64(len(b)) {
		return nil
	}
	out := slices.Clone(b[bits/8:])
	if s := uint(bits % 8); s != 0 {
		for n := range out {
			out[n] >>= s
			if n+1 < len(out) {
				out[n] |= out[n+1] << (8 - s)
			}
		}
	}
	return out
}

// Uint reads a number or pointer; negative ones wrap.
func (v Value) Uint() (uint64, error) { return v.scalar() }

// Int reads a number or pointer.
func (v Value) Int() (int64, error) {
	u, err := v.scalar()
	return int64(u), err
}
