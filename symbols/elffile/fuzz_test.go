package elffile_test

import (
	"debug/elf"
	"testing"

	"ktrap/symbols/elffile"
	"ktrap/symbols/symtest"
)

// FuzzCompressed inflates damaged sections: what comes back has the size that was
// said, and an error means no contents.
func FuzzCompressed(f *testing.F) {
	body := zeros(1000)
	f.Add(uint32(elf.COMPRESS_ZLIB), uint64(1000), body)
	f.Add(uint32(elf.COMPRESS_ZSTD), uint64(4), []byte{0x28, 0xb5, 0x2f, 0xfd, 0x20, 4, 0x21, 0, 0, 'a', 'b', 'c', 'd'})
	f.Fuzz(func(t *testing.T, typ uint32, size uint64, body []byte) {
		file, err := elffile.New("fuzz", symtest.ELF{Sections: []symtest.Section{
			{Name: ".debug_info", Flags: elf.SHF_COMPRESSED, Data: append(chdr(elf.CompressionType(typ), size), body...)},
		}}.Bytes())
		if err != nil {
			return
		}
		data, err := file.Section(".debug_info")
		if err != nil && data != nil || err == nil && uint64(len(data)) != size {
			t.Fatalf("%d bytes, %d were said: %v", len(data), size, err)
		}
	})
}

// FuzzBuildIDNote looks through notes: an id is never empty, nor longer than them.
func FuzzBuildIDNote(f *testing.F) {
	f.Add([]byte("\x04\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00GNU\x00ab\x00\x00"))
	f.Fuzz(func(t *testing.T, notes []byte) {
		if id := elffile.BuildIDNote(notes); id != nil && (len(id) == 0 || len(id)+16 > len(notes)) {
			t.Fatalf("id of %d bytes in %d bytes", len(id), len(notes))
		}
	})
}

// FuzzRelocate applies damaged relocations: the section keeps its size.
func FuzzRelocate(f *testing.F) {
	f.Add(uint64(0), uint32(elf.R_X86_64_64), uint8(1), int64(3))
	f.Add(uint64(1<<63), uint32(elf.R_X86_64_PC32), uint8(3), int64(-1))
	f.Fuzz(func(t *testing.T, off uint64, typ uint32, sym uint8, addend int64) {
		file, err := elffile.New("fuzz", module(symtest.Rela{Off: off, Type: elf.R_X86_64(typ), Symbol: int(sym), Addend: addend}).Bytes())
		if err != nil {
			t.Fatal(err)
		}
		data, err := file.Section(".debug_info")
		if err != nil && data != nil || err == nil && len(data) != 16 {
			t.Fatalf("%d bytes, %v", len(data), err)
		}
	})
}
