package lines_test

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/index"
	"ktrap/symbols/lines"
	"ktrap/symbols/symtest"
)

// flavours are the ways to write DWARF that kernels come in: by compiler,
// version, compression and split of sections.
var flavours = []struct {
	name, compiler, flags string
}{
	{"gcc-dwarf3", "gcc", "-gdwarf-3"},
	{"gcc-dwarf4", "gcc", "-gdwarf-4"},
	{"gcc-dwarf5", "gcc", "-gdwarf-5"},
	{"gcc-dwarf64", "gcc", "-gdwarf-5 -gdwarf64"},
	{"gcc-zlib", "gcc", "-gdwarf-5 -gz=zlib"},
	{"gcc-sections", "gcc", "-gdwarf-5 -ffunction-sections"},
	{"gcc-lto", "gcc", "-gdwarf-5 -flto"},
	{"gcc-own-line-program", "gcc", "-gdwarf-5 -gno-as-loc-support"},
	{"clang-dwarf4", "clang", "-gdwarf-4"},
	{"clang-dwarf5", "clang", "-gdwarf-5"},
	{"clang-sections", "clang", "-gdwarf-5 -ffunction-sections"},
	{"clang-thin-lto", "clang", "-gdwarf-5 -flto=thin -fuse-ld=lld"},
}

func TestChainsOfEveryDWARFFlavourAreThoseOfLLVM(t *testing.T) {
	for _, f := range flavours {
		t.Run(f.name, func(t *testing.T) {
			path := compile(t, f.compiler, f.flags)
			compareAll(t, path)
		})
	}
}

// compile builds testdata/inline.c and skips the test loudly without a compiler.
func compile(tb testing.TB, compiler, flags string) string {
	tb.Helper()
	tool, err := exec.LookPath(compiler)
	if err != nil {
		if tool, err = exec.LookPath(compiler + "-14"); err != nil {
			tb.Skipf("SKIPPED, nothing was compared: %s is not installed", compiler)
		}
	}
	out := filepath.Join(tb.TempDir(), "inline")
	args := append([]string{"-O2"}, strings.Fields(flags)...)
	args = append(args, "-no-pie", "-fno-pie", "-o", out, "inline.c")
	cmd := exec.CommandContext(tb.Context(), tool, args...)
	cmd.Dir = "testdata"
	if text, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("%s %s: %v\n%.2000s", tool, strings.Join(args, " "), err, text)
	}
	return out
}

// compareAll compares every byte of our own functions.
func compareAll(t *testing.T, path string) {
	f := openFile(t, path)
	all, err := f.AllSymbols()
	if err != nil {
		t.Fatal(err)
	}
	var pcs []uint64
	for s := range all {
		base, _, _ := strings.Cut(s.Name, ".")
		if slices.Contains([]string{"main", "outer", "elsewhere", "unlikely_path", "twice", "clamp"}, base) {
			for off := range s.Size {
				pcs = append(pcs, s.Value+off)
			}
		}
	}
	folder := &index.Folder{Dir: t.TempDir(), Max: 1 << 20}
	info, many := lines.New(f, nil), lines.New(f, folder)
	many.Expect(1_000_000)
	inlined := 0
	for i, want := range symtest.LLVM(t, path, pcs) {
		got, err := info.Lookup(addr.LinkAddr(pcs[i]))
		if err != nil {
			t.Fatal(err)
		}
		if !same(got, want) {
			t.Errorf("%#x:\n got %+v\nwant %+v", pcs[i], got, want)
		}
		if len(got) > 2 {
			inlined++
		}
		if all, err := many.Lookup(addr.LinkAddr(pcs[i])); err != nil || !slices.Equal(all, got) {
			t.Errorf("%#x: the index has %+v, %v, want %+v", pcs[i], all, err, got)
		}
	}
	if err := many.Close(); err != nil {
		t.Error(err)
	}
	if n, _ := folder.Usage(); n != 1 {
		t.Errorf("%d indexes were kept: what was compared?", n)
	}
	if len(pcs) < 100 || inlined < 10 {
		t.Errorf("%d addresses, %d deeply inlined: too few to show anything", len(pcs), inlined)
	}
}

func TestOneAddressKeepsAnIndexOnlyOfCompressedDebugInformation(t *testing.T) {
	for flags, kept := range map[string]int{"-gdwarf-5 -gz=zlib": 1, "-gdwarf-5 -gz=none": 0} {
		f := openFile(t, compile(t, "gcc", flags))
		folder := &index.Folder{Dir: t.TempDir(), Max: 1 << 20}
		pc := sample(t, f, 1)[0]
		want, err := lines.New(f, nil).Lookup(addr.LinkAddr(pc))
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			info := lines.New(f, folder)
			if got, err := info.Lookup(addr.LinkAddr(pc)); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: %+v, %v, want %+v", flags, got, err, want)
			}
			if err := info.Close(); err != nil {
				t.Error(err)
			}
		}
		if n, _ := folder.Usage(); n != kept {
			t.Errorf("%s: %d indexes kept, want %d", flags, n, kept)
		}
	}
}
