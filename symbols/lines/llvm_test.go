package lines_test

import (
	"debug/elf"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/elffile"
	"ktrap/symbols/lines"
	"ktrap/symbols/symtest"
)

// sampleSize is the number of addresses compared per module.
const sampleSize = 2000

// LLVM cannot tell sections of a relocatable file apart, all of which start at 0.
// So the linker makes an executable of the module with the same layout, which
// checks our relocation as well.
func TestChainsOfRealModulesAreThoseOfLLVM(t *testing.T) {
	for _, path := range symtest.Modules(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			f := openFile(t, path)
			if !f.Has(".debug_info") {
				t.Skip("SKIPPED: no debug information")
			}
			addrs := map[string]uint64{}
			for _, s := range f.Sections() {
				if s.Alloc() && s.Size > 0 {
					addrs[s.Name] = s.Addr
				}
			}
			compare(t, path, symtest.Link(t, path, addrs))
		})
	}
}

// compare compares file and line of every level, the number of levels, and the
// names of inlined functions between our answer for the file at path and LLVM's
// for reference. The outermost name is not compared: LLVM takes it from the ELF
// symbol table.
func compare(t *testing.T, path, reference string) {
	f := openFile(t, path)
	if !f.Has(".debug_info") {
		t.Skip("SKIPPED: no debug information")
	}
	pcs := sample(t, f, sampleSize)
	info := lines.New(f, nil)
	var inlined, different int
	for i, want := range symtest.LLVM(t, reference, pcs) {
		got, err := info.Lookup(addr.LinkAddr(pcs[i]))
		if err != nil {
			t.Fatal(err)
		}
		if len(got) > 1 {
			inlined++
		}
		if !same(got, want) {
			if different++; different <= 20 {
				t.Errorf("%#x:\n got %+v\nwant %+v", pcs[i], got, want)
			}
		}
	}
	t.Logf("%d addresses compared, %d with inlined calls, %d different", len(pcs), inlined, different)
}

func same(got []lines.Frame, want []symtest.Frame) bool {
	if len(got) == 0 { // not covered: LLVM answers with the ELF symbol alone
		return len(want) == 0 || len(want) == 1 && want[0].Line == 0
	}
	if len(got) != len(want) {
		return false
	}
	for i, g := range got {
		w := want[i]
		if w.Line == 0 {
			w.File = "" // a stale file name without a line
		}
		if g.Path != w.File || g.Line != w.Line || g.Inlined && g.Func != w.Func {
			return false
		}
	}
	return true
}

// sample picks random addresses in random functions, the same ones every time.
func sample(tb testing.TB, f *elffile.File, n int) (pcs []uint64) {
	all, err := f.AllSymbols()
	if err != nil {
		tb.Fatal(err)
	}
	var funcs []elffile.Symbol
	for s := range all {
		sec := f.Sections()[min(s.Section, len(f.Sections())-1)]
		// The padding before functions would be half of the sample.
		if s.Type == elf.STT_FUNC && s.Size > 0 && sec.Exec() && !strings.HasPrefix(s.Name, "__pfx_") {
			funcs = append(funcs, s)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range n {
		s := funcs[r.IntN(len(funcs))]
		pcs = append(pcs, s.Value+r.Uint64N(s.Size))
	}
	return pcs
}

func openFile(tb testing.TB, path string) *elffile.File {
	tb.Helper()
	f, err := elffile.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.Close() })
	return f
}
