package elffile_test

import (
	"bytes"
	"compress/zlib"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
	"golang.org/x/sys/unix"

	"ktrap/symbols/elffile"
	"ktrap/symbols/symtest"
)

// bounded fails the test when f allocates more than so many MB.
func bounded(t *testing.T, what string, limit uint64, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > limit<<20 {
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
	bomb := append(chdr(elf.COMPRESS_ZLIB, 32<<20), zeros(32<<20)...)
	lying := append(chdr(elf.COMPRESS_ZLIB, 1<<30), bomb[24:]...)
	for what, body := range map[string][]byte{"a bomb": bomb, "a lying size": lying} {
		image := symtest.ELF{Sections: []symtest.Section{{Name: ".debug_info", Flags: elf.SHF_COMPRESSED, Data: body}}}.Bytes()
		bounded(t, what, 1, func() { readAll(t, image) })
	}
	// Each is within bounds.
	var many []symtest.Section
	small := append(chdr(elf.COMPRESS_ZLIB, 8<<20), zeros(8<<20)...)
	for n := range 64 {
		many = append(many, symtest.Section{Name: fmt.Sprintf(".debug_%d", n), Flags: elf.SHF_COMPRESSED, Data: small})
	}
	for what, typ := range map[string]elf.SectionType{"many bombs": elf.SHT_PROGBITS, "many notes": elf.SHT_NOTE} {
		for n := range many {
			many[n].Type = typ
		}
		image := symtest.ELF{Sections: many}.Bytes()
		bounded(t, what, 64, func() { readAll(t, image) })
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
		"dictionary.ko.xz": greedy, "window.ko.zst": window, "bomb.ko.zst": enc.EncodeAll(make([]byte, 128<<20), nil),
	} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		bounded(t, name, 128, func() {
			if _, err := elffile.Open(path); err == nil {
				t.Errorf("%s: opened", name)
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
	bounded(t, "all of them", 1024, func() {
		for _, v := range numbers {
			for at := uint64(16); at < 64; at += 2 {
				readAll(t, put(sound, at, v, 2))
				readAll(t, put(sound, at, v, 8)[:len(sound)])
			}
			for at := shoff; at < shoff+64*count; at += 4 {
				readAll(t, put(sound, at, v, 4))
				readAll(t, put(sound, at, v, 8)[:len(sound)])
			}
		}
	})
}

func TestAFIFOIsNotWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vmlinux")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := elffile.Open(path); !errors.Is(err, elffile.ErrNotELF) {
		t.Errorf("got %v", err)
	}
}
