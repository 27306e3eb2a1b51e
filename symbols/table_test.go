package symbols

import (
	"debug/elf"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/elffile"
	"ktrap/symbols/symtest"
)

const textBase = 0xffffffff81000000

func imageOf(tb testing.TB, e symtest.ELF) *Image {
	tb.Helper()
	f, err := elffile.New("test.elf", e.Bytes())
	if err != nil {
		tb.Fatal(err)
	}
	return NewImage(f, nil)
}

// kernelImage is a vmlinux of two functions with padding between them, a label
// of assembly, data and a per-CPU variable.
func kernelImage() symtest.ELF {
	return symtest.ELF{
		Sections: []symtest.Section{
			{Name: ".text", Flags: symtest.Exec, Addr: textBase, Data: make([]byte, 0x100)},
			{Name: ".data", Flags: elf.SHF_ALLOC | elf.SHF_WRITE, Addr: textBase + 0x1000, Data: make([]byte, 0x10)},
			{Name: ".data..percpu", Flags: elf.SHF_ALLOC | elf.SHF_WRITE, Addr: 0, Data: make([]byte, 0x40)},
			{Name: ".comment", Data: []byte("x")},
		},
		Symbols: []symtest.Symbol{
			{Name: "head.S", Section: int(elf.SHN_ABS), Type: elf.STT_FILE},
			{Name: "label", Section: 1, Value: textBase + 0x40},
			{Name: "first", Section: 1, Value: textBase, Size: 0x1b, Type: elf.STT_FUNC},
			{Name: ".L77", Section: 1, Value: textBase + 0x8},
			{Name: "second", Section: 1, Value: textBase + 0x20, Size: 0x20, Type: elf.STT_FUNC},
			{Name: "second", Section: 1, Value: textBase + 0x80, Size: 0x10, Type: elf.STT_FUNC},
			{Name: "data", Section: 2, Value: textBase + 0x1000, Size: 8, Type: elf.STT_OBJECT},
			{Name: "cpu_number", Section: 3, Value: 0x20, Size: 4, Type: elf.STT_OBJECT},
			{Name: "not_loaded", Section: 4, Value: textBase + 4},
		},
	}
}

func TestASymbolEndsWhereTheNextOneStarts(t *testing.T) {
	im := imageOf(t, kernelImage())
	tests := []struct {
		at   addr.LinkAddr
		name string
		size uint64
	}{
		{textBase, "first", 0x20}, {textBase + 0x1f, "first", 0x20},
		{textBase + 0x20, "second", 0x20}, {textBase + 0x7f, "label", 0x40},
		{textBase + 0x80, "second", 0xf80}, // over all sections, as kallsyms has it
		{textBase + 0x1008, "data", 0x10}, {textBase + 0x1010, "", 0}, {textBase - 1, "", 0},
	}
	for _, tt := range tests {
		got, ok := im.SymbolAt(tt.at)
		if ok != (tt.name != "") || ok && (got.Name != tt.name || got.Size != tt.size) {
			t.Errorf("%v: %s size %#x %v, want %s size %#x", tt.at, got.Name, got.Size, ok, tt.name, tt.size)
		}
	}
}

func TestAllSymbolsOfANameAreGivenByAddress(t *testing.T) {
	im := imageOf(t, kernelImage())
	list := im.Symbols("second")
	if len(list) != 2 || list[0].Addr != textBase+0x20 || list[1].Addr != textBase+0x80 {
		t.Errorf("%+v", list)
	}
	if s, ok := im.Symbol("second"); !ok || s.Addr != textBase+0x20 || s.ELFSize != 0x20 || s.Kind != KindFunc || s.Section != ".text" {
		t.Errorf("%+v %v", s, ok)
	}
	for _, name := range []string{"", ".L77", "not_loaded", "head.S", "third"} {
		if s, ok := im.Symbol(name); ok {
			t.Errorf("%q: %+v", name, s)
		}
	}
}

func TestOfAliasesTheOneThatKallsymsPutsFirstIsGiven(t *testing.T) {
	global, weak := elf.STB_GLOBAL, elf.STB_WEAK
	tests := []struct {
		name    string
		aliases []symtest.Symbol
		want    string
	}{
		{"strong before weak", []symtest.Symbol{{Name: "a", Bind: weak}, {Name: "z", Bind: global}}, "z"},
		{"others before linker script symbols", []symtest.Symbol{{Name: "__start_x"}, {Name: "__zz"}}, "__zz"},
		{"fewer underscores", []symtest.Symbol{{Name: "__memcpy"}, {Name: "memcpy"}}, "memcpy"},
		{"then by name", []symtest.Symbol{{Name: "b"}, {Name: "a"}, {Name: "c"}}, "a"},
	}
	for _, tt := range tests {
		e := kernelImage()
		for i := range tt.aliases {
			tt.aliases[i].Section, tt.aliases[i].Value = 1, textBase
		}
		e.Symbols = tt.aliases
		if got, ok := imageOf(t, e).SymbolAt(textBase + 1); !ok || got.Name != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got.Name, tt.want)
		}
	}
}

func TestAnImageWithoutSymbolTableFindsNothing(t *testing.T) {
	e := kernelImage()
	e.Symbols = nil
	im := imageOf(t, e)
	if _, ok := im.SymbolAt(textBase); ok {
		t.Error("a symbol was found")
	}
	if im.Banner() != "" || im.Release() != "" || im.HasDWARF() {
		t.Error("something was made up")
	}
}
