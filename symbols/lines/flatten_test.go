package lines

import (
	"math/rand/v2"
	"slices"
	"testing"

	"ktrap/symbols/dwarfx"
)

func TestOfOverlappingStretchesTheHighestNumberHasAnAddress(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var list []stretch
		for n := range r.IntN(12) {
			low := r.Uint64N(40)
			list = append(list, stretch{dwarfx.Range{Low: low, High: low + 1 + r.Uint64N(20)}, uint64(n / 2)})
		}
		flat := flatten(slices.Clone(list))
		if !disjoint(flat) {
			t.Fatalf("%v of %v overlaps", flat, list)
		}
		for pc := range uint64(70) {
			want, found := uint64(0), false
			for _, s := range list {
				if s.Contains(pc) && (!found || s.id > want) {
					want, found = s.id, true
				}
			}
			if id, ok := covering(flat, pc); ok != found || id != want {
				t.Fatalf("%d is of %d (%v), want %d (%v), in %v", pc, id, ok, want, found, list)
			}
		}
	}
}

func TestRangesAreCutToThoseAround(t *testing.T) {
	ranges := func(n ...uint64) (list []dwarfx.Range) {
		for ; len(n) > 1; n = n[2:] {
			list = append(list, dwarfx.Range{Low: n[0], High: n[1]})
		}
		return list
	}
	tests := []struct{ own, around, want, rest []dwarfx.Range }{
		{ranges(10, 20), ranges(0, 100), ranges(10, 20), nil},
		{ranges(10, 20), ranges(15, 100), ranges(15, 20), ranges(10, 15)},
		{ranges(10, 40), ranges(0, 12, 20, 30, 39, 50), ranges(10, 12, 20, 30, 39, 40), ranges(12, 20, 30, 39)},
		{ranges(10, 20), ranges(20, 30), nil, ranges(10, 20)},
		{ranges(10, 20), nil, nil, ranges(10, 20)},
	}
	for _, tt := range tests {
		if got := within(slices.Clone(tt.own), tt.around); !slices.Equal(got, tt.want) {
			t.Errorf("%v within %v: %v, want %v", tt.own, tt.around, got, tt.want)
		}
		if got := without(tt.own[0], tt.around); !slices.Equal(got, tt.rest) {
			t.Errorf("%v without %v: %v, want %v", tt.own, tt.around, got, tt.rest)
		}
	}
}
