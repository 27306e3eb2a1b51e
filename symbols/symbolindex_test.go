package symbols

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"ktrap/symbols/addr"
	"ktrap/symbols/elffile"
	"ktrap/symbols/symtest"
)

// kernelFile writes a vmlinux with many symbols, some of them hidden or of one
// name, and a cache of its own.
func kernelFile(tb testing.TB) (path string) {
	tb.Helper()
	tb.Setenv("KTRAP_CACHE", tb.TempDir())
	e := kernelImage()
	e.BuildID = []byte{1, 2, 3, 4}
	for i := range uint64(40) {
		e.Symbols = append(e.Symbols, symtest.Symbol{Name: fmt.Sprintf("f%d", i%30), Section: 1, Value: textBase + i*5%0xf0})
	}
	path = filepath.Join(tb.TempDir(), "vmlinux")
	if err := os.WriteFile(path, e.Bytes(), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

func openImage(tb testing.TB, path string) *Image {
	tb.Helper()
	im, err := Open(path, nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { im.Close() })
	return im
}

// answers gives what the table of an image says about names and addresses.
func answers(im *Image, names []string, at []addr.LinkAddr) (list []any) {
	for _, name := range names {
		list = append(list, im.Symbols(name))
	}
	for _, a := range at {
		s, ok := im.SymbolAt(a)
		list = append(list, s, ok)
	}
	return list
}

func kernelQuestions() (names []string, at []addr.LinkAddr) {
	names = []string{"first", "second", ".L77", "none", "", "head.S", "not_loaded", "cpu_number"}
	for i := range 30 {
		names = append(names, fmt.Sprintf("f%d", i))
	}
	for a := range addr.LinkAddr(0x110) {
		at = append(at, textBase+a)
	}
	return names, append(at, 0, 0x20, 0x3f, 0x40, textBase+0x1008, ^addr.LinkAddr(0))
}

// unkept opens an image that does not use what was kept.
func unkept(tb testing.TB, path string) *Image {
	im := openImage(tb, path)
	im.symbols().keep = keptSymbols{}
	return im
}

// keepIndex makes the index of an image, and gives its file.
func keepIndex(tb testing.TB, path string) (file string, data []byte) {
	tb.Helper()
	im := openImage(tb, path)
	names, at := kernelQuestions()
	answers(im, names, at)
	list, err := filepath.Glob(filepath.Join(os.Getenv("KTRAP_CACHE"), "index", "*.idx"))
	if err != nil || len(list) != 1 {
		tb.Fatalf("kept %v, %v", list, err)
	}
	return list[0], readFile(tb, list[0])
}

func TestAKeptSymbolIndexAnswersAsTheTable(t *testing.T) {
	path := kernelFile(t)
	names, at := kernelQuestions()
	want := answers(unkept(t, path), names, at)
	keepIndex(t, path)
	im := openImage(t, path)
	if im.symbols().kept() == nil {
		t.Fatal("not kept")
	}
	if got := answers(im, names, at); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	if n := im.symbols().asked.Load() + im.symbols().askedNames.Load(); n != 0 {
		t.Errorf("the table was read %d times", n)
	}
}

func TestAKeptSymbolIndexAnswersAsTheTableOfAKernel(t *testing.T) {
	path := symtest.Vmlinux(t)
	t.Setenv("KTRAP_CACHE", t.TempDir())
	plain := unkept(t, path)
	var names []string
	var at []addr.LinkAddr
	for i, k := range plain.symbols().order() {
		if i%17 == 0 {
			names = append(names, string(plain.symbols().syms.Name(int(k.n))))
			at = append(at, addr.LinkAddr(k.addr), addr.LinkAddr(k.addr)-1, addr.LinkAddr(k.addr)+13)
		}
	}
	want := answers(plain, names, at)
	answers(openImage(t, path), names[:2*patience], at)
	im := openImage(t, path)
	if im.symbols().kept() == nil {
		t.Fatal("not kept")
	}
	if got := answers(im, names, at); !reflect.DeepEqual(got, want) {
		t.Error("answers differ")
	}
}

func TestASymbolIndexThatDoesNotFitIsMadeAgain(t *testing.T) {
	path := kernelFile(t)
	names, at := kernelQuestions()
	want := answers(unkept(t, path), names, at)
	file, good := keepIndex(t, path)
	for name, change := range map[string]func([]byte) []byte{
		"empty":              func([]byte) []byte { return nil },
		"head cut off":       func(x []byte) []byte { return x[:20] },
		"cut off":            func(x []byte) []byte { return x[:len(x)-4] },
		"longer":             func(x []byte) []byte { return append(x, 0, 0, 0, 0) },
		"one bit":            func(x []byte) []byte { x[len(x)-1] ^= 1; return x },
		"one bit of the sum": func(x []byte) []byte { x[12] ^= 1; return x },
		"another image's":    func(x []byte) []byte { x[16] ^= 1; return x },
		"another version":    func(x []byte) []byte { x[8]++; return x },
		"counts":             func(x []byte) []byte { binary.LittleEndian.PutUint32(x[48:], 1<<31); return x },
		"zeros":              func(x []byte) []byte { clear(x); return x },
	} {
		if err := os.WriteFile(file, change(slices.Clone(good)), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := answers(openImage(t, path), names, at); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v\nwant %+v", name, got, want)
		}
		if data, err := os.ReadFile(file); err != nil || !slices.Equal(data, good) {
			t.Errorf("%s: not made again: %v", name, err)
		}
	}
}

// An index that is sound in itself is parted with when it contradicts the table.
func TestASymbolIndexThatContradictsTheTableIsPartedWith(t *testing.T) {
	path := kernelFile(t)
	names, at := kernelQuestions()
	plain := unkept(t, path)
	want := answers(plain, names, at)
	file, good := keepIndex(t, path)
	k := openImage(t, path).symbols().keep
	for name, change := range map[string]func(x *symbolIndex){
		"out of the table":        func(x *symbolIndex) { fill(x.order, 1<<20) },
		"below the table":         func(x *symbolIndex) { fill(x.order, -1) },
		"of no symbol":            func(x *symbolIndex) { fill(x.order, 1) }, // a file's name
		"chains out of the table": func(x *symbolIndex) { fill(x.names.heads, 1<<20) },
		"chains below the table":  func(x *symbolIndex) { fill(x.names.heads, -7) },
		"chains without an end":   func(x *symbolIndex) { fill(x.names.heads, 2); fill(x.names.next, 2) },
	} {
		x := readSymbolIndex(slices.Clone(good), k.id, plain.symbols().syms.Len())
		change(x)
		if err := os.WriteFile(file, appendSymbolIndex(nil, k.id, x), 0o600); err != nil {
			t.Fatal(err)
		}
		im := openImage(t, path)
		if im.symbols().kept() == nil {
			t.Fatalf("%s: not read", name)
		}
		if got := answers(im, names, at); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v\nwant %+v", name, got, want)
		}
		if im.symbols().kept() != nil {
			t.Errorf("%s: still in use", name)
		}
	}
}

func fill(x numbers, n int32) {
	for i := range x.len() {
		x.set(i, n)
	}
}

func TestASymbolIndexIsNotOfAChangedImage(t *testing.T) {
	path := kernelFile(t)
	keepIndex(t, path)
	at := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
	if openImage(t, path).symbols().kept() != nil {
		t.Error("used for an image of another time")
	}
}

func TestWhatCannotBeToldApartHasNoSymbolIndex(t *testing.T) {
	t.Setenv("KTRAP_CACHE", t.TempDir())
	e := kernelImage()
	anonymous := filepath.Join(t.TempDir(), "vmlinux")
	if err := os.WriteFile(anonymous, e.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	e.BuildID = []byte{1}
	f, err := elffile.New("in memory", e.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for name, im := range map[string]*Image{"no build-id": openImage(t, anonymous), "no file": NewImage(f, nil)} {
		names, at := kernelQuestions()
		answers(im, names, at)
		if im.symbols().keep.folder != nil {
			t.Errorf("%s: kept", name)
		}
	}
	if left, _ := os.ReadDir(os.Getenv("KTRAP_CACHE")); len(left) > 0 {
		t.Errorf("kept %v", left)
	}
}

func FuzzSymbolIndex(f *testing.F) {
	path := kernelFile(f)
	_, good := keepIndex(f, path)
	table := openImage(f, path).symbols()
	id := table.keep.id
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Fuzz(func(t *testing.T, data []byte) {
		x := readSymbolIndex(data, id, table.syms.Len())
		if x == nil && len(data) >= symbolIndexHead { // as if its sum were right
			x = &symbolIndex{numbers(data[:len(data)/3&^3]), nameIndex{numbers(data[:64]), make(numbers, 4*table.syms.Len())}}
			copy(x.names.next, data)
		}
		if x == nil {
			return
		}
		x.search(table, textBase+0x20)
		list, _ := x.names.find(table.syms, "second")
		for _, n := range list {
			if string(table.syms.Name(n)) != "second" {
				t.Errorf("entry %d", n)
			}
		}
	})
}

// BenchmarkNamesOfAnOops asks a kernel just opened for as many names as an oops has.
func BenchmarkNamesOfAnOops(b *testing.B) {
	path := symtest.Vmlinux(b)
	b.Setenv("KTRAP_CACHE", b.TempDir())
	names := []string{
		"linux_banner", "proc_reg_write", "vfs_write", "ksys_write", "do_syscall_64", "handle_mm_fault", "do_user_addr_fault",
		"exit_to_user_mode_prepare", "entry_SYSCALL_64_after_hwframe", "kfree", "schedule", "__schedule",
	}
	ask := func(keep bool) {
		im, err := Open(path, nil)
		if err != nil {
			b.Fatal(err)
		}
		defer im.Close()
		if !keep {
			im.symbols().keep = keptSymbols{}
		}
		if got := answers(im, names, nil); len(got[0].([]Symbol)) == 0 {
			b.Fatalf("%s: no linux_banner", path)
		}
	}
	for _, keep := range []bool{false, true} {
		b.Run(fmt.Sprintf("kept=%v", keep), func(b *testing.B) {
			b.ReportAllocs()
			ask(keep) // keeps
			for b.Loop() {
				ask(keep)
			}
		})
	}
}
