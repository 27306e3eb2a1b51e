package lines_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"ktrap/symbols"
	"ktrap/symbols/addr"
	"ktrap/symbols/elffile"
	"ktrap/symbols/lines"
	"ktrap/symbols/symtest"
)

// The causes of differences from llvm-symbolizer, in the order of the table.
const (
	causeNone   = "nothing differs"
	causeSuffix = "outermost name, of a part or clone"
	causeNoDIE  = "outermost name, no function in DWARF"
	causeAlias  = "outermost name, several at one address"
	causeLine0  = "line 0"
	causePlace  = "file, line or inlined calls"
)

// causes explains each: who is right and why.
var causes = []struct{ name, why string }{
	{causeNone, ""},
	{causeSuffix, "both: LLVM prints the ELF symbol (`f.cold`, `f.isra.0`), DWARF names the function in the source. ktrap shows the symbol's name too, as the kernel does; it takes it from its own table of symbols."},
	{causeNoDIE, "both: code that DWARF has no function for (assembly labels without a size, thunks of folded functions, static calls, the padding that `__pfx_` names). LLVM falls back on the ELF symbol, and so does ktrap, one layer up; the line is the same."},
	{causeAlias, "both: identical functions folded into one, or aliases. LLVM takes one ELF symbol, DWARF names the last function of the file; ktrap prints the one that kallsyms prefers."},
	{causeLine0, "ktrap: DWARF's line 0 says that the code is of no line. LLVM prints the file with a 0, which is no place to look at; ktrap has no place then."},
	{causePlace, "not explained: a bug of one of the two."},
}

// oracleSize is the number of addresses per kernel: most in random functions,
// one in five anywhere in the text, so that padding and assembly are met too.
const oracleSize = 10_000

func TestChainsOfRealVmlinuxAreThoseOfLLVM(t *testing.T) {
	size := oracleSize
	if os.Getenv("KTRAP_TABLES") == "" {
		size /= 5 // no table is written
	}
	var table strings.Builder
	for _, path := range symtest.Vmlinuxes(t) {
		f := openFile(t, path)
		if !f.Has(".debug_info") {
			continue
		}
		pcs := append(sample(t, f, size*4/5), anywhere(f, size/5)...)
		counts, shown := oracle(t, path, f, pcs)
		agreed := len(pcs) - counts[causePlace]
		fmt.Fprintf(&table, "\n## %s\n\n%d addresses; file, line and inlined calls agree on %d (%.2f %%).\n\n| what differs | addresses | an example: ktrap, LLVM |\n|---|---|---|\n",
			release(t, path), len(pcs), agreed, 100*float64(agreed)/float64(len(pcs)))
		for _, c := range causes {
			fmt.Fprintf(&table, "| %s | %d | %s |\n", c.name, counts[c.name], shown[c.name])
		}
		if agreed*10_000 < len(pcs)*9_995 {
			t.Errorf("%s: %d of %d agree, want 99.95 %%", path, agreed, len(pcs))
		}
	}
	t.Log(table.String())
	writeOracle(t, table.String())
}

// oracle compares and counts by cause.
func oracle(t *testing.T, path string, f *elffile.File, pcs []uint64) (counts map[string]int, shown map[string]string) {
	t.Helper()
	info := lines.New(f, nil)
	defer info.Close()
	info.Expect(len(pcs))
	counts, shown = map[string]int{}, map[string]string{}
	for i, want := range symtest.LLVM(t, path, pcs) {
		got, err := info.Lookup(addr.LinkAddr(pcs[i]))
		if err != nil {
			t.Fatal(err)
		}
		c := causeOf(got, want)
		if counts[c]++; c == causePlace {
			t.Logf("%#x:\n got %+v\nwant %+v", pcs[i], got, want)
		}
		if c != causeNone && shown[c] == "" {
			shown[c] = fmt.Sprintf("`%#x`: %s, %s", pcs[i], example(got), exampleLLVM(want))
		}
	}
	return counts, shown
}

func example(list []lines.Frame) string {
	if len(list) == 0 {
		return "nothing"
	}
	f := list[len(list)-1]
	return spell(f.Func, f.Path, f.Line)
}

func exampleLLVM(list []symtest.Frame) string {
	if len(list) == 0 {
		return "nothing"
	}
	f := list[len(list)-1]
	return spell(f.Func, f.File, f.Line)
}

func spell(name, file string, line int) string {
	if name == "" {
		name = "no function"
	} else {
		name = "`" + name + "`"
	}
	if file == "" {
		return name + " without a line"
	}
	return fmt.Sprintf("%s %s:%d", name, filepath.Base(file), line)
}

// causeOf says how an answer differs from LLVM's.
func causeOf(got []lines.Frame, want []symtest.Frame) string {
	if !same(got, want) {
		return causePlace
	}
	for _, w := range want {
		if w.Line == 0 && w.File != "" {
			return causeLine0
		}
	}
	ours, theirs := "", ""
	if len(got) > 0 {
		ours = got[len(got)-1].Func
	}
	if len(want) > 0 {
		theirs = want[len(want)-1].Func
	}
	switch {
	case ours == theirs:
		return causeNone
	case ours == "":
		return causeNoDIE
	case strings.HasPrefix(theirs, ours+"."):
		return causeSuffix
	}
	return causeAlias
}

// anywhere picks random addresses of the executable sections, the same ones
// every time.
func anywhere(f *elffile.File, n int) (pcs []uint64) {
	var text []elffile.Section
	total := uint64(0)
	for _, s := range f.Sections() {
		if s.Exec() {
			text = append(text, s)
			total += s.Size
		}
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range n {
		at := r.Uint64N(total)
		for _, s := range text {
			if at < s.Size {
				pcs = append(pcs, s.Addr+at)
				break
			}
			at -= s.Size
		}
	}
	return pcs
}

// release names a kernel, its compiler and what is special about it.
func release(t *testing.T, path string) string {
	im, err := symbols.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	text := im.Release() + ", gcc"
	if strings.Contains(im.Banner(), "clang") {
		text = im.Release() + ", clang"
	}
	if info, err := im.File().Section(".debug_info"); err == nil && len(info) > 6 {
		text += fmt.Sprintf(", DWARF %d", binary.LittleEndian.Uint16(info[4:]))
	}
	if _, ok := im.Symbol("__asan_load8"); ok {
		text += ", KASAN"
	}
	if strings.Contains(path, "lto") {
		text += ", ThinLTO"
	}
	return text
}

// writeOracle writes the table where KTRAP_TABLES says.
func writeOracle(t *testing.T, table string) {
	dir := os.Getenv("KTRAP_TABLES")
	if dir == "" {
		return
	}
	tool, err := exec.Command("llvm-symbolizer", "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`version ([0-9.]+)`).FindSubmatch(tool)
	if version == nil {
		t.Fatalf("llvm-symbolizer says %q", tool)
	}
	text := fmt.Sprintf("# Addresses compared with llvm-symbolizer %s\n\n"+
		"Made by `make integration` (symbols/lines, TestChainsOfRealVmlinuxAreThoseOfLLVM): four of five addresses lie in\n"+
		"random functions, one anywhere in the text. The answers are those of the index, which are those of single lookups.\n\n"+
		"## Who is right\n\n", version[1])
	for _, c := range causes[1:] {
		text += fmt.Sprintf("- **%s**: %s\n", c.name, c.why)
	}
	if err := os.WriteFile(filepath.Join(dir, "symbolizer.md"), []byte(text+table), 0o644); err != nil {
		t.Fatal(err)
	}
}
