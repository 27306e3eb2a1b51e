package session

import (
	"debug/elf"
	"os"
	"path/filepath"
	"testing"

	"ktrap/symbols"
	"ktrap/symbols/addr"
	"ktrap/symbols/symtest"
)

func TestTheKernelIsAwaitedWhereItMayLieOnly(t *testing.T) {
	for name, tt := range map[string]struct {
		starts []uint64
		want   int
		last   addr.Addr
	}{
		"a kernel":                        {[]uint64{0xffffffff82e00ab0}, 489, 0xffffffffbfe00ab0},
		"the lowest that can be":          {[]uint64{0xffffffff80000000}, 512, 0xffffffffbfe00000},
		"two functions of that name":      {[]uint64{0xffffffff82e00000, 0xffffffff80000000}, 512, 0xffffffffbfe00000},
		"a kernel of another machine":     {[]uint64{0xffff800080010000}, 0, 0},
		"an image that is not a kernel":   {[]uint64{0x1000}, 0, 0},
		"among the modules":               {[]uint64{0xffffffffc0000000}, 0, 0},
		"the end of memory":               {[]uint64{0xffffffffffff0000}, 0, 0},
		"an image without start_kernel()": {nil, 0, 0},
	} {
		im := imageOf(t, tt.starts)
		got := startPlaces(im)
		if len(got) != tt.want || len(got) > 0 && got[len(got)-1] != tt.last {
			t.Errorf("%s: %d places, the last %v, want %d and %v", name, len(got), got[max(0, len(got)-1):], tt.want, tt.last)
		}
	}
}

// imageOf is a vmlinux with functions start_kernel at these addresses.
func imageOf(t *testing.T, starts []uint64) *symbols.Image {
	t.Helper()
	var e symtest.ELF
	for i, at := range starts {
		e.Sections = append(e.Sections, symtest.Section{Name: ".text", Flags: symtest.Exec, Addr: at, Data: make([]byte, 16)})
		e.Symbols = append(e.Symbols, symtest.Symbol{Name: "start_kernel", Section: i + 1, Value: at, Size: 16, Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL})
	}
	path := filepath.Join(t.TempDir(), "vmlinux")
	if err := os.WriteFile(path, e.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	im, err := symbols.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { im.Close() })
	return im
}
