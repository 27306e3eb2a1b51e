package symbols

import (
	"debug/elf"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"ktrap/symbols/addr"
	"ktrap/symbols/elffile"
)

// table is the symbol table of one image as kallsyms would build it. The first
// questions are answered by reading the file's own table through, the order by
// address and the index of names are made when there are more, and kept: where
// they are at hand, they answer from the first question on.
type table struct {
	sections []elffile.Section
	rel      bool // a relocatable file: a module
	syms     *elffile.SymbolTable
	log      *slog.Logger

	keep     keptSymbols
	keptOnce sync.Once
	index    atomic.Pointer[symbolIndex] // from another process
	built    atomic.Int32                // of the two below, how many

	asked    atomic.Int32
	recent   atomic.Pointer[elffile.Around]
	sortOnce sync.Once
	sorted   []key

	askedNames atomic.Int32
	namesOnce  sync.Once
	names      nameIndex
}

// patience is how many questions are answered without an index. Sorting costs
// what ten of them do.
const patience = 6

// key is an entry of the file's table that kallsyms would have.
type key struct {
	addr uint64
	n    int32
}

func newTable(f *elffile.File, log *slog.Logger) *table {
	t := &table{sections: f.Sections(), rel: f.Type() == elf.ET_REL, log: log}
	syms, err := f.SymbolTable()
	if err != nil {
		log.Warn("image has no symbols", "path", f.Path(), "err", err)
		syms = &elffile.SymbolTable{}
	}
	t.syms, t.keep = syms, symbolsKept(f)
	return t
}

// guard does what reads the mapped file. When the file is damaged there is no
// answer, as if the symbol did not exist.
func (t *table) guard(f func()) {
	if err := elffile.Guard(func() error { f(); return nil }); err != nil {
		t.log.Warn("symbol table is damaged", "err", err)
	}
}

// place gives the address of entry n if it is in memory at run time; its name
// may still be one that kallsyms leaves out.
func (t *table) place(n int) (uint64, bool) {
	a, sec, ok := t.syms.Place(n)
	return a, ok && sec < len(t.sections) && t.sections[sec].Alloc()
}

func (t *table) hidden(n int) bool {
	name := t.syms.Name(n)
	return unnamed(name) || t.syms.SectionSymbol(n) || !t.rel && hides(name)
}

// around finds the symbols at or before an address and those after it. A
// question is seldom the only one about a function.
func (t *table) around(a uint64) elffile.Around {
	if r := t.recent.Load(); r != nil && r.Covers(a) {
		return *r
	}
	var r elffile.Around
	t.guard(func() {
		ok := false
		if x := t.kept(); x != nil {
			if r, ok = x.search(t, a); !ok {
				t.distrust()
			}
		}
		switch {
		case ok:
		case t.asked.Add(1) <= patience:
			r = t.syms.Around(a, t.hidden)
		default:
			r = t.search(a)
		}
		t.recent.Store(&r)
	})
	return r
}

// at gives the preferred symbol at or before a, if a is within its size.
func (t *table) at(a addr.LinkAddr) (s Symbol, ok bool) {
	r := t.around(uint64(a))
	if len(r.At) == 0 {
		return s, false
	}
	t.guard(func() { s, ok = t.symbol(t.preferred(r.At), r), true })
	return s, ok && uint64(a-s.Addr) < s.Size
}

// preferred gives the symbol that kallsyms puts first. A module's table is
// searched by the kernel in file order, so there the first in the file is meant.
func (t *table) preferred(at []int32) int32 {
	if t.rel || len(at) == 1 {
		return at[0]
	}
	best := newAlias(t.syms, at[0])
	for _, n := range at[1:] {
		if other := newAlias(t.syms, n); compareAliases(other, best) < 0 {
			best = other
		}
	}
	return best.n
}

// symbol completes entry n with its size by the kallsyms rule: up to the next
// symbol. What ends at the end of its section at the latest: the last symbol,
// the last per-CPU symbol (those are linked at 0) and the symbols of a module.
func (t *table) symbol(n int32, r elffile.Around) Symbol {
	e := t.syms.Symbol(int(n))
	sec := t.sections[e.Section]
	end := sec.Addr + sec.Size
	if !r.Last {
		apart := t.rel || addr.Addr(r.Next).Kernel() != addr.Addr(e.Value).Kernel()
		if !apart || r.Next < end {
			end = r.Next
		}
	}
	return Symbol{
		Name: e.Name, Addr: addr.LinkAddr(e.Value), Size: max(end, e.Value) - e.Value, ELFSize: e.Size,
		Kind: kindOf(e), Section: sec.Name,
	}
}

// named gives all symbols of a name by address.
func (t *table) named(name string) (list []Symbol) {
	var found []key
	t.guard(func() { found = t.entriesNamed(name) })
	slices.SortStableFunc(found, compareKeys)
	for _, k := range found {
		r := t.around(k.addr)
		t.guard(func() { list = append(list, t.symbol(k.n, r)) })
	}
	return list
}

func (t *table) entriesNamed(name string) []key {
	var found []key
	for _, n := range t.entries(name) {
		if a, ok := t.place(n); ok && !t.hidden(n) {
			found = append(found, key{a, int32(n)})
		}
	}
	return found
}

// entries gives all entries of a name in file order.
func (t *table) entries(name string) []int {
	if x := t.kept(); x != nil {
		if list, ok := x.names.find(t.syms, name); ok {
			return list
		}
		t.distrust()
	}
	if t.askedNames.Add(1) <= patience {
		if list, ok := t.syms.Named(name); ok {
			return list
		}
	}
	t.namesOnce.Do(func() {
		t.names = newNameIndex(t.syms)
		t.keepBuilt()
	})
	list, _ := t.names.find(t.syms, name)
	return list
}
