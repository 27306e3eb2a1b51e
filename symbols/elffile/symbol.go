package elffile

import (
	"debug/elf"
	"errors"
	"fmt"
	"iter"
	"strings"
)

// ErrNoSymbols says that the file was stripped of its symbol table.
var ErrNoSymbols = errors.New("no symbol table")

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

type symtab struct {
	entries []byte
	names   string // a copy: symbol names outlive the mapping
	shndx   []byte
}

// AllSymbols yields the defined symbols of .symtab in file order, without
// building a table of them.
// Errors: wraps ErrNoSymbols when there is no symbol table.
func (f *File) AllSymbols() (iter.Seq[Symbol], error) {
	f.symOnce.Do(func() { f.symErr = f.loadSymtab() })
	if f.symErr != nil {
		return nil, f.symErr
	}
	t := &f.syms
	return func(yield func(Symbol) bool) {
		for n := uint64(1); n < uint64(len(t.entries)/symSize); n++ {
			e := t.entries[n*symSize : (n+1)*symSize]
			sec := sectionIndex(e, t.shndx, n)
			value, ok := f.placed(sec, le.Uint64(e[8:]))
			if !ok {
				continue
			}
			s := Symbol{
				Name: cString(t.names, le.Uint32(e)), Value: value, Size: le.Uint64(e[16:]),
				Type: elf.ST_TYPE(e[4]), Bind: elf.ST_BIND(e[4]), Section: sec,
			}
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
	list := make([]Symbol, 0, len(f.syms.entries)/symSize)
	for s := range all {
		list = append(list, s)
	}
	return list, nil
}

// SymbolCount gives the number of entries in .symtab, 0 when there is none; not
// all of them are defined.
func (f *File) SymbolCount() int {
	f.symOnce.Do(func() { f.symErr = f.loadSymtab() })
	return len(f.syms.entries) / symSize
}

func (f *File) loadSymtab() error {
	for i := range f.sections {
		if f.sections[i].Type != elf.SHT_SYMTAB {
			continue
		}
		link := int(f.sections[i].link)
		if link <= 0 || link >= len(f.sections) {
			return fmt.Errorf("symbol table of %q refers to string table %d", f.path, link)
		}
		entries, err := f.raw(i)
		if err != nil {
			return err
		}
		names, err := f.raw(link)
		if err != nil {
			return err
		}
		f.syms = symtab{entries, string(names), f.extendedIndexes(i)}
		return nil
	}
	return fmt.Errorf("%q: %w", f.path, ErrNoSymbols)
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
