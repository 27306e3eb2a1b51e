package elffile_test

import (
	"testing"

	"ktrap/symbols/elffile"
	"ktrap/symbols/symtest"
)

// BenchmarkRelocate relocates the debug information of a real module.
func BenchmarkRelocate(b *testing.B) {
	path := symtest.Modules(b)[0]
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
}
