package elffile

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"iter"
	"sort"
)

var le = binary.LittleEndian

const (
	relaSize = 24
	symSize  = 24
	// maxWidth is how many bytes a relocation changes at most.
	maxWidth = 8
)

// relocations are those of one section.
type relocations struct {
	file        *File
	relas       []byte
	syms, shndx []byte
	base, size  uint64 // address and size of the section they are for
}

// relocationsOf reads the SHT_RELA section rel, for section i of a size.
func (f *File) relocationsOf(i, rel, size int) (*relocations, error) {
	relas, err := f.raw(rel)
	if err != nil {
		return nil, err
	}
	link := int(f.sections[rel].link)
	if link <= 0 || link >= len(f.sections) {
		return nil, fmt.Errorf("relocations refer to symbol table %d", link)
	}
	syms, err := f.raw(link)
	if err != nil {
		return nil, err
	}
	relas = relas[:len(relas)/relaSize*relaSize]
	return &relocations{f, relas, syms, f.extendedIndexes(link), f.sections[i].Addr, uint64(size)}, nil
}

// sorted reports whether the relocations come in the order of the places they
// change, as compilers and linkers write them.
func (r *relocations) sorted() bool {
	last := uint64(0)
	for e := r.relas; len(e) >= relaSize; e = e[relaSize:] {
		off := le.Uint64(e)
		if off < last {
			return false
		}
		last = off
	}
	return true
}

// from gives the place in relas of the first relocation that changes something at
// an offset or after it. They must be sorted.
func (r *relocations) from(off uint64) int {
	if off < maxWidth {
		return 0
	}
	n := sort.Search(len(r.relas)/relaSize, func(n int) bool { return le.Uint64(r.relas[n*relaSize:]) > off-maxWidth })
	return n * relaSize
}

// apply applies the relocations from a place in relas on, as far as they change
// [low, high) of the section; data are those bytes. It gives the place of the
// first one that lies beyond, when they are sorted.
func (r *relocations) apply(data []byte, low, high uint64, at int) (next int, err error) {
	for ; at < len(r.relas); at += relaSize {
		e := r.relas[at : at+relaSize]
		off, info, addend := le.Uint64(e), le.Uint64(e[8:]), le.Uint64(e[16:])
		if off >= high && off < r.size {
			break
		}
		value, ok := r.symbol(info >> 32)
		if !ok {
			continue
		}
		value += addend
		// Almost all are of these two kinds; a big module has millions.
		typ := elf.R_X86_64(uint32(info))
		place := off - low
		switch {
		case typ == elf.R_X86_64_32 && off >= low && place+4 <= uint64(len(data)):
			le.PutUint32(data[place:], uint32(value))
		case typ == elf.R_X86_64_64 && off >= low && place+8 <= uint64(len(data)):
			le.PutUint64(data[place:], value)
		default:
			if err := r.applyAny(data, low, typ, off, value); err != nil {
				return at, err
			}
		}
	}
	return at, nil
}

// putting yields the offsets where relocations put a value that stands alone: 4
// or 8 bytes, whatever was there before.
func (r *relocations) putting(value uint64) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for e := r.relas; len(e) >= relaSize; e = e[relaSize:] {
			info, addend := le.Uint64(e[8:]), le.Uint64(e[16:])
			switch elf.R_X86_64(uint32(info)) {
			case elf.R_X86_64_32, elf.R_X86_64_64:
			default:
				continue
			}
			base, ok := r.symbol(info >> 32)
			if ok && base+addend == value && !yield(le.Uint64(e)) {
				return
			}
		}
	}
}

// applyAny applies a relocation of any kind, which may reach over either end of
// the bytes from low on.
func (r *relocations) applyAny(data []byte, low uint64, typ elf.R_X86_64, off, value uint64) error {
	width := uint64(4)
	switch typ {
	case elf.R_X86_64_NONE:
		return nil
	case elf.R_X86_64_64, elf.R_X86_64_PC64:
		width = maxWidth
	case elf.R_X86_64_32, elf.R_X86_64_32S, elf.R_X86_64_PC32, elf.R_X86_64_PLT32:
	default:
		return fmt.Errorf("relocation %v at %#x is not supported", typ, off)
	}
	if off > r.size || r.size-off < width {
		return fmt.Errorf("relocation %v at %#x lies outside of the section", typ, off)
	}
	switch typ {
	case elf.R_X86_64_PC32, elf.R_X86_64_PC64, elf.R_X86_64_PLT32:
		value -= r.base + off
	}
	for n := range width {
		if at := off + n - low; off+n >= low && at < uint64(len(data)) {
			data[at] = byte(value >> (8 * n))
		}
	}
	return nil
}

// symbol gives the link address of a symbol; false when it belongs to the kernel
// or another module.
func (r *relocations) symbol(n uint64) (uint64, bool) {
	if n >= uint64(len(r.syms)/symSize) {
		return 0, false
	}
	s := r.syms[n*symSize:]
	return r.file.placed(sectionIndex(s, r.shndx, n), le.Uint64(s[8:]))
}

// placed turns a symbol's value into a link address.
func (f *File) placed(sec int, value uint64) (uint64, bool) {
	switch {
	case sec == int(elf.SHN_UNDEF) || sec == int(elf.SHN_COMMON):
		return 0, false
	case f.typ != elf.ET_REL || sec == int(elf.SHN_ABS):
		return value, true
	case sec >= len(f.sections):
		return 0, false
	}
	return f.sections[sec].Addr + value, true
}
