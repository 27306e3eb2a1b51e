package lines_test

import (
	"debug/elf"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/elffile"
	"ktrap/symbols/lines"
	"ktrap/symbols/symtest"
)

// sampleSize is the number of addresses compared per file.
const sampleSize = 2000

func TestChainsOfRealVmlinuxAreThoseOfLLVM(t *testing.T) {
	for _, path := range symtest.Vmlinuxes(t) {
		t.Run(filepath.Base(path), func(t *testing.T) { compareWithLLVM(t, path) })
	}
}

func TestChainsOfRealModulesAreThoseOfLLVM(t *testing.T) {
	for _, path := range symtest.Modules(t) {
		t.Run(filepath.Base(path), func(t *testing.T) { compareWithLLVM(t, path) })
	}
}

// compareWithLLVM compares file and line of every level, the number of levels,
// and the names of inlined functions. The outermost name is not compared: LLVM
// takes it from the ELF symbol table.
func compareWithLLVM(t *testing.T, path string) {
	f := openFile(t, path)
	if !f.Has(".debug_info") {
		t.Skip("SKIPPED: no debug information")
	}
	pcs, base := sample(t, f, sampleSize)
	asked := make([]uint64, len(pcs))
	for i, pc := range pcs {
		asked[i] = pc - base
	}
	info := lines.New(f)
	var inlined, different int
	for i, want := range symtest.LLVM(t, path, asked) {
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
// Of a module only .text is taken: LLVM knows section offsets and looks in the
// first section that fits. base is what to subtract for LLVM.
func sample(tb testing.TB, f *elffile.File, n int) (pcs []uint64, base uint64) {
	all, err := f.AllSymbols()
	if err != nil {
		tb.Fatal(err)
	}
	module := f.Type() == elf.ET_REL
	if module {
		base, _, _ = f.SectionAddr(".text")
	}
	var funcs []elffile.Symbol
	for s := range all {
		sec := f.Sections()[min(s.Section, len(f.Sections())-1)]
		if s.Type == elf.STT_FUNC && s.Size > 0 && sec.Exec() && (!module || sec.Name == ".text") {
			funcs = append(funcs, s)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range n {
		s := funcs[r.IntN(len(funcs))]
		pcs = append(pcs, s.Value+r.Uint64N(s.Size))
	}
	return pcs, base
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
