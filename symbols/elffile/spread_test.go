package elffile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestWhatIsSpreadComesBackInOrder(t *testing.T) {
	for _, n := range []int{0, 1, 7, 8, 9, 1000} {
		var got []int
		for _, part := range spread(n, 8, func(low, high int) (all []int) {
			for i := low; i < high; i++ {
				all = append(all, i)
			}
			return all
		}) {
			got = append(got, part...)
		}
		if len(got) != n || !slices.IsSorted(got) {
			t.Errorf("%d: %v", n, got)
		}
	}
}

func TestAFaultInSpreadWorkIsAnErrorOfTheWholeWork(t *testing.T) {
	const size = 64 << 10
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	data, _, err := mapFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, size/2); err != nil {
		t.Fatal(err)
	}
	err = Guard(func() error {
		spread(size, 4096, func(low, _ int) byte { return data[low] })
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "damaged file: ") {
		t.Errorf("a file cut off: %v", err)
	}
	if err := unix.Munmap(data); err != nil {
		t.Error(err)
	}
}

// TestBigTablesAreSearchedInParts has names and addresses on both sides of where
// parts end.
func TestBigTablesAreSearchedInParts(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const n = 3*entryPart + 5
	table := &SymbolTable{places: []place{{}, {alloc: true}}, names: []byte{0}}
	var values []uint64
	offs := map[string]uint32{}
	for i := range n {
		name := fmt.Sprintf("a_rather_long_name_of_a_function_%d", i/2)
		if i%3 == 0 {
			name = "twin"
		}
		off, ok := offs[name]
		if !ok || name != "twin" {
			off = uint32(len(table.names))
			offs[name], table.names = off, append(append(table.names, name...), 0)
		}
		var e [symSize]byte
		binary.LittleEndian.PutUint32(e[:], off)
		binary.LittleEndian.PutUint16(e[6:], 1)
		values = append(values, r.Uint64N(n/2))
		binary.LittleEndian.PutUint64(e[8:], values[i])
		table.entries = append(table.entries, e[:]...)
	}
	if len(table.names) < 3*namePart {
		t.Fatalf("only %d bytes of names", len(table.names))
	}
	byHand := func(name string) (list []int) {
		for i := 1; i < n; i++ {
			if string(table.Name(i)) == name {
				list = append(list, i)
			}
		}
		return list
	}
	atEnd := table.names[bytes.LastIndexByte(table.names[:namePart+1], 0)+1:] // lies in two parts
	names := []string{"twin", "function_7", "none", string(atEnd[:bytes.IndexByte(atEnd, 0)])}
	for range 20 {
		names = append(names, string(table.Name(1+r.IntN(n-1))))
	}
	for _, name := range names {
		if got, ok := table.Named(name); !ok || !slices.Equal(got, byHand(name)) {
			t.Errorf("%s: %v, %v, want %v", name, got, ok, byHand(name))
		}
	}
	for range 50 {
		a := r.Uint64N(n / 2)
		hidden := func(n int) bool { return n%4 == 1 }
		got, want := table.Around(a, hidden), aroundByHand(values, a, hidden)
		if got.Last != want.Last || got.Next != want.Next || got.Start != want.Start || !slices.Equal(got.At, want.At) {
			t.Fatalf("around %d: %+v, want %+v", a, got, want)
		}
	}
}
