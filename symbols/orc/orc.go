// Package orc reads the kernel's ORC unwind tables, all versions, and yields
// their entries as [cfi.Row]. A table is searched where it lies, in the mapped
// file or in bytes read from the guest: opening one costs nothing.
package orc

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"sort"
	"sync"

	"ktrap/symbols/cfi"
)

// Sizes of one element of .orc_unwind_ip and of .orc_unwind.
const (
	ipSize    = 4
	entrySize = 6
)

// Table is one pair of .orc_unwind_ip and .orc_unwind: vmlinux has one, every
// module has one. It is safe for concurrent use.
//
// Entry i tells how to unwind from base+4*i+ip[i] up to the address of entry i+1.
type Table struct {
	ip, entries []byte
	base        uint64
	n           int
	version     Version

	once  sync.Once
	order []uint32 // entry numbers by address; nil if the table is sorted as it lies
}

// New makes a table of the bytes of .orc_unwind_ip and .orc_unwind. ipBase is
// the address of .orc_unwind_ip[0], as the elements are relative to their own
// place: its address space, link time or run time, is that of the table.
// The slices are kept, not copied.
func New(ip []byte, ipBase uint64, entries []byte, v Version) (*Table, error) {
	if v < V1Pre512 || v > V4 {
		return nil, fmt.Errorf("read ORC table at %#x: unknown format", ipBase)
	}
	n := len(ip) / ipSize
	if len(ip)%ipSize != 0 || len(entries) != n*entrySize {
		return nil, fmt.Errorf("read ORC table at %#x: %d bytes of addresses do not fit %d bytes of entries",
			ipBase, len(ip), len(entries))
	}
	return &Table{ip: ip, entries: entries, base: ipBase, n: n, version: v}, nil
}

// Len is the number of entries.
func (t *Table) Len() int { return t.n }

// Row gives the row for a pc: the last entry at or below it.
// Shape: code the table calls undefined gives a row of kind [cfi.Undefined];
// false means only that the pc lies below the table.
func (t *Table) Row(pc uint64) (cfi.Row, bool) {
	t.once.Do(t.index)
	// Of several entries at one address the last counts: the terminator of a
	// section stands before the first entry of the section that follows.
	i := sort.Search(t.n, func(i int) bool { return t.addr(t.at(i)) > pc }) - 1
	if i < 0 {
		return cfi.Row{}, false
	}
	return t.entry(t.at(i)).row(t.version), true
}

// at gives the number of the i-th entry by address.
func (t *Table) at(i int) int {
	if t.order == nil {
		return i
	}
	return int(t.order[i])
}

func (t *Table) addr(i int) uint64 {
	off := int32(binary.LittleEndian.Uint32(t.ip[i*ipSize:]))
	return t.base + uint64(i*ipSize) + uint64(int64(off))
}

func (t *Table) entry(i int) entry {
	b := t.entries[i*entrySize:]
	return entry{
		spOff: int16(binary.LittleEndian.Uint16(b)),
		bpOff: int16(binary.LittleEndian.Uint16(b[2:])),
		flags: binary.LittleEndian.Uint16(b[4:]),
	}
}

// index sorts the tables that are not sorted in the file: vmlinux before 5.6
// and the modules, which the kernel sorts when it boots or loads them.
func (t *Table) index() {
	if t.sorted() {
		return
	}
	t.order = make([]uint32, t.n)
	for i := range t.order {
		t.order[i] = uint32(i)
	}
	slices.SortStableFunc(t.order, func(a, b uint32) int {
		if c := cmp.Compare(t.addr(int(a)), t.addr(int(b))); c != 0 {
			return c
		}
		return cmp.Compare(t.rank(int(a)), t.rank(int(b)))
	})
}

func (t *Table) sorted() bool {
	prev := uint64(0)
	for i := range t.n {
		a := t.addr(i)
		if a < prev {
			return false
		}
		prev = a
	}
	return true
}

// rank puts terminators before real entries of the same address.
func (t *Table) rank(i int) int {
	if t.entry(i).row(t.version).Kind == cfi.Undefined {
		return 0
	}
	return 1
}
