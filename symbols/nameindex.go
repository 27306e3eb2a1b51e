package symbols

import (
	"hash/maphash"

	"ktrap/symbols/elffile"
)

// nameIndex finds the entries of a name: a hash table whose chains are entry
// numbers. A map of names would copy every one of them.
type nameIndex struct {
	seed  maphash.Seed
	heads []int32 // 0 ends a chain: entry 0 is no symbol
	next  []int32 // by entry
}

func newNameIndex(syms *elffile.SymbolTable) nameIndex {
	size := 16
	for size < syms.Len() {
		size *= 2
	}
	x := nameIndex{maphash.MakeSeed(), make([]int32, size), make([]int32, syms.Len())}
	for n := syms.Len() - 1; n > 0; n-- {
		head := &x.heads[x.slot(maphash.Bytes(x.seed, syms.Name(n)))]
		x.next[n], *head = *head, int32(n)
	}
	return x
}

func (x nameIndex) slot(hash uint64) uint64 { return hash & uint64(len(x.heads)-1) }

// find gives the entries of a name in file order.
func (x nameIndex) find(syms *elffile.SymbolTable, name string) []int {
	if len(x.heads) == 0 {
		return nil
	}
	var list []int
	for n := x.heads[x.slot(maphash.String(x.seed, name))]; n != 0; n = x.next[n] {
		if string(syms.Name(int(n))) == name {
			list = append(list, int(n))
		}
	}
	return list
}
