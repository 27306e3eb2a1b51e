package elffile_test

import (
	"bytes"
	"compress/zlib"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"ktrap/symbols/elffile"
	"ktrap/symbols/symtest"
)

// maxMemory is what opening a file of some KB and reading all of it may allocate.
const maxMemory = 192 << 20

// bounded fails the test when f allocates too much.
func bounded(t *testing.T, what string, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > maxMemory {
		t.Errorf("%s: %d MB were allocated", what, got>>20)
	}
}

// readAll asks a file for everything.
func readAll(t *testing.T, data []byte) {
	t.Helper()
	f, err := elffile.New("test.elf", data)
	if err != nil {
		return
	}
	for _, s := range f.Sections() {
		f.Section(s.Name)
	}
	f.BuildID()
	f.Symbols()
}

func zeros(n int) []byte {
	var buf bytes.Buffer
	w := zlib.NewWriter(&buf)
	w.Write(make([]byte, n))
	w.Close()
	return buf.Bytes()
}

func TestCompressedSectionsDoNotExhaustMemory(t *testing.T) {
	bomb := zeros(256 << 20)
	real := append(chdr(elf.COMPRESS_ZLIB, 256<<20), bomb...)
	lying := append(chdr(elf.COMPRESS_ZLIB, uint64(len(bomb))*1000), bomb[:100]...)
	lying = append(lying, make([]byte, len(bomb))...)
	for what, body := range map[string][]byte{"a bomb": real, "a lying size": lying} {
		image := symtest.ELF{Sections: []symtest.Section{{Name: ".debug_info", Flags: elf.SHF_COMPRESSED, Data: body}}}.Bytes()
		bounded(t, what, func() { readAll(t, image) })
	}
	// The same small bomb in many sections.
	var many []symtest.Section
	small := append(chdr(elf.COMPRESS_ZLIB, 32<<20), zeros(32<<20)...)
	for n := range 64 {
		many = append(many, symtest.Section{Name: fmt.Sprintf(".debug_%d", n), Flags: elf.SHF_COMPRESSED, Data: small})
	}
	for what, typ := range map[string]elf.SectionType{"many bombs": elf.SHT_PROGBITS, "many notes": elf.SHT_NOTE} {
		for n := range many {
			many[n].Type = typ
		}
		image := symtest.ELF{Sections: many}.Bytes()
		bounded(t, what, func() { readAll(t, image) })
	}
}

func TestCompressedFilesDoNotExhaustMemory(t *testing.T) {
	var x bytes.Buffer
	w, err := xz.WriterConfig{DictCap: 1 << 16}.NewWriter(&x)
	if err != nil {
		t.Fatal(err)
	}
	w.Write([]byte("no ELF file"))
	w.Close()
	// The block header says how large the dictionary is: 4 GB.
	greedy := x.Bytes()
	head := greedy[12:]
	size := (int(head[0]) + 1) * 4
	at := bytes.Index(head[:size], []byte{0x21, 1})
	head[at+2] = 40
	binary.LittleEndian.PutUint32(head[size-4:], crc32.ChecksumIEEE(head[:size-4]))

	// A frame of zstd without a size, with a window of 512 MB.
	window := []byte{0x28, 0xb5, 0x2f, 0xfd, 0, 19 << 3, 1, 0, 0}
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"dictionary.ko.xz": greedy, "window.ko.zst": window, "bomb.ko.zst": enc.EncodeAll(make([]byte, 256<<20), nil),
	} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		bounded(t, name, func() {
			if _, err := elffile.Open(path); err == nil {
				t.Errorf("%s: opened", name)
			} else {
				t.Log(err)
			}
		})
	}
}

// put overwrites a number of an image.
func put(image []byte, at uint64, v uint64, width int) []byte {
	image = bytes.Clone(image)
	var word [8]byte
	binary.LittleEndian.PutUint64(word[:], v)
	copy(image[at:], word[:width])
	return image
}

func TestHeadersThatPointAnywhereAreSurvived(t *testing.T) {
	sound := module(symtest.Rela{Type: elf.R_X86_64_64, Symbol: 1}).Bytes()
	shoff := binary.LittleEndian.Uint64(sound[40:])
	count := uint64(binary.LittleEndian.Uint16(sound[60:]))
	numbers := []uint64{0, 1, 63, 0xfff0, 0xffff, 1<<31 - 1, 1<<32 - 1, 1 << 40, 1<<63 - 1, 1 << 63, 1<<64 - 1, uint64(len(sound)) - 1}
	for _, v := range numbers {
		for at := uint64(16); at < 64; at += 2 {
			for _, width := range []int{2, 4, 8} {
				bounded(t, fmt.Sprintf("%#x at %#x", v, at), func() { readAll(t, put(sound, at, v, min(width, int(64-at)))) })
			}
		}
		for at := shoff; at < shoff+64*count; at += 4 {
			for _, width := range []int{4, 8} {
				bad := put(sound, at, v, width)
				bounded(t, fmt.Sprintf("%#x at %#x", v, at), func() { readAll(t, bad[:len(sound)]) })
			}
		}
	}
}
