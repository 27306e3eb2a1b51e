package elffile_test

import (
	"bytes"
	"debug/elf"
	"os"
	"path/filepath"
	"testing"

	"ktrap/symbols/elffile"
	"ktrap/symbols/symtest"
)

func written(t *testing.T, m symtest.ELF) (f *elffile.File, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "vmlinux")
	if err := os.WriteFile(path, m.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := elffile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f, path
}

// debugInfo is an image with one section.
func debugInfo(data []byte, flags elf.SectionFlag) symtest.ELF {
	return symtest.ELF{Sections: []symtest.Section{{Name: ".debug_info", Flags: flags, Data: data}}}
}

func TestPeekReadsWhatTheSectionHas(t *testing.T) {
	f, _ := written(t, debugInfo([]byte("0123456789"), 0))
	peek := f.Peek(".debug_info")
	if peek == nil {
		t.Fatal("no way to peek")
	}
	for _, c := range []struct {
		off  uint64
		want string
	}{{0, "0123"}, {3, "3456"}, {8, "89"}, {10, ""}, {1 << 63, ""}} {
		p := make([]byte, 4)
		if n := peek(p, c.off); string(p[:n]) != c.want {
			t.Errorf("at %d: %q, want %q", c.off, p[:n], c.want)
		}
	}
	if f.Peek(".debug_line") != nil {
		t.Error("a section that is not there can be peeked at")
	}
}

func TestWhatIsNotInTheFileAsItIsWantedIsNotPeekedAt(t *testing.T) {
	plain := bytes.Repeat([]byte("debug information "), 10)
	packed := debugInfo(append(chdr(elf.COMPRESS_ZLIB, uint64(len(plain))), zlibOf(t, plain)...), elf.SHF_COMPRESSED)
	if f, _ := written(t, packed); f.Peek(".debug_info") != nil {
		t.Error("a compressed section is")
	}
	m := module(symtest.Rela{Type: elf.R_X86_64_64, Symbol: 1})
	if f, _ := written(t, m); f.Peek(".debug_info") != nil {
		t.Error("a section with relocations is")
	}
	if open(t, debugInfo(plain, 0).Bytes()).Peek(".debug_info") != nil {
		t.Error("a file in memory is")
	}
}

func TestAFileThatWasReplacedIsNotPeekedAt(t *testing.T) {
	f, path := written(t, debugInfo([]byte("0123456789"), 0))
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, debugInfo([]byte("9876543210"), 0).Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if f.Peek(".debug_info") != nil {
		t.Error("the new file is read for the old one")
	}
}
