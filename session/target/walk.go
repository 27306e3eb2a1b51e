package target

import (
	"encoding/binary"
	"errors"
	"fmt"

	"ktrap/symbols/addr"
)

// Bits of a page-table entry.
// Source: Intel SDM vol. 3A, 4.5 "4-level paging and 5-level paging".
const (
	ptePresent = 1 << 0
	pteLarge   = 1 << 7             // in a PDPTE or PDE: maps 1 GiB or 2 MiB
	pteAddr    = 0x000ffffffffff000 // without NX, protection keys and software bits
)

// errUnmapped says that the tables do not map an address.
var errUnmapped = errors.New("not mapped")

// mapping is where an address lies in physical memory, and how many bytes from
// there on are sure to follow.
type mapping struct {
	pa   uint64
	left uint64
}

// walk follows the page tables from the top table at root.
// Shape: entry reads eight bytes of physical memory.
// Errors: errUnmapped, or what entry returned.
func walk(entry func(pa uint64) (uint64, error), root uint64, levels int, a addr.Addr) (mapping, error) {
	if !canonical(a, levels) {
		return mapping{}, errUnmapped
	}
	table := root & pteAddr
	for level := levels; level >= 1; level-- {
		shift := 12 + 9*(level-1)
		e, err := entry(table + uint64(a)>>shift&0x1ff*8)
		if err != nil {
			return mapping{}, fmt.Errorf("read level %d page table of %#x: %w", level, uint64(a), err)
		}
		if e&ptePresent == 0 {
			return mapping{}, errUnmapped
		}
		leaf := level == 1 || (level <= 3 && e&pteLarge != 0)
		if !leaf {
			table = e & pteAddr
			continue
		}
		size := uint64(1) << shift
		off := uint64(a) & (size - 1)
		// In a large page bit 12 is a memory type, so the mask goes by size.
		return mapping{pa: e&pteAddr&^(size-1) + off, left: size - off}, nil
	}
	return mapping{}, errUnmapped
}

// canonical reports whether the unused top bits are copies of the highest used one.
func canonical(a addr.Addr, levels int) bool {
	shift := 64 - (12 + 9*levels)
	return int64(a)<<shift>>shift == int64(a)
}

// entryIn reads a page-table entry out of a page.
func entryIn(page []byte, pa uint64) uint64 {
	return binary.LittleEndian.Uint64(page[pa&(pageSize-1)&^7:])
}
