package elffile

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
)

// tableOf makes a symbol table of entries in section 1, which is in memory.
func tableOf(values []uint64) *SymbolTable {
	t := &SymbolTable{places: []place{{}, {alloc: true}}}
	for _, v := range values {
		var e [symSize]byte
		binary.LittleEndian.PutUint16(e[6:], 1)
		binary.LittleEndian.PutUint64(e[8:], v)
		t.entries = append(t.entries, e[:]...)
	}
	return t
}

// aroundByHand looks at every entry.
func aroundByHand(values []uint64, a uint64, hidden func(int) bool) Around {
	r := Around{Next: ^uint64(0), Last: true}
	for n, v := range values {
		switch {
		case hidden(n):
		case v > a:
			r.Next, r.Last = min(r.Next, v), false
		case len(r.At) == 0 || v > r.Start:
			r.Start, r.At = v, []int32{int32(n)}
		case v == r.Start:
			r.At = append(r.At, int32(n))
		}
	}
	return r
}

func TestAroundPassesOverHiddenSymbols(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		values := make([]uint64, 1+r.IntN(40))
		for i := range values {
			values[i] = uint64(r.IntN(30))
		}
		part := r.IntN(5)
		hides := make([]bool, len(values))
		for i := range hides {
			hides[i] = r.IntN(5) < part
		}
		hidden := func(n int) bool { return hides[n] }
		a := uint64(r.IntN(32))
		got, want := tableOf(values).Around(a, hidden), aroundByHand(values, a, hidden)
		if got.Last != want.Last || !got.Last && got.Next != want.Next || !slices.Equal(got.At, want.At) {
			t.Fatalf("%v hiding %v around %d: %+v, want %+v", values, hides, a, got, want)
		}
		if len(want.At) > 0 && got.Start != want.Start {
			t.Fatalf("%v hiding %v around %d: %+v, want %+v", values, hides, a, got, want)
		}
	}
}

func TestAroundReadsATableThatHidesEverythingAFewTimes(t *testing.T) {
	values := make([]uint64, 5000)
	for i := range values {
		values[i] = uint64(i)
	}
	asked := 0
	got := tableOf(values).Around(2500, func(int) bool { asked++; return true })
	if len(got.At) != 0 || !got.Last {
		t.Errorf("got %+v", got)
	}
	if asked > 2*len(values) {
		t.Errorf("asked %d times about %d symbols", asked, len(values))
	}
}
