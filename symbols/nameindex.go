package symbols

import (
	"hash/crc32"
	"sync"

	"ktrap/symbols/elffile"
)

// nameIndex finds the entries of a name: a hash table whose chains are entry
// numbers. A map of names would copy every one of them. It is kept for other
// processes as it is, so the hash is the same in all.
type nameIndex struct {
	heads numbers // 0 ends a chain: entry 0 is no symbol
	next  numbers // by entry
}

// nameHeads gives the number of chains for a table of symbols.
func nameHeads(entries int) int {
	size := 16
	for size < entries {
		size *= 2
	}
	return size
}

func newNameIndex(syms *elffile.SymbolTable) nameIndex {
	x := nameIndex{make(numbers, 4*nameHeads(syms.Len())), make(numbers, 4*syms.Len())}
	for n := syms.Len() - 1; n > 0; n-- {
		slot := x.slot(syms.Name(n))
		x.next.set(n, x.heads.at(slot))
		x.heads.set(slot, int32(n))
	}
	return x
}

// castagnoli is the polynomial that processors compute themselves.
var castagnoli = sync.OnceValue(func() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) })

func (x nameIndex) slot(name []byte) int {
	return int(crc32.Checksum(name, castagnoli())) & (x.heads.len() - 1)
}

// find gives the entries of a name in file order; false when a chain leads out of
// the table or back, which only one that was kept can do.
func (x nameIndex) find(syms *elffile.SymbolTable, name string) (list []int, ok bool) {
	if x.heads.len() == 0 {
		return nil, true
	}
	last := 0
	for n := int(x.heads.at(x.slot([]byte(name)))); n != 0; n = int(x.next.at(n)) {
		if n <= last || n >= syms.Len() {
			return nil, false
		}
		if string(syms.Name(n)) == name {
			list = append(list, n)
		}
		last = n
	}
	return list, true
}
