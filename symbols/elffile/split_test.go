package elffile_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"

	"ktrap/symbols/elffile"
	"ktrap/symbols/symtest"
)

// stripped and debugOf are the two halves of one image.
func stripped(link []byte, id ...byte) symtest.ELF {
	e := symtest.ELF{BuildID: id, Sections: []symtest.Section{{Name: ".text", Flags: symtest.Exec, Addr: 0x1000, Data: []byte("code")}}}
	if link != nil {
		e.Sections = append(e.Sections, symtest.Section{Name: ".gnu_debuglink", Data: link})
	}
	return e
}

func debugOf(at uint64, id ...byte) []byte {
	return symtest.ELF{BuildID: id, Sections: []symtest.Section{
		{Name: ".debug_abbrev", Data: []byte{0}}, // numbers differ from those of the other half
		{Name: ".text", Type: elf.SHT_NOBITS, Flags: symtest.Exec, Addr: at, Size: 4},
		{Name: ".debug_info", Data: []byte("dwarf")},
	}, Symbols: []symtest.Symbol{{Name: "f", Section: 2, Value: at}}}.Bytes()
}

func debugLink(name string, crc uint32) []byte {
	b := append([]byte(name), 0)
	b = append(b, make([]byte, -len(b)&3)...)
	return binary.LittleEndian.AppendUint32(b, crc)
}

func TestSplitDebugInformationIsUsedOnlyWhenItIsOfTheSameBuild(t *testing.T) {
	crc := crc32.ChecksumIEEE(debugOf(0x1000))
	tests := []struct {
		name  string
		main  symtest.ELF
		debug []byte
		ok    bool
	}{
		{"same build-id", stripped(nil, 1, 2), debugOf(0x1000, 1, 2), true},
		{"another build-id", stripped(nil, 1, 2), debugOf(0x1000, 1, 3), false},
		{"one without build-id", stripped(nil, 1, 2), debugOf(0x1000), false},
		{"checksum fits", stripped(debugLink("a.debug", crc)), debugOf(0x1000), true},
		{"checksum differs", stripped(debugLink("a.debug", crc+1)), debugOf(0x1000), false},
		{"nothing proves it", stripped(nil), debugOf(0x1000), false},
		{"code is elsewhere", stripped(nil, 1, 2), debugOf(0x2000, 1, 2), false},
	}
	for _, tt := range tests {
		f := open(t, tt.main.Bytes())
		err := f.Attach(open(t, tt.debug))
		if (err == nil) != tt.ok || err != nil && !errors.Is(err, elffile.ErrOtherBuild) {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if f.Has(".debug_info") != tt.ok {
			t.Errorf("%s: has .debug_info: %v", tt.name, !tt.ok)
		}
		if syms, err := f.Symbols(); tt.ok && (err != nil || len(syms) != 1 || f.Sections()[syms[0].Section].Name != ".text") {
			t.Errorf("%s: %+v, %v", tt.name, syms, err)
		}
		if code, err := f.Section(".text"); err != nil || string(code) != "code" {
			t.Errorf("%s: .text is %q, %v", tt.name, code, err)
		}
	}
}

func TestADebugLinkNamesAFileAndNoPath(t *testing.T) {
	for _, tt := range []struct {
		data []byte
		name string
	}{
		{debugLink("vmlinux.debug", 7), "vmlinux.debug"}, {debugLink("abc", 7), "abc"},
		{debugLink("../etc/x", 7), ""}, {[]byte("abc\x00"), ""}, {[]byte("abc"), ""}, {debugLink("", 7), ""},
	} {
		name, crc, ok := open(t, stripped(tt.data).Bytes()).DebugLink()
		if ok != (tt.name != "") || name != tt.name || ok && crc != 7 {
			t.Errorf("%q: %q %#x %v", tt.data, name, crc, ok)
		}
	}
}

func TestSectionsCompressedTheOldWayAreInflated(t *testing.T) {
	want := bytes.Repeat([]byte("debug information "), 100)
	packed := append(binary.BigEndian.AppendUint64([]byte("ZLIB"), uint64(len(want))), zlibOf(t, want)...)
	f := open(t, symtest.ELF{Sections: []symtest.Section{{Name: ".zdebug_info", Data: packed}}}.Bytes())
	if got, err := f.Section(".debug_info"); err != nil || !bytes.Equal(got, want) || !f.Has(".debug_info") {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	for _, bad := range [][]byte{nil, []byte("ZLIB"), packed[:40], append([]byte("ZLIB\xff\xff\xff\xff\xff\xff\xff\xff"), packed[12:]...)} {
		f := open(t, symtest.ELF{Sections: []symtest.Section{{Name: ".zdebug_info", Data: bad}}}.Bytes())
		if got, err := f.Section(".debug_info"); err == nil {
			t.Errorf("%.20q gave %d bytes", bad, len(got))
		}
	}
}
