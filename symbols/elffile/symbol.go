package elffile

import (
	"debug/elf"
	"iter"
	"slices"
	"strings"
)

// Symbol is one entry of .symtab.
// Units: Value is a link address (laid out for relocatable files).
type Symbol struct {
	Name    string
	Value   uint64
	Size    uint64
	Type    elf.SymType
	Bind    elf.SymBind
	Section int // index into Sections, or an elf.SHN_ constant
}

// AllSymbols yields the defined symbols of .symtab in file order, without
// building a table of them.
// Errors: wraps ErrNoSymbols when there is no symbol table.
func (f *File) AllSymbols() (iter.Seq[Symbol], error) {
	t, err := f.SymbolTable()
	if err != nil {
		return nil, err
	}
	// One copy for all names, which outlive the mapping.
	f.namesOnce.Do(func() { f.names = string(t.names) })
	return func(yield func(Symbol) bool) {
		for n := 1; n < t.Len(); n++ {
			if _, _, ok := t.Place(n); !ok {
				continue
			}
			s := t.symbol(n)
			s.Name = cString(f.names, le.Uint32(t.entries[n*symSize:]))
			if !yield(s) {
				return
			}
		}
	}, nil
}

// Symbols lists the defined symbols of .symtab in file order.
// Errors: wraps ErrNoSymbols when there is no symbol table.
func (f *File) Symbols() ([]Symbol, error) {
	all, err := f.AllSymbols()
	if err != nil {
		return nil, err
	}
	return slices.Collect(all), nil
}

// extendedIndexes finds the SHT_SYMTAB_SHNDX of a symbol table; files with more
// than 65280 sections (-ffunction-sections) have one.
func (f *File) extendedIndexes(symtab int) []byte {
	for i := range f.sections {
		if f.sections[i].Type == elf.SHT_SYMTAB_SHNDX && int(f.sections[i].link) == symtab {
			data, err := f.raw(i)
			if err != nil {
				return nil
			}
			return data
		}
	}
	return nil
}

func sectionIndex(sym, shndx []byte, n uint64) int {
	i := int(le.Uint16(sym[6:]))
	if i == int(elf.SHN_XINDEX) && (n+1)*4 <= uint64(len(shndx)) {
		return int(le.Uint32(shndx[n*4:]))
	}
	return i
}

func cString(table string, off uint32) string {
	if uint64(off) >= uint64(len(table)) {
		return ""
	}
	s := table[off:]
	if before, _, ok := strings.Cut(s, "\x00"); ok {
		return before
	}
	return ""
}
