package elffile_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"debug/elf"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"ktrap/symbols/elffile"
	"ktrap/symbols/symtest"
)

func open(t *testing.T, data []byte) *elffile.File {
	t.Helper()
	f, err := elffile.New("test.elf", data)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestWhatIsNoELFFileIsNamed(t *testing.T) {
	bzImage := make([]byte, 0x300)
	copy(bzImage[0x202:], "HdrS")
	big := symtest.ELF{}.Bytes()
	big[elf.EI_DATA] = byte(elf.ELFDATA2MSB)
	for name, data := range map[string][]byte{"empty": nil, "text": []byte("hello"), "bzImage": bzImage, "big-endian": big} {
		if f, err := elffile.New(name, data); !errors.Is(err, elffile.ErrNotELF) || f != nil {
			t.Errorf("%s: got %v, %v", name, f, err)
		}
	}
	if _, err := elffile.Open(t.TempDir()); err == nil {
		t.Error("a folder was opened")
	}
}

func TestSectionGivesContentsAndMissingOnesAreAnError(t *testing.T) {
	f := open(t, symtest.ELF{Sections: []symtest.Section{
		{Name: ".text", Flags: symtest.Exec, Addr: 0xffffffff81000000, Data: []byte("code")},
		{Name: ".bss", Type: elf.SHT_NOBITS, Flags: elf.SHF_ALLOC, Addr: 0xffffffff82000000, Size: 4096},
	}}.Bytes())
	if data, err := f.Section(".text"); err != nil || string(data) != "code" {
		t.Errorf(".text: %q, %v", data, err)
	}
	for _, name := range []string{".bss", ".debug_info"} {
		if _, err := f.Section(name); !errors.Is(err, elffile.ErrNoSection) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s, ok := f.SectionAt(0xffffffff82000fff); !ok || s.Name != ".bss" {
		t.Errorf("last byte of .bss: %v %v", s.Name, ok)
	}
	if _, ok := f.SectionAt(0xffffffff82001000); ok {
		t.Error("a section was found after the end of .bss")
	}
}

func TestCompressedSectionsAreInflated(t *testing.T) {
	want := bytes.Repeat([]byte("debug information "), 100)
	for typ, packed := range map[elf.CompressionType][]byte{elf.COMPRESS_ZLIB: zlibOf(t, want), elf.COMPRESS_ZSTD: zstdOf(t, want)} {
		f := open(t, symtest.ELF{Sections: []symtest.Section{
			{Name: ".debug_info", Flags: elf.SHF_COMPRESSED, Data: append(chdr(typ, uint64(len(want))), packed...)},
		}}.Bytes())
		if got, err := f.Section(".debug_info"); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%v: %d bytes, %v", typ, len(got), err)
		}
	}
}

func TestADecompressionBombIsRefused(t *testing.T) {
	f := open(t, symtest.ELF{Sections: []symtest.Section{
		{Name: ".debug_info", Flags: elf.SHF_COMPRESSED, Data: append(chdr(elf.COMPRESS_ZLIB, 1<<40), zlibOf(t, nil)...)},
	}}.Bytes())
	if data, err := f.Section(".debug_info"); err == nil {
		t.Errorf("got %d bytes", len(data))
	}
}

func TestAFileCompressedAsAWholeIsOpened(t *testing.T) {
	plain := symtest.ELF{BuildID: []byte{0xab, 0xcd}}.Bytes()
	var gz, x bytes.Buffer
	w := gzip.NewWriter(&gz)
	w.Write(plain)
	w.Close()
	xw, err := xz.NewWriter(&x)
	if err != nil {
		t.Fatal(err)
	}
	xw.Write(plain)
	xw.Close()
	for name, data := range map[string][]byte{"a.ko": plain, "a.ko.gz": gz.Bytes(), "a.ko.xz": x.Bytes(), "a.ko.zst": zstdOf(t, plain)} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := elffile.Open(path)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if id := f.BuildID(); id != "abcd" {
			t.Errorf("%s: build-id %q", name, id)
		}
		if err := f.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// module is a relocatable file with two code sections that both start at 0.
func module(relas ...symtest.Rela) symtest.ELF {
	return symtest.ELF{
		Type: elf.ET_REL,
		Sections: []symtest.Section{
			{Name: ".text", Flags: symtest.Exec, Data: make([]byte, 0x40)},
			{Name: ".text.unlikely", Flags: symtest.Exec, Data: make([]byte, 0x20)},
			{Name: ".debug_info", Data: make([]byte, 16), Rela: relas},
		},
		Symbols: []symtest.Symbol{
			{Name: "f", Section: 1, Value: 0x10, Size: 0x20, Type: elf.STT_FUNC},
			{Name: "f.cold", Section: 2, Value: 0x10, Size: 8, Type: elf.STT_FUNC},
			{Name: "printk", Section: int(elf.SHN_UNDEF), Bind: elf.STB_GLOBAL},
		},
	}
}

func TestSectionsOfAModuleGetAddressesOfTheirOwn(t *testing.T) {
	f := open(t, module().Bytes())
	syms, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	if len(syms) != 2 {
		t.Fatalf("%d symbols, want 2: undefined ones are left out", len(syms))
	}
	for i, section := range []string{".text", ".text.unlikely"} {
		base, _, ok := f.SectionAddr(section)
		if !ok || base < elffile.RelBase || syms[i].Value != base+0x10 {
			t.Errorf("%s at %#x, %s at %#x", section, base, syms[i].Name, syms[i].Value)
		}
	}
}

func TestDebugSectionsOfAModuleAreRelocated(t *testing.T) {
	f := open(t, module(
		symtest.Rela{Off: 0, Type: elf.R_X86_64_64, Symbol: 2, Addend: 3},
		symtest.Rela{Off: 8, Type: elf.R_X86_64_32, Symbol: 1},
		symtest.Rela{Off: 12, Type: elf.R_X86_64_32, Symbol: 3, Addend: 99},
	).Bytes())
	data, err := f.Section(".debug_info")
	if err != nil {
		t.Fatal(err)
	}
	text, _, _ := f.SectionAddr(".text")
	cold, _, _ := f.SectionAddr(".text.unlikely")
	if got := binary.LittleEndian.Uint64(data); got != cold+0x10+3 {
		t.Errorf("64-bit: %#x, want %#x", got, cold+0x13)
	}
	if got := binary.LittleEndian.Uint32(data[8:]); uint64(got) != text+0x10 {
		t.Errorf("32-bit: %#x, want %#x", got, text+0x10)
	}
	if got := binary.LittleEndian.Uint32(data[12:]); got != 0 {
		t.Errorf("undefined symbol: %#x, want what the file has", got)
	}
}

func TestARelocationOutsideOfItsSectionIsAnError(t *testing.T) {
	for _, off := range []uint64{9, 16, 1 << 63} {
		f := open(t, module(symtest.Rela{Off: off, Type: elf.R_X86_64_64, Symbol: 1}).Bytes())
		if _, err := f.Section(".debug_info"); err == nil {
			t.Errorf("offset %#x was accepted", off)
		}
	}
}

func TestALinkedFileIsNotRelocatedAgain(t *testing.T) {
	image := module(symtest.Rela{Type: elf.R_X86_64_64, Symbol: 1, Addend: 1})
	image.Type = elf.ET_EXEC // --emit-relocs leaves the table behind
	data, err := open(t, image.Bytes()).Section(".debug_info")
	if err != nil || binary.LittleEndian.Uint64(data) != 0 {
		t.Errorf("%x, %v", data, err)
	}
}

func TestBuildIDNoteIsFoundAmongOthers(t *testing.T) {
	note := func(typ uint32, name, desc string) []byte {
		b := binary.LittleEndian.AppendUint32(nil, uint32(len(name)))
		b = binary.LittleEndian.AppendUint32(b, uint32(len(desc)))
		b = binary.LittleEndian.AppendUint32(b, typ)
		return append(append(b, name...), desc...)
	}
	id := note(3, "GNU\x00", "12345678")
	tests := []struct {
		name  string
		notes []byte
		want  string
	}{
		{"alone", id, "12345678"},
		{"after another", append(note(1, "Xen\x00", "abcd"), id...), "12345678"},
		{"of another owner", note(3, "XXX\x00", "12345678"), ""},
		{"cut off", id[:len(id)-1], ""},
		{"lengths that overflow", bytes.Repeat([]byte{0xff}, 64), ""},
	}
	for _, tt := range tests {
		if got := elffile.BuildIDNote(tt.notes); string(got) != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestGuardTurnsAFaultOfATruncatedMappingIntoAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vmlinux")
	image := symtest.ELF{Sections: []symtest.Section{{Name: ".debug_info", Data: make([]byte, 1<<16)}}}
	if err := os.WriteFile(path, image.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := elffile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := f.Section(".debug_info")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 64); err != nil {
		t.Fatal(err)
	}
	sum := 0
	if err := elffile.Guard(func() error { sum += int(data[len(data)-1]); return nil }); err == nil {
		t.Error("no error")
	}
}

// FuzzFile asks a damaged file everything. It must not panic, and an error means
// no file.
func FuzzFile(f *testing.F) {
	f.Add(module(symtest.Rela{Type: elf.R_X86_64_64, Symbol: 1}).Bytes())
	f.Add(symtest.ELF{BuildID: []byte{1, 2}}.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := elffile.New("fuzz", data)
		if (err == nil) != (file != nil) {
			t.Fatalf("file %v with error %v", file, err)
		}
		if err != nil {
			return
		}
		for _, s := range file.Sections() {
			if contents, err := file.Section(s.Name); err != nil && contents != nil {
				t.Fatalf("contents with error %v", err)
			}
		}
		file.BuildID()
		if syms, err := file.Symbols(); err != nil && syms != nil {
			t.Fatalf("symbols with error %v", err)
		}
	})
}

func chdr(typ elf.CompressionType, size uint64) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(typ))
	b = binary.LittleEndian.AppendUint64(b, size)
	return binary.LittleEndian.AppendUint64(b, 1)
}

func zlibOf(t *testing.T, data []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zlib.NewWriter(&buf)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func zstdOf(t *testing.T, data []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(data, nil)
}
