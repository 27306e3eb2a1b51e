package elffile

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
)

var le = binary.LittleEndian

const (
	relaSize = 24
	symSize  = 24
)

// relocate applies the SHT_RELA section rel to data, the contents of section i.
// Symbols of other modules and of the kernel are unknown here: what refers to
// them stays as it is.
func (f *File) relocate(data []byte, i, rel int) error {
	relas, err := f.raw(rel)
	if err != nil {
		return err
	}
	link := int(f.sections[rel].link)
	if link <= 0 || link >= len(f.sections) {
		return fmt.Errorf("relocations refer to symbol table %d", link)
	}
	syms, err := f.raw(link)
	if err != nil {
		return err
	}
	values := f.symbolValues(syms, f.extendedIndexes(link))
	base := f.sections[i].Addr
	for ; len(relas) >= relaSize; relas = relas[relaSize:] {
		off, info, addend := le.Uint64(relas), le.Uint64(relas[8:]), le.Uint64(relas[16:])
		n := info >> 32
		if n >= uint64(len(values)) || values[n].undefined {
			continue
		}
		value := values[n].value + addend
		// Almost all are of these two kinds; a big module has millions.
		switch typ := elf.R_X86_64(uint32(info)); {
		case typ == elf.R_X86_64_32 && off < uint64(len(data)) && uint64(len(data))-off >= 4:
			le.PutUint32(data[off:], uint32(value))
		case typ == elf.R_X86_64_64 && off < uint64(len(data)) && uint64(len(data))-off >= 8:
			le.PutUint64(data[off:], value)
		default:
			if err := apply(data, typ, off, value, base+off); err != nil {
				return err
			}
		}
	}
	return nil
}

// symbolValue is the laid-out value of a symbol of the file.
type symbolValue struct {
	value     uint64
	undefined bool // it belongs to the kernel or another module
}

func (f *File) symbolValues(syms, shndx []byte) []symbolValue {
	list := make([]symbolValue, len(syms)/symSize)
	for n := range list {
		s := syms[n*symSize:]
		value, ok := f.placed(sectionIndex(s, shndx, uint64(n)), le.Uint64(s[8:]))
		list[n] = symbolValue{value, !ok}
	}
	return list
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

func apply(data []byte, typ elf.R_X86_64, off, value, place uint64) error {
	width := uint64(4)
	switch typ {
	case elf.R_X86_64_NONE:
		return nil
	case elf.R_X86_64_64, elf.R_X86_64_PC64:
		width = 8
	case elf.R_X86_64_32, elf.R_X86_64_32S, elf.R_X86_64_PC32, elf.R_X86_64_PLT32:
	default:
		return fmt.Errorf("relocation %v at %#x is not supported", typ, off)
	}
	if off > uint64(len(data)) || uint64(len(data))-off < width {
		return fmt.Errorf("relocation %v at %#x lies outside of the section", typ, off)
	}
	switch typ {
	case elf.R_X86_64_PC32, elf.R_X86_64_PC64, elf.R_X86_64_PLT32:
		value -= place
	}
	if width == 8 {
		le.PutUint64(data[off:], value)
	} else {
		le.PutUint32(data[off:], uint32(value))
	}
	return nil
}
