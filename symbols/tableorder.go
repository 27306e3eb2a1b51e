package symbols

import (
	"cmp"
	"slices"
	"sort"

	"ktrap/symbols/elffile"
)

func compareKeys(a, b key) int { return cmp.Or(cmp.Compare(a.addr, b.addr), cmp.Compare(a.n, b.n)) }

// order gives all entries by address, in file order where that is the same.
func (t *table) order() []key {
	t.sortOnce.Do(func() {
		list := make([]key, 0, t.syms.Len())
		for n := 1; n < t.syms.Len(); n++ {
			if a, ok := t.place(n); ok && !t.hidden(n) {
				list = append(list, key{a, int32(n)})
			}
		}
		t.sorted = sortKeys(list)
		t.keepBuilt()
	})
	return t.sorted
}

// search is SymbolTable.Around with the order at hand.
func (t *table) search(a uint64) elffile.Around {
	list := t.order()
	end := sort.Search(len(list), func(i int) bool { return list[i].addr > a })
	r := elffile.Around{Last: end == len(list)}
	if !r.Last {
		r.Next = list[end].addr
	}
	start := end
	for start > 0 && list[start-1].addr == list[end-1].addr {
		start--
	}
	for _, k := range list[start:end] {
		r.Start, r.At = k.addr, append(r.At, k.n)
	}
	return r
}

// sortKeys sorts by address and keeps the order of equal ones. Counting digits
// takes a tenth of the time that comparing does; kernel addresses differ in
// three of the six digits only, the others cost one look.
func sortKeys(list []key) []key {
	const bits, digits = 11, 6
	other := make([]key, len(list))
	for d := range digits {
		var count [1 << bits]int
		shift := d * bits
		for i := range list {
			count[list[i].addr>>shift&(1<<bits-1)]++
		}
		if slices.Contains(count[:], len(list)) {
			continue // all have the same digit
		}
		at := 0
		for i, n := range count {
			count[i] = at
			at += n
		}
		for _, k := range list {
			digit := k.addr >> shift & (1<<bits - 1)
			other[count[digit]] = k
			count[digit]++
		}
		list, other = other, list
	}
	return list
}
