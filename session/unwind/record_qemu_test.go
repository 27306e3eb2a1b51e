//go:build qemu

package unwind

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
	"ktrap/symbols/orc"
)

var update = flag.Bool("update", false, "write testdata/*.txtar from this kernel")

// recorder notes what a walk reads.
type recorder struct {
	*image
	guest *guest
	mem   words
	pcs   map[addr.Addr]bool // asked for rows
	syms  map[addr.Addr]symbol
}

// ReadMemory reads from the guest and takes notes.
func (r *recorder) ReadMemory(p []byte, a addr.Addr) error {
	if err := r.guest.ReadMemory(p, a); err != nil {
		return err
	}
	for i := 0; i+8 <= len(p); i += 8 {
		r.mem[a+addr.Addr(i)] = binary.LittleEndian.Uint64(p[i:])
	}
	return nil
}

// noted is a table whose lookups are noted.
type noted struct {
	Rows
	pcs map[addr.Addr]bool
}

// Row looks up a row and takes a note.
func (n noted) Row(pc addr.Addr) (cfi.Row, bool) {
	n.pcs[pc] = true
	return n.Rows.Row(pc)
}

func (r *recorder) isText(a addr.Addr) bool {
	if !r.image.isText(a) {
		return false
	}
	i := sort.Search(len(r.image.syms), func(i int) bool { return r.image.syms[i].low > a })
	if i > 0 {
		s := r.image.syms[i-1]
		r.syms[s.low] = s
	}
	return true
}

// record walks from the guest's registers and writes the fixture.
func record(t *testing.T, im *image, g *guest, name string) {
	t.Helper()
	if !*update {
		return
	}
	rec := &recorder{image: im, guest: g, mem: make(words), pcs: make(map[addr.Addr]bool), syms: make(map[addr.Addr]symbol)}
	u := &Unwinder{ORC: noted{everywhere(im.orc), rec.pcs}, CFI: everywhere(im.cfi), Text: rec.isText}
	regs := g.regs()
	var frames strings.Builder
	for f, err := range u.Frames(regs, rec) {
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&frames, describe(&f, im.syms))
	}
	saveFixture(t, filepath.Join("testdata", name+"-"+os.Getenv("KTRAP_TEST_RELEASE")+".txtar"), map[string]string{
		"regs":        regsText(regs),
		"memory":      rec.memoryText(),
		"orc":         rec.orcText(t),
		"debug_frame": rec.frameText(t),
		"symbols":     rec.symbolText(),
		"frames":      frames.String(),
	})
}

func regsText(regs cfi.Regs) string {
	var b strings.Builder
	for r := range cfi.NumRegs {
		if v, ok := regs.Get(r); ok {
			fmt.Fprintf(&b, "%v %x\n", r, v)
		}
	}
	return b.String()
}

func (r *recorder) memoryText() string {
	var b strings.Builder
	for _, a := range slices.Sorted(maps.Keys(r.mem)) {
		fmt.Fprintf(&b, "%x %x\n", uint64(a), r.mem[a])
	}
	return b.String()
}

func (r *recorder) symbolText() string {
	var b strings.Builder
	for _, a := range slices.Sorted(maps.Keys(r.syms)) {
		fmt.Fprintf(&b, "%x %x %s\n", uint64(a), r.syms[a].size, r.syms[a].name)
	}
	return b.String()
}

// orcText cuts the entry of every pc, and the one after it, out of the table.
func (r *recorder) orcText(t *testing.T) string {
	t.Helper()
	ip, err1 := r.file.Section(".orc_unwind_ip")
	entries, err2 := r.file.Section(".orc_unwind")
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	base, _, _ := r.file.SectionAddr(".orc_unwind_ip")
	at := func(i int) addr.Addr {
		off := int32(binary.LittleEndian.Uint32(ip[4*i:]))
		return addr.Addr(base + uint64(4*i) + uint64(int64(off)))
	}
	wanted := make(map[int]bool)
	for pc := range r.pcs {
		i := sort.Search(r.orc.Len(), func(i int) bool { return at(i) > pc })
		wanted[i-1], wanted[i] = true, true
	}
	header, _ := r.file.Section(".orc_header")
	var b strings.Builder
	fmt.Fprintf(&b, "%d\n", orc.VersionOf(header, os.Getenv("KTRAP_TEST_RELEASE")))
	for _, i := range slices.Sorted(maps.Keys(wanted)) {
		fmt.Fprintf(&b, "%x %x\n", uint64(at(i)), entries[6*i:6*i+6])
	}
	return b.String()
}

// frameText cuts the FDE of every pc and its CIE out of .debug_frame, which in
// a kernel has entries of the 32-bit format only.
func (r *recorder) frameText(t *testing.T) string {
	t.Helper()
	section, err := r.file.Section(".debug_frame")
	if err != nil {
		t.Fatal(err)
	}
	entry := func(off int) []byte { return section[off : off+4+int(binary.LittleEndian.Uint32(section[off:]))] }
	var out []byte
	for off := 0; off < len(section); off += len(entry(off)) {
		e := entry(off)
		id := binary.LittleEndian.Uint32(e[4:])
		if id == 0xffffffff {
			continue
		}
		low, size := binary.LittleEndian.Uint64(e[8:]), binary.LittleEndian.Uint64(e[16:])
		for pc := range r.pcs {
			if uint64(pc)-low >= size {
				continue
			}
			cie := entry(int(id))
			at := bytes.Index(out, cie)
			if at < 0 {
				at = len(out)
				out = append(out, cie...)
			}
			e = bytes.Clone(e)
			binary.LittleEndian.PutUint32(e[4:], uint32(at))
			out = append(out, e...)
			break
		}
	}
	var b strings.Builder
	for chunk := range slices.Chunk(out, 48) {
		fmt.Fprintln(&b, hex.EncodeToString(chunk))
	}
	return b.String()
}

// saveFixture writes the fixture of a walk that was recorded.
func saveFixture(t *testing.T, path string, sections map[string]string) {
	t.Helper()
	ar := &txtar.Archive{Comment: []byte("Stack of a real kernel and what its walk needs; written by go test -tags qemu -update.\n")}
	for _, name := range slices.Sorted(maps.Keys(sections)) {
		ar.Files = append(ar.Files, txtar.File{Name: name, Data: []byte(sections[name])})
	}
	if err := os.WriteFile(path, txtar.Format(ar), 0o644); err != nil {
		t.Fatal(err)
	}
}
