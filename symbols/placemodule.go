package symbols

import (
	"debug/elf"
	"errors"
	"fmt"
	"strings"

	"ktrap/symbols/addr"
	"ktrap/symbols/elffile"
)

// ErrMismatch says that a module's file is not the one that is loaded.
var ErrMismatch = errors.New("the file is not the module that is loaded")

// IsModule reports whether the file is a module, which has no addresses yet.
func (im *Image) IsModule() bool { return im.file.Type() == elf.ET_REL }

// PlaceByBase works out where the executable sections of a module's file lie
// from the address of its code, as /proc/modules has it: the loader puts them
// one after the other in the order of the file.
// Source: linux v6.1 kernel/module/main.c layout_sections, v6.12 __layout_sections.
func PlaceByBase(im *Image, base addr.Addr) map[string]addr.Addr {
	at := map[string]addr.Addr{}
	next := uint64(base)
	for _, s := range im.file.Sections() {
		if !s.Exec() || s.Flags&elf.SHF_WRITE != 0 || strings.HasPrefix(s.Name, ".init") {
			continue
		}
		align := max(s.Align, 1)
		next = (next + align - 1) / align * align
		if _, ok := at[s.Name]; !ok {
			at[s.Name] = addr.Addr(next)
		}
		next += s.Size
	}
	return at
}

// PlaceBySymbols works out where the sections of a module's file lie from the
// symbols of the running kernel.
// Errors: wraps ErrMismatch when two symbols of a section disagree.
func PlaceBySymbols(im *Image, syms []GuestSymbol) (map[string]addr.Addr, error) {
	guest := unique(len(syms), func(n int) string { return syms[n].Name })
	at := map[string]addr.Addr{}
	by := map[string]string{} // section -> symbol that told
	var err error
	t := im.symbols()
	t.guard(func() {
		order := t.order()
		names := unique(len(order), func(n int) string { return string(t.syms.Name(int(order[n].n))) })
		for name, n := range names {
			g, ok := guest[name]
			if n < 0 || !ok || g < 0 {
				continue
			}
			sec := t.sections[t.syms.Symbol(int(order[n].n)).Section]
			base := syms[g].Addr - addr.Addr(order[n].addr-sec.Addr)
			if old, ok := at[sec.Name]; ok && old != base {
				err = fmt.Errorf("place %s: %s and %s are apart differently: %w", sec.Name, by[sec.Name], name, ErrMismatch)
			}
			at[sec.Name], by[sec.Name] = base, name
		}
	})
	if err == nil && len(at) == 0 {
		err = fmt.Errorf("no symbol is in both: %w", ErrMismatch)
	}
	if err != nil {
		return nil, err
	}
	return at, nil
}

// unique maps names to their index, and those that occur twice to -1.
func unique(n int, name func(int) string) map[string]int {
	at := make(map[string]int, n)
	for i := range n {
		s := name(i)
		if _, twice := at[s]; twice {
			at[s] = -1
		} else {
			at[s] = i
		}
	}
	return at
}

// linkSections places without a guest: every section at the address the file was laid out at.
func linkSections(f *elffile.File, shift addr.Addr) map[string]addr.Addr {
	at := map[string]addr.Addr{}
	for _, s := range f.Sections() {
		if _, ok := at[s.Name]; s.Alloc() && !ok {
			at[s.Name] = shift + addr.Addr(s.Addr)
		}
	}
	return at
}
