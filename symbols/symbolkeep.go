package symbols

import (
	"errors"

	"golang.org/x/sys/unix"

	"ktrap/symbols/elffile"
	"ktrap/symbols/index"
)

// keptSymbols is where the index of a symbol table is kept.
type keptSymbols struct {
	folder *index.Folder // nil: not kept
	id     index.Identity
	mapped []byte // what was found there
}

// symbolsKept says where the index of an image is kept. What cannot be told apart
// has none, nor have modules, which are small.
func symbolsKept(f *elffile.File) (k keptSymbols) {
	id, ok := symbolIdentity(f)
	if ok {
		k = keptSymbols{folder: keptIndexes(f), id: id}
	}
	return k
}

// load gives the index that another process has kept, nil when there is none.
// One that does not fit is removed.
func (k *keptSymbols) load(entries int) *symbolIndex {
	if k.folder == nil {
		return nil
	}
	data, err := k.folder.Map(k.id)
	if err != nil {
		return nil
	}
	x := readSymbolIndex(data, k.id, entries)
	if x == nil {
		_ = errors.Join(unix.Munmap(data), k.folder.Remove(k.id)) // it is written over when there is a new one
		return nil
	}
	k.mapped = data
	return x
}

// kept gives the index that was kept, nil when there is none that can be used.
func (t *table) kept() *symbolIndex {
	t.keptOnce.Do(func() { t.index.Store(t.keep.load(t.syms.Len())) })
	return t.index.Load()
}

// distrust parts with an index that contradicts the table.
func (t *table) distrust() {
	t.index.Store(nil)
	_ = t.keep.folder.Remove(t.keep.id) // whoever finds it will part with it, too
}

// keepBuilt keeps order and names for other processes once both have been built.
func (t *table) keepBuilt() {
	if t.built.Add(1) != 2 || t.keep.folder == nil {
		return
	}
	x := symbolIndex{order: make(numbers, 4*len(t.sorted)), names: t.names}
	for i, k := range t.sorted {
		x.order.set(i, k.n)
	}
	_ = t.keep.folder.Save(t.keep.id, appendSymbolIndex(nil, t.keep.id, &x)) // not kept: built again the next time
}

// close unmaps what was kept; nobody asks the table any more.
func (t *table) close() error {
	mapped := t.keep.mapped
	if mapped == nil {
		return nil
	}
	t.keep.mapped = nil
	return unix.Munmap(mapped)
}
