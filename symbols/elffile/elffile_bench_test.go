package elffile_test

import (
	"os"
	"testing"

	"ktrap/symbols/elffile"
	"ktrap/symbols/symtest"
)

// BenchmarkRelocate relocates the debug information of the largest real module:
// all of it, and what one unit in the middle takes.
func BenchmarkRelocate(b *testing.B) {
	path := largest(b, symtest.Modules(b))
	b.Run("all", func(b *testing.B) {
		for b.Loop() {
			f, err := elffile.Open(path)
			if err != nil {
				b.Fatal(err)
			}
			data, err := f.Section(".debug_info")
			if err != nil {
				b.Skip("SKIPPED: the module has no debug information")
			}
			b.SetBytes(int64(len(data)))
			f.Close()
		}
	})
	b.Run("unit", func(b *testing.B) {
		for b.Loop() {
			f, err := elffile.Open(path)
			if err != nil {
				b.Fatal(err)
			}
			data, need, err := f.Partial(".debug_info")
			if err != nil || need == nil {
				b.Skip("SKIPPED: the module has no debug information")
			}
			middle := uint64(len(data) / 2)
			if err := need(middle, middle+150_000); err != nil {
				b.Fatal(err)
			}
			f.Close()
		}
	})
}

func largest(tb testing.TB, paths []string) (path string) {
	tb.Helper()
	size := int64(-1)
	for _, p := range paths {
		st, err := os.Stat(p)
		if err != nil {
			tb.Fatal(err)
		}
		if st.Size() > size {
			path, size = p, st.Size()
		}
	}
	return path
}
