package machine

import (
	"cmp"
	"maps"
	"slices"

	"ktrap/symbols/addr"
)

// Kind is the protocol's breakpoint type: Z0 to Z4.
type Kind uint8

// The breakpoint types of the remote protocol.
const (
	Software Kind = iota
	Hardware
	WatchWrite
	WatchRead
	WatchAccess
)

// Owner names who wants a breakpoint: one trap set, the terminal's list, a
// script, or one gdb connection.
type Owner string

// The owners inside ktrap; gdb connections are named by their client.
const (
	Traps Owner = "traps" // inspected: the trap engine decides
	Hooks Owner = "hooks" // inspected: a hook decides
	User  Owner = "user"
)

// Point is one place in the stub's breakpoint list.
// Units: Size is the packet's kind field: 1 for code on x86, bytes for watches.
type Point struct {
	Kind Kind
	Addr addr.Addr
	Size int
}

// Points counts who wants which breakpoint, so that one stub breakpoint serves
// a trap and a gdb breakpoint at the same address and goes with the last owner.
// The zero value is empty and ready.
type Points struct {
	owners map[Point]map[Owner]int
	leaves int               // how often a code breakpoint has gone
	gone   map[addr.Addr]int // where code breakpoints were, and which leave that was; bounded by maxGone
}

// maxGone bounds the places that are remembered. Hits are late by one stop or two.
const maxGone = 1 << 12

// leave remembers where a breakpoint was.
func (t *Points) leave(p Point) {
	if p.Kind > Hardware {
		return
	}
	if t.gone == nil || len(t.gone) == maxGone {
		t.gone = make(map[addr.Addr]int)
	}
	t.leaves++
	t.gone[p.Addr] = t.leaves
}

// Gone reports whether a code breakpoint was at a, and is no more.
func (t *Points) Gone(a addr.Addr) bool {
	_, was := t.gone[a]
	return was && !t.Code(a)
}

// Add notes that owner wants p and reports whether the stub must be told.
func (t *Points) Add(p Point, owner Owner) (first bool) {
	if t.owners == nil {
		t.owners = make(map[Point]map[Owner]int)
	}
	o := t.owners[p]
	if o == nil {
		o = make(map[Owner]int)
		t.owners[p] = o
	}
	o[owner]++
	return len(o) == 1 && o[owner] == 1
}

// Drop takes back one Add. known is false if owner never asked for p; last
// reports whether the stub must be told.
func (t *Points) Drop(p Point, owner Owner) (known, last bool) {
	o := t.owners[p]
	if o[owner] == 0 {
		return false, false
	}
	if o[owner]--; o[owner] == 0 {
		delete(o, owner)
	}
	if len(o) == 0 {
		delete(t.owners, p)
		t.leave(p)
		return true, true
	}
	return true, false
}

// DropOwner forgets everything that owner wanted and returns what the stub
// must remove.
func (t *Points) DropOwner(owner Owner) []Point {
	var gone []Point
	for p, o := range t.owners {
		if _, ok := o[owner]; !ok {
			continue
		}
		delete(o, owner)
		if len(o) == 0 {
			delete(t.owners, p)
			t.leave(p)
			gone = append(gone, p)
		}
	}
	sortPoints(gone)
	return gone
}

// All lists every point in the stub, lowest address first.
func (t *Points) All() []Point {
	all := slices.Collect(maps.Keys(t.owners))
	sortPoints(all)
	return all
}

// OwnersAt tells who has a code breakpoint at a.
func (t *Points) OwnersAt(a addr.Addr) []Owner {
	var who []Owner
	for p, o := range t.owners {
		if p.Addr == a && p.Kind <= Hardware {
			who = slices.AppendSeq(who, maps.Keys(o))
		}
	}
	slices.Sort(who)
	return slices.Compact(who)
}

// Has reports whether owner wants anything.
func (t *Points) Has(owner Owner) bool {
	for _, o := range t.owners {
		if o[owner] > 0 {
			return true
		}
	}
	return false
}

// Owned reports whether owner has a code breakpoint at a.
func (t *Points) Owned(a addr.Addr, owner Owner) bool {
	return slices.Contains(t.OwnersAt(a), owner)
}

// Code reports whether any code breakpoint stands at a.
func (t *Points) Code(a addr.Addr) bool { return len(t.OwnersAt(a)) > 0 }

// Hardware counts the points that need a debug register where the CPU's own
// are used.
func (t *Points) Hardware() int {
	n := 0
	for p := range t.owners {
		if p.Kind != Software {
			n++
		}
	}
	return n
}

func sortPoints(p []Point) {
	slices.SortFunc(p, func(a, b Point) int {
		return cmp.Or(cmp.Compare(a.Addr, b.Addr), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Size, b.Size))
	})
}
