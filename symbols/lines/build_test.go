package lines

import (
	"slices"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/elffile"
	"ktrap/symbols/index"
	"ktrap/symbols/symtest"
)

// indexOf builds the index of a file and reads it back.
func indexOf(tb testing.TB, i *Info) *index.Index {
	tb.Helper()
	data, err := i.build(tb.Context(), index.Identity{1})
	if err != nil {
		tb.Fatal(err)
	}
	x, err := index.Read(data, index.Identity{1})
	if err != nil {
		tb.Fatal(err)
	}
	return x
}

func TestIndexOfRealVmlinuxAnswersAsLookupDoes(t *testing.T) {
	for _, path := range symtest.Vmlinuxes(t) {
		f, err := elffile.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		if !f.Has(".debug_info") {
			continue
		}
		i := New(f, nil)
		x := indexOf(t, i)
		n := 0
		for _, s := range slices.Concat(i.spans, i.rest) {
			for pc := s.Low; pc < s.High; pc += 1 + (s.High-s.Low)/2 {
				sameAnswer(t, i, x, pc)
				n++
			}
			sameAnswer(t, i, x, s.High)
		}
		t.Logf("%s: %d addresses", path, n)
	}
}

// sameAnswer compares the index with a lookup.
func sameAnswer(t *testing.T, i *Info, x *index.Index, pc uint64) {
	t.Helper()
	want, err := i.lookupUnit(addr.LinkAddr(pc))
	if err != nil {
		t.Fatal(err)
	}
	list, err := x.Lookup(nil, pc)
	if err != nil {
		t.Fatal(err)
	}
	if got := frames(list); !slices.Equal(got, want) {
		t.Errorf("%#x:\n got %+v\nwant %+v", pc, got, want)
	}
}

func BenchmarkIndex(b *testing.B) {
	f, err := elffile.Open(symtest.Vmlinux(b))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	for b.Loop() {
		data, err := New(f, nil).build(b.Context(), index.Identity{1})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(data)), "bytes")
	}
}
