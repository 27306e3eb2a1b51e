package symbols

import (
	"errors"
	"strings"
	"testing"

	"ktrap/symbols/symtest"
)

func TestALocationIsReadAsPeoplePasteIt(t *testing.T) {
	const a = 0xffffffff81234567
	tests := []struct {
		text string
		want Query
	}{
		{"0xffffffff81234567", Query{Addr: a}},
		{" ffffffff81234567\r", Query{Addr: a}},
		{"[<ffffffff81234567>]", Query{Addr: a}},
		{"0x10", Query{Addr: 0x10}},
		{"deadbeef", Query{Addr: 0xdeadbeef}},
		{"add", Query{Name: "add"}}, // a word, although its letters are digits
		{"vfs_write+0xc7/0x3f0", Query{Name: "vfs_write", Off: 0xc7, Size: 0x3f0}},
		{"f+10", Query{Name: "f", Off: 10}},
		{"f+0x9/0x20 [crashme]", Query{Name: "f", Off: 9, Size: 0x20, Module: "crashme"}},
		{"f+0x9/0x20 [crashme bf9aad3e]", Query{Name: "f", Off: 9, Size: 0x20, Module: "crashme", BuildID: "bf9aad3e"}},
		{"foo.isra.0.cold+0x1", Query{Name: "foo.isra.0.cold", Off: 1}},
		{".text+0x40 [ext4]", Query{Name: ".text", Off: 0x40, Section: true, Module: "ext4"}},
		{"f+0x9 [vmlinux]", Query{Name: "f", Off: 9}},
		{"f+0x9 [kernel.kallsyms]", Query{Name: "f", Off: 9}},
		{"0x00000000ffffffff81234567", Query{Addr: a}},
		{"abcdefabcdefabcdefabcdef", Query{Name: "abcdefabcdefabcdefabcdef"}}, // a word, too
		{"fs/read_write.c:567", Query{File: "fs/read_write.c", Line: 567}},
		{"./fs/open.c:5:12", Query{File: "./fs/open.c", Line: 5}},
	}
	for _, tt := range tests {
		if got, err := ParseQuery(tt.text); err != nil || got != tt.want {
			t.Errorf("%q: %+v, %v, want %+v", tt.text, got, err, tt.want)
		}
	}
	for _, text := range []string{"", " ", "+0x10", "f+0xzz", "f+0x1/", "two words", strings.Repeat("x", 5000), "[]", "99999999999999999999", "0x1ffffffff81234567"} {
		if got, err := ParseQuery(text); text != "[]" && !errors.Is(err, ErrQuery) {
			t.Errorf("%.20q: %+v, %v", text, got, err)
		}
	}
}

func FuzzParseQuery(f *testing.F) {
	for _, s := range []string{"vfs_write+0xc7/0x3f0 [ext4 ab]", "[<ffffffff81234567>]", "a.c:1:2", ".text+1", "_RNvC1a1b+0x1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := ParseQuery(text)
		if (err != nil) != (q == Query{}) && q.Addr != 0 {
			t.Fatalf("%+v with error %v", q, err)
		}
		if err == nil && q.Name == "" && q.File == "" && q.Module == "" && q.Off != 0 {
			t.Fatalf("an offset of nothing: %+v", q)
		}
	})
}

// twins is a kernel with two functions of one name and a variant of a third.
func twins() symtest.ELF {
	e := kernelImage()
	e.Symbols = append(e.Symbols, symtest.Symbol{Name: "third.llvm.77", Section: 1, Value: textBase + 0x90, Size: 0x10})
	return e
}

func TestOfSeveralSymbolsTheSizeDecidesThenTheOffset(t *testing.T) {
	s := NewSymbolizer(imageOf(t, twins()), slide, []*Module{loaded(imageOf(t, moduleImage()))})
	tests := []struct {
		name, query, starts, note string
	}{
		{"the size", "second+0x4/0x20", "0x20", ""},
		{"without size both", "second+0x4", "0x20 0x80", ""},
		{"an offset that only one has", "second+0x18", "0x20", ""},
		{"padding counted differently", "second+0x4/0x22", "0x20 0x80", "padding"},
		{"far off", "second+0x4/0x400", "", "size 0x400 does not fit: second has size 0x20, 0x10"},
		{"beyond the end", "first+0x21", "", "offset 0x21 does not fit"},
		{"at the end", "first+0x20/0x20", "", "offset 0x20 is the end of first: if it is a return address, look up the byte before, first+0x1f"},
		{"the compiler's name", "third", "0x90", "third is called third.llvm.77"},
		{"of another module", "second [mod]", "", ""},
		{"unknown", "fourth", "", ""},
	}
	for _, tt := range tests {
		q, err := ParseQuery(tt.query)
		if err != nil {
			t.Fatal(err)
		}
		m := s.Match(q)
		var starts []string
		for _, f := range m.Funcs {
			starts = append(starts, "0x"+strings.TrimLeft((f.Start - slide.Run(textBase)).String()[2:], "0"))
			if f.Off != q.Off {
				t.Errorf("%s: offset %#x", tt.name, f.Off)
			}
		}
		if got := strings.Join(starts, " "); got != tt.starts || !strings.Contains(m.Note, tt.note) || (tt.note == "") != (m.Note == "") {
			t.Errorf("%s: %q, %q, want %q, %q", tt.name, got, m.Note, tt.starts, tt.note)
		}
	}
}

func TestNamesOfRustAndCPlusPlusAreMadeReadable(t *testing.T) {
	for name, want := range map[string]string{
		"vfs_write":                         "vfs_write",
		"foo.isra.0":                        "foo.isra.0",
		"_Z3fooi":                           "foo(int)",
		"_Z3fooi.cold":                      "foo(int).cold",
		"_RNvCs1234_7mycrate3foo":           "mycrate::foo",
		"_RNvCs1234_7mycrate3foo.llvm.1234": "mycrate::foo.llvm.1234",
		"_ZN4core3fmt9Formatter3pad17h0123456789abcdefE":         "core::fmt::Formatter::pad",
		"_ZN4core3fmt9Formatter3pad17h0123456789abcdefE.llvm.99": "core::fmt::Formatter::pad.llvm.99",
		"_Zzz": "_Zzz", "_R": "_R", "": "",
	} {
		if got := Demangle(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
