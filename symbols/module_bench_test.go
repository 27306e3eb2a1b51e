package symbols

import (
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/symtest"
)

// BenchmarkOneQuestionToAModule is all the work of a process that is asked for one
// function of a module. $KTRAP_TEST_MODULES names a large one, first.
func BenchmarkOneQuestionToAModule(b *testing.B) {
	path := symtest.Modules(b)[0]
	name := someFunction(b, path)
	b.ReportAllocs()
	for b.Loop() {
		im, err := Open(path, nil)
		if err != nil {
			b.Fatal(err)
		}
		kernel, err := NewOffline(im, &OfflineOptions{})
		if err != nil {
			b.Fatal(err)
		}
		if a := kernel.Ask(name + "+0x4"); a.Reason != "" {
			b.Fatal(a.Reason)
		}
		kernel.Close()
	}
}

// someFunction gives the function in the middle of a module's code.
func someFunction(b *testing.B, path string) string {
	b.Helper()
	im, err := Open(path, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer im.Close()
	base, size, _ := im.file.SectionAddr(".text")
	s, ok := im.SymbolAt(addr.LinkAddr(base + size/2))
	if !ok {
		b.Skip("SKIPPED: the module has no code")
	}
	return s.Name
}
