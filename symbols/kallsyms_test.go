package symbols

import (
	"path/filepath"
	"strings"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/symtest"
)

// kallsyms is the table that the kernel's build put into vmlinux: what the kernel
// itself will print.
type kallsyms struct {
	addrs []uint64
	names []string
}

func readKallsyms(t *testing.T, im *Image) kallsyms {
	t.Helper()
	table, err := ReadKallsymsMemory(memoryOf(im), kallsymsPlaces(t, im))
	if err != nil {
		t.Fatal(err)
	}
	var k kallsyms
	for _, s := range table.Kernel().Syms {
		k.addrs = append(k.addrs, uint64(s.Addr))
		k.names = append(k.names, s.Name)
	}
	return k
}

// memoryOf reads what the file says of a kernel's memory.
func memoryOf(im *Image) func(p []byte, a addr.Addr) error {
	return func(p []byte, a addr.Addr) error {
		sec, ok := im.File().SectionAt(uint64(a))
		if !ok {
			return ErrNotFound
		}
		data, err := im.File().Section(sec.Name)
		if off := uint64(a) - sec.Addr; err == nil && off < uint64(len(data)) {
			copy(p, data[off:])
		}
		return err
	}
}

// kallsymsPlaces takes the places from the file: the table leaves out its own
// symbols.
func kallsymsPlaces(t *testing.T, im *Image) *KallsymsPlaces {
	t.Helper()
	all, err := im.File().AllSymbols()
	if err != nil {
		t.Fatal(err)
	}
	var p KallsymsPlaces
	by := map[string]*addr.Addr{
		"num_syms": &p.NumSyms, "names": &p.Names, "markers": &p.Markers, "token_table": &p.TokenTable,
		"token_index": &p.TokenIndex, "offsets": &p.Offsets, "relative_base": &p.RelativeBase,
	}
	for s := range all {
		if name, ok := strings.CutPrefix(s.Name, "kallsyms_"); ok && by[name] != nil {
			*by[name] = addr.Addr(s.Value)
		}
	}
	if p.Offsets == 0 || p.NumSyms == 0 {
		t.Skip("SKIPPED, nothing was compared: the kernel has no kallsyms_offsets")
	}
	return &p
}

func TestNamesAndSizesOfCodeAreThoseOfTheKernelsOwnTable(t *testing.T) {
	for _, path := range symtest.Vmlinuxes(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			im, err := Open(path, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer im.Close()
			compareKallsyms(t, im, readKallsyms(t, im))
		})
	}
}

func compareKallsyms(t *testing.T, im *Image, k kallsyms) {
	compared, different := 0, 0
	for i := 0; i < len(k.addrs); {
		next := i + 1
		for next < len(k.addrs) && k.addrs[next] == k.addrs[i] {
			next++
		}
		sec, ok := im.File().SectionAt(k.addrs[i])
		if ok && sec.Exec() && next < len(k.addrs) {
			compared++
			got, ok := im.SymbolAt(addr.LinkAddr(k.addrs[i]))
			size := k.addrs[next] - k.addrs[i]
			if !ok || got.Name != k.names[i] || got.Size != size || uint64(got.Addr) != k.addrs[i] {
				if different++; different <= 20 {
					t.Errorf("%#x: got %s size %#x, the kernel says %s size %#x (%v)", k.addrs[i], got.Name, got.Size, k.names[i], size, k.names[i:next])
				}
			}
		}
		i = next
	}
	t.Logf("%d symbols, %d of code compared, %d different", len(k.addrs), compared, different)
}

func BenchmarkTable(b *testing.B) {
	im, err := Open(symtest.Vmlinux(b), nil)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		newTable(im.file, im.log).order()
	}
}

// FuzzReadKallsymsMemory reads tables out of damaged memory.
func FuzzReadKallsymsMemory(f *testing.F) {
	memory := make([]byte, 0x300)
	memory[0] = 2                           // kallsyms_num_syms
	copy(memory[0x10:], "\x01\x00\x01\x01") // two names of one token
	copy(memory[0x20:], "Tf\x00tg\x00")
	memory[0x40+2] = 3 // index of the second token
	f.Add(memory)
	f.Fuzz(func(t *testing.T, memory []byte) {
		read := func(p []byte, a addr.Addr) error {
			if uint64(a)+uint64(len(p)) > uint64(len(memory)) {
				return ErrNotFound
			}
			copy(p, memory[a:])
			return nil
		}
		k, err := ReadKallsymsMemory(read, &KallsymsPlaces{0, 0x10, 0x20, 0x20, 0x40, 0x240, 0x248})
		if (err == nil) != (k != nil) {
			t.Fatalf("%v with error %v", k, err)
		}
	})
}
