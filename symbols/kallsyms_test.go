package symbols

import (
	"encoding/binary"
	"path/filepath"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/symtest"
)

// kallsyms decodes the table that the kernel's build put into vmlinux: what the
// kernel itself will print.
// Source: linux v6.1 kernel/kallsyms.c, CONFIG_KALLSYMS_BASE_RELATIVE and
// CONFIG_KALLSYMS_ABSOLUTE_PERCPU.
type kallsyms struct {
	addrs []uint64
	names []string
}

func readKallsyms(t *testing.T, im *Image) kallsyms {
	t.Helper()
	offsets, names := rodata(t, im, "kallsyms_offsets"), rodata(t, im, "kallsyms_names")
	tokens, index := rodata(t, im, "kallsyms_token_table"), rodata(t, im, "kallsyms_token_index")
	base := binary.LittleEndian.Uint64(rodata(t, im, "kallsyms_relative_base"))
	var k kallsyms
	for i := range binary.LittleEndian.Uint32(rodata(t, im, "kallsyms_num_syms")) {
		off := int32(binary.LittleEndian.Uint32(offsets[4*i:]))
		a := uint64(off)
		if off < 0 {
			a = base - 1 - uint64(int64(off))
		}
		n := int(names[0])
		names = names[1:]
		if n&0x80 != 0 {
			n = n&0x7f | int(names[0])<<7
			names = names[1:]
		}
		var name []byte
		for _, c := range names[:n] {
			token := tokens[binary.LittleEndian.Uint16(index[2*int(c):]):]
			for i := 0; token[i] != 0; i++ {
				name = append(name, token[i])
			}
		}
		names = names[n:]
		k.addrs = append(k.addrs, a)
		k.names = append(k.names, string(name[1:])) // the first letter is nm's type
	}
	return k
}

// rodata gives what lies at a symbol. The table leaves out its own symbols, so
// they are taken from the file.
func rodata(t *testing.T, im *Image, name string) []byte {
	t.Helper()
	all, err := im.File().AllSymbols()
	if err != nil {
		t.Fatal(err)
	}
	for s := range all {
		if s.Name == name {
			sec := im.File().Sections()[s.Section]
			data, err := im.File().Section(sec.Name)
			if err != nil {
				t.Fatal(err)
			}
			return data[s.Value-sec.Addr:]
		}
	}
	t.Skipf("SKIPPED, nothing was compared: the kernel has no %s", name)
	return nil
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
