package unwind

import (
	"fmt"
	"slices"

	"ktrap/symbols/addr"
)

// symbol is a function, as kallsyms sees it: up to the next one.
type symbol struct {
	name string
	low  addr.Addr
	size uint64
}

// symbolTable is sorted by address.
type symbolTable []symbol

// name prints a place in code as the kernel's %pB does.
func (t symbolTable) name(f *Frame) string {
	pc := f.LookupPC()
	i, _ := slices.BinarySearchFunc(t, pc+1, func(s symbol, a addr.Addr) int {
		if s.low < a {
			return -1
		}
		return 1
	})
	if i == 0 || uint64(pc-t[i-1].low) >= t[i-1].size {
		return fmt.Sprintf("%#x", uint64(f.PC))
	}
	s := t[i-1]
	return fmt.Sprintf("%s+%#x/%#x", s.name, uint64(f.PC-s.low), s.size)
}
