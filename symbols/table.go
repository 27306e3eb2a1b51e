package symbols

import (
	"cmp"
	"debug/elf"
	"log/slog"
	"slices"
	"sort"
	"strings"
	"sync"

	"ktrap/symbols/addr"
	"ktrap/symbols/elffile"
)

// table is the symbol table of one image as kallsyms would build it: sorted by
// address, of several symbols at one address the preferred one first.
type table struct {
	sections []elffile.Section
	rel      bool // a relocatable file: a module
	entries  []entry

	namesOnce sync.Once
	byName    map[string]uint32 // name -> first of chain
	chain     []uint32          // entry -> next entry of the same name, or none
}

const none = ^uint32(0)

type entry struct {
	name    string
	addr    uint64
	size    uint64 // st_size
	section int32
	kind    Kind
	weak    bool
}

func newTable(f *elffile.File, log *slog.Logger) *table {
	t := &table{sections: f.Sections(), rel: f.Type() == elf.ET_REL}
	all, err := f.AllSymbols()
	if err != nil {
		log.Warn("image has no symbols", "path", f.Path(), "err", err)
		return t
	}
	list := make([]entry, 0, f.SymbolCount())
	for s := range all {
		if s.Section >= len(t.sections) || !t.sections[s.Section].Alloc() || s.Type == elf.STT_SECTION || t.hides(s.Name) {
			continue
		}
		list = append(list, entry{s.Name, s.Value, s.Size, int32(s.Section), kindOf(s), s.Bind == elf.STB_WEAK})
	}
	t.entries = t.sorted(list)
	return t
}

// unnamed tells the names that the kernel passes over when it looks an address
// up in a module.
// Source: linux v6.1 kernel/module/kallsyms.c find_kallsyms_symbol.
func unnamed(name string) bool {
	return name == "" || name[0] == '$' || strings.HasPrefix(name, ".L") || strings.HasPrefix(name, "L0\x01")
}

// hides tells the symbols that kallsyms leaves out.
// Source: linux v6.1 scripts/kallsyms.c is_ignored_symbol, v6.12 scripts/mksysmap.
func (t *table) hides(name string) bool {
	switch {
	case unnamed(name):
		return true
	case t.rel:
		return false
	case name[0] != '_':
		return strings.HasPrefix(name, "kallsyms_") && slices.Contains(kallsymsOwn, name)
	}
	for _, p := range [...]string{"__crc_", "__efistub_", "__kcfi_typeid_", "__kstrtab_", "__kstrtabns_", "__pi_.L", "__pi_$"} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// kallsymsOwn are the symbols of the table itself.
var kallsymsOwn = []string{
	"kallsyms_offsets", "kallsyms_relative_base", "kallsyms_num_syms", "kallsyms_names",
	"kallsyms_markers", "kallsyms_token_table", "kallsyms_token_index", "kallsyms_seqs_of_names",
}

// sorted orders vmlinux as scripts/kallsyms.c does. A module's table is searched
// by the kernel in file order, so there the first in the file stays first.
// Small keys are sorted and not the entries: that takes a third of the time, and
// attaching to a guest waits for it.
func (t *table) sorted(list []entry) []entry {
	type key struct {
		addr uint64
		n    uint32
	}
	keys := make([]key, len(list))
	for i := range list {
		keys[i] = key{list[i].addr, uint32(i)}
	}
	slices.SortFunc(keys, func(a, b key) int {
		if a.addr != b.addr {
			return cmp.Compare(a.addr, b.addr)
		}
		return cmp.Compare(a.n, b.n)
	})
	out := make([]entry, len(list))
	for i, k := range keys {
		out[i] = list[k.n]
	}
	if !t.rel {
		sortAliases(out)
	}
	return out
}

// sortAliases orders each run of symbols at one address.
func sortAliases(list []entry) {
	for i := 0; i < len(list); {
		end := i + 1
		for end < len(list) && list[end].addr == list[i].addr {
			end++
		}
		if end-i > 1 {
			slices.SortStableFunc(list[i:end], compareAliases)
		}
		i = end
	}
}

// compareAliases orders symbols at one address: strong before weak, others
// before linker script symbols, fewer underscores first, then by name (nm's order).
// Source: linux v6.1 scripts/kallsyms.c compare_symbols.
func compareAliases(a, b entry) int {
	if a.weak != b.weak {
		return bool2int(a.weak) - bool2int(b.weak)
	}
	if la, lb := linkerProvided(a.name), linkerProvided(b.name); la != lb {
		return bool2int(la) - bool2int(lb)
	}
	if c := cmp.Compare(underscores(a.name), underscores(b.name)); c != 0 {
		return c
	}
	return strings.Compare(a.name, b.name)
}

func bool2int(b bool) int {
	if b {
		return 1
	}
	return 0
}

func linkerProvided(name string) bool {
	return len(name) >= 8 && (strings.HasPrefix(name, "__start_") || strings.HasPrefix(name, "__stop_") ||
		strings.HasPrefix(name, "__end_") || strings.HasSuffix(name, "_start") || strings.HasSuffix(name, "_end"))
}

func underscores(name string) int { return len(name) - len(strings.TrimLeft(name, "_")) }

func (t *table) index() {
	t.byName = make(map[string]uint32, len(t.entries))
	t.chain = make([]uint32, len(t.entries))
	for i := len(t.entries) - 1; i >= 0; i-- {
		next, ok := t.byName[t.entries[i].name]
		if !ok {
			next = none
		}
		t.chain[i] = next
		t.byName[t.entries[i].name] = uint32(i)
	}
}

func (t *table) named(name string) []Symbol {
	t.namesOnce.Do(t.index)
	i, ok := t.byName[name]
	if !ok {
		return nil
	}
	var list []Symbol
	for ; i != none; i = t.chain[i] {
		list = append(list, t.symbol(int(i)))
	}
	return list
}

// at gives the preferred symbol at or before a, if a is within its size.
func (t *table) at(a addr.LinkAddr) (Symbol, bool) {
	i := sort.Search(len(t.entries), func(i int) bool { return t.entries[i].addr > uint64(a) }) - 1
	if i < 0 {
		return Symbol{}, false
	}
	for i > 0 && t.entries[i-1].addr == t.entries[i].addr {
		i--
	}
	s := t.symbol(i)
	return s, uint64(a-s.Addr) < s.Size
}

// symbol completes entry i with its size by the kallsyms rule. What ends at the
// end of its section at the latest: the last symbol, the last per-CPU symbol
// (those are linked at 0) and the symbols of a module.
func (t *table) symbol(i int) Symbol {
	e := t.entries[i]
	sec := t.sections[e.section]
	end := sec.Addr + sec.Size
	if n := t.next(i); n < len(t.entries) {
		next := t.entries[n].addr
		apart := t.rel || addr.Addr(next).Kernel() != addr.Addr(e.addr).Kernel()
		if !apart || next < end {
			end = next
		}
	}
	return Symbol{
		Name: e.name, Addr: addr.LinkAddr(e.addr), Size: max(end, e.addr) - e.addr, ELFSize: e.size,
		Kind: e.kind, Section: sec.Name,
	}
}

// next gives the first entry at a higher address.
func (t *table) next(i int) int {
	for j := i + 1; j < len(t.entries); j++ {
		if t.entries[j].addr > t.entries[i].addr {
			return j
		}
	}
	return len(t.entries)
}
