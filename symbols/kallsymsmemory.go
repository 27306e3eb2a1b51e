package symbols

import (
	"encoding/binary"
	"errors"
	"fmt"

	"ktrap/symbols/addr"
)

// KallsymsPlaces says where a kernel keeps its compressed symbol table; the
// symbols are named kallsyms_X. vmlinux knows them, and since 6.0 the kernel
// tells them in VMCOREINFO.
type KallsymsPlaces struct {
	NumSyms, Names, Markers, TokenTable, TokenIndex, Offsets, RelativeBase addr.Addr
}

var errKallsymsDamaged = errors.New("the kernel's symbol table is damaged")

// Bounds on the tables; a distribution's kernel has 5 MB of names.
const (
	maxKallsymsNames  = 64 << 20
	maxKallsymsTokens = 64 << 10
	maxSymbolName     = 1024
)

// ReadKallsymsMemory reads the symbol table of a running kernel out of its
// memory: addresses are where things run, KASLR included.
// Source: linux v6.1 kernel/kallsyms.c; scripts/kallsyms.c.
func ReadKallsymsMemory(read func(p []byte, a addr.Addr) error, at *KallsymsPlaces) (*Kallsyms, error) {
	m := kallsymsMemory{read: read}
	count := binary.LittleEndian.Uint32(m.bytes(at.NumSyms, 4))
	if m.err == nil && (count == 0 || count > maxKallsyms) {
		return nil, fmt.Errorf("%d symbols: %w", count, errKallsymsDamaged)
	}
	base := binary.LittleEndian.Uint64(m.bytes(at.RelativeBase, 8))
	offsets := m.bytes(at.Offsets, 4*int(count))
	index := m.bytes(at.TokenIndex, 2*256)
	tokens := m.between(at.TokenTable, at.TokenIndex, maxKallsymsTokens)
	names := m.between(at.Names, at.Markers, maxKallsymsNames)
	if m.err != nil {
		return nil, fmt.Errorf("read the kernel's symbol table: %w", m.err)
	}
	k := &Kallsyms{byName: map[string]*Module{}}
	kernel := k.module("")
	addrs := kallsymsAddrs(offsets, base)
	for _, a := range addrs {
		name, rest, ok := expandName(names, tokens, index)
		if !ok {
			return nil, fmt.Errorf("symbol %d of %d: %w", len(kernel.Syms), count, errKallsymsDamaged)
		}
		names = rest
		// The first letter is the type, as nm prints it.
		kernel.Syms = append(kernel.Syms, GuestSymbol{string(name[1:]), a, kindOfLetter(name[0])})
	}
	k.complete()
	return k, nil
}

// kallsymsAddrs makes addresses of offsets. Where per-CPU symbols are absolute
// (before 6.15) a negative offset counts from the base and others are addresses.
func kallsymsAddrs(offsets []byte, base uint64) []addr.Addr {
	list := make([]addr.Addr, 0, len(offsets)/4)
	absolute := false
	for o := offsets; len(o) > 0; o = o[4:] {
		absolute = absolute || int32(binary.LittleEndian.Uint32(o)) < 0
	}
	for o := offsets; len(o) > 0; o = o[4:] {
		off := binary.LittleEndian.Uint32(o)
		a := base + uint64(off)
		if absolute {
			a = uint64(off)
			if int32(off) < 0 {
				a = base - 1 - uint64(int64(int32(off)))
			}
		}
		list = append(list, addr.Addr(a))
	}
	return list
}

// expandName decompresses the first of the names: each byte stands for a token.
func expandName(names, tokens, index []byte) (name, rest []byte, ok bool) {
	if len(names) == 0 {
		return nil, nil, false
	}
	n := int(names[0])
	names = names[1:]
	if n&0x80 != 0 && len(names) > 0 { // since 6.1 a long one has two bytes
		n = n&0x7f | int(names[0])<<7
		names = names[1:]
	}
	if n > len(names) {
		return nil, nil, false
	}
	for _, c := range names[:n] {
		for at := int(binary.LittleEndian.Uint16(index[2*int(c):])); at < len(tokens) && tokens[at] != 0; at++ {
			name = append(name, tokens[at])
		}
		if len(name) > maxSymbolName {
			return nil, nil, false
		}
	}
	return name, names[n:], len(name) > 1
}

// kallsymsMemory reads until the first error.
type kallsymsMemory struct {
	read func(p []byte, a addr.Addr) error
	err  error
}

func (m *kallsymsMemory) bytes(a addr.Addr, n int) []byte {
	p := make([]byte, n)
	if m.err == nil {
		m.err = m.read(p, a)
	}
	return p
}

// between reads a table that ends where the next one starts.
func (m *kallsymsMemory) between(a, end addr.Addr, limit int) []byte {
	if end <= a || uint64(end-a) > uint64(limit) {
		if m.err == nil {
			m.err = fmt.Errorf("a table from %v to %v: %w", a, end, errKallsymsDamaged)
		}
		return nil
	}
	return m.bytes(a, int(end-a))
}
