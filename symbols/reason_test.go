package symbols

import (
	"debug/elf"
	"strings"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/symtest"
)

// reasonsImage is a kernel with labels at its ends and a per-CPU variable that is
// linked at 0.
func reasonsImage() symtest.ELF {
	e := kernelImage()
	e.Sections = append(e.Sections, symtest.Section{Name: ".data..percpu", Flags: elf.SHF_ALLOC | elf.SHF_WRITE, Data: make([]byte, 64)})
	e.Symbols = append(e.Symbols,
		symtest.Symbol{Name: "_text", Section: 1, Value: textBase},
		symtest.Symbol{Name: "_end", Section: 1, Value: textBase + 0x10000},
		symtest.Symbol{Name: "counter", Section: len(e.Sections), Value: 0x20, Size: 8, Type: elf.STT_OBJECT})
	return e
}

func TestEveryReasonLeadsOn(t *testing.T) {
	f, err := NewOffline(imageOf(t, reasonsImage()), &OfflineOptions{Slide: slide})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	image := "the image lies at " + slide.Run(textBase).String() + " to " + slide.Run(textBase+0x10000).String()
	tests := []struct{ name, query, reason string }{
		{"a small number", "0x10", "not kernel code: not an address of the kernel"},
		{"a module's address", "0xffffffffc0001000", "among modules, and none is known to be there"},
		{"before the image", "0xffffffff80000000", image},
		{"as linked, where KASLR has moved it", addr.Addr(textBase).String(), image},
		{"of the direct map", "0xffff888000000000", "not kernel code"},
		{"too many digits", "99999999999999999999", "an address has at most 16 hexadecimal digits"},
		{"a file without line", "fs/read_write.c", "a place in a file is FILE:LINE"},
		{"a line that is none", "fs/read_write.c:-1", "a place in a file is FILE:LINE"},
		{"a line without debug information", "fs/read_write.c:5", "no debug information"},
		{"a line of a log", "RIP: 0010:first+0x1/0x20", "`ktrap decode` finds the places"},
		{"a name of nothing", "gr\u00f6\u00dfe", "no symbol of that name"},
		{"a module without file", "x [nosuch]", "find module nosuch"},
	}
	for _, tt := range tests {
		a := f.Ask(tt.query)
		if len(a.Spots) > 0 || !strings.Contains(a.Reason, tt.reason) {
			t.Errorf("%s: %q, %v", tt.name, a.Reason, a.Spots)
		}
	}
	a := f.Ask("counter+4")
	if len(a.Spots) != 1 || a.Spots[0].Placed || a.Spots[0].Reason != Data || a.Note != "per CPU, at offset 0x24 in the area of each" {
		t.Errorf("a per-CPU variable: %+v", a)
	}
}

func TestASymbolTableDoesNotNameWhatLiesOutsideOfTheKernel(t *testing.T) {
	table, err := ReadKallsyms(strings.NewReader("0000000000000020 A counter\nffffffff81000000 T _text\nffffffff81000000 T _stext\nffffffff81000100 T f\nffffffff81001000 T _etext\nffffffff81234567 B _end\n"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := NewOffline(nil, &OfflineOptions{Kallsyms: table})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for query, want := range map[string]string{
		"0xffffffff81000104": "f", "0xffffffff81234568": "_end", "0xffffffff81235000": "", "0xffffffff80000000": "", "0xffffffffc0000000": "",
	} {
		a := f.Ask(query)
		got := ""
		if len(a.Spots) > 0 {
			got = a.Spots[0].Func.Name
		}
		if got != want || (got == "") != (a.Reason != "") {
			t.Errorf("%s: %q (%s), want %q", query, got, a.Reason, want)
		}
	}
}
