package unwind

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
	"ktrap/symbols/orc"
)

// fixture is a stack of a real kernel with the slices of its tables that a walk
// over it needs. The files are written by the tests that boot a kernel, which
// compare the walk with what the kernel printed: go test -tags qemu -update.
type fixture struct {
	regs   cfi.Regs
	mem    words
	orc    *orc.Table
	cfi    *cfi.DebugFrame
	syms   symbolTable
	frames string // what the walk gives, one frame a line
}

// words is memory of which only some words are known.
type words map[addr.Addr]uint64

// ReadMemory reads known words.
func (m words) ReadMemory(p []byte, a addr.Addr) error {
	for i := range p {
		at := a + addr.Addr(i)
		w, ok := m[at&^7]
		if !ok {
			return fmt.Errorf("no memory at %v", at)
		}
		p[i] = byte(w >> (8 * (at & 7)))
	}
	return nil
}

func (f *fixture) isText(a addr.Addr) bool {
	return slices.ContainsFunc(f.syms, func(s symbol) bool { return a >= s.low && uint64(a-s.low) < s.size })
}

func (f *fixture) unwinder() *Unwinder {
	return &Unwinder{ORC: everywhere(f.orc), CFI: everywhere(f.cfi), Text: f.isText}
}

// everywhere is a table that holds run-time addresses.
func everywhere(t cfi.Table) Rows { return NewMap(Area{High: ^addr.Addr(0), Table: t}) }

// describe prints a frame with everything the walk knows about it.
func describe(f *Frame, syms symbolTable) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s cfa=%#x %v", syms.name(f), uint64(f.CFA), f.Source)
	if f.Interrupted {
		b.WriteString(" interrupted")
	}
	if f.RegsAt != 0 {
		fmt.Fprintf(&b, " regs=%#x", uint64(f.RegsAt))
	}
	for r := range cfi.NumRegs {
		if v, ok := f.Regs.Get(r); ok {
			fmt.Fprintf(&b, " %v=%#x", r, v)
		}
	}
	return b.String()
}

func loadFixture(t *testing.T, path string) *fixture {
	t.Helper()
	ar, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{mem: make(words)}
	number := func(s string) uint64 {
		n, err := strconv.ParseUint(s, 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, file := range ar.Files {
		var orcLines [][]string
		for line := range strings.Lines(string(file.Data)) {
			field := strings.Fields(line)
			switch file.Name {
			case "regs":
				r, _ := cfi.RegByName(field[0])
				f.regs.Set(r, number(field[1]))
			case "memory":
				f.mem[addr.Addr(number(field[0]))] = number(field[1])
			case "orc":
				orcLines = append(orcLines, field)
			case "symbols":
				f.syms = append(f.syms, symbol{field[2], addr.Addr(number(field[0])), number(field[1])})
			}
		}
		switch file.Name {
		case "orc":
			f.orc = orcOf(t, orcLines, number)
		case "debug_frame":
			raw, err := hex.DecodeString(strings.Join(strings.Fields(string(file.Data)), ""))
			if err != nil {
				t.Fatal(err)
			}
			f.cfi = cfi.NewDebugFrame(raw)
		case "frames":
			f.frames = string(file.Data)
		}
	}
	return f
}

// orcOf builds a table of lines "address entry", the first being the version.
func orcOf(t *testing.T, lines [][]string, number func(string) uint64) *orc.Table {
	t.Helper()
	version := orc.Version(number(lines[0][0]))
	base := number(lines[1][0])
	var ip, entries []byte
	for i, l := range lines[1:] {
		off := number(l[0]) - base - uint64(4*i)
		ip = binary.LittleEndian.AppendUint32(ip, uint32(off))
		raw, err := hex.DecodeString(l[1])
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, raw...)
	}
	table, err := orc.New(ip, base, entries, version)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestWalkOfASavedStackGivesTheFramesThatTheKernelPrinted(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no saved stacks: %v", err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			f := loadFixture(t, path)
			var got strings.Builder
			for frame, err := range f.unwinder().Frames(f.regs, f.mem) {
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintln(&got, describe(&frame, f.syms))
			}
			if got.String() != f.frames {
				t.Errorf("got\n%s\nwant\n%s", got.String(), f.frames)
			}
		})
	}
}
