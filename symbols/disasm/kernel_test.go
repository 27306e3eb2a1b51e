package disasm

import (
	"bufio"
	"bytes"
	"debug/elf"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/symtest"
)

// Places that are compared, in one kernel or shared by all that are there, and the
// code of each in bytes: more than 200,000 instructions.
const (
	samples    = 21
	sampleSize = 64 << 10
)

// TestAgreesWithObjdumpOnRealKernels disassembles code from all over real kernels
// with both.
func TestAgreesWithObjdumpOnRealKernels(t *testing.T) {
	objdump, err := exec.LookPath("objdump")
	if err != nil {
		t.Skip("objdump is not installed")
	}
	list := symtest.Vmlinuxes(t)
	for _, path := range list {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			c := comparison{t: t, objdump: objdump, ways: map[string]int{}, sample: map[string]string{}}
			c.kernel(path, max(3, samples/len(list)))
			for _, w := range slices.SortedFunc(maps.Keys(c.ways), func(a, b string) int { return c.ways[b] - c.ways[a] }) {
				t.Logf("%5d %s", c.ways[w], c.sample[w])
			}
			t.Logf("%d instructions compared, %d differ in %d ways", c.total, c.different, len(c.ways))
			if c.total < 3*10_000 || c.different*2000 > c.total {
				t.Errorf("%d of %d instructions differ", c.different, c.total)
			}
			t.Logf("%d oopses at any instruction, the three before are right in %d", c.oopses, c.inStep)
			if c.inStep*1000 < c.oopses*997 {
				t.Errorf("out of step in %d of %d", c.oopses-c.inStep, c.oopses)
			}
		})
	}
}

// comparison counts what is the same.
type comparison struct {
	t                *testing.T
	objdump          string
	total, different int
	ways             map[string]int    // by objdump's mnemonic and ktrap's
	sample           map[string]string // of each way
	oopses, inStep   int
}

// kernel compares samples that begin at functions chosen at random.
func (c *comparison) kernel(path string, samples int) {
	c.t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		c.t.Fatal(err)
	}
	defer f.Close()
	text := f.Section(".text")
	syms, err := f.Symbols()
	if text == nil || text.Type == elf.SHT_NOBITS || err != nil {
		c.t.Skipf("%s holds no code with symbols: %v", path, err)
	}
	syms = slices.DeleteFunc(syms, func(s elf.Symbol) bool {
		return elf.ST_TYPE(s.Info) != elf.STT_FUNC || s.Value < text.Addr || s.Value+sampleSize > text.Addr+text.Size
	})
	random := rand.New(rand.NewPCG(1, 2))
	for range samples {
		at := syms[random.IntN(len(syms))].Value
		code := make([]byte, sampleSize)
		if _, err := text.ReadAt(code, int64(at-text.Addr)); err != nil {
			c.t.Fatal(err)
		}
		c.compare(code, addr.Addr(at))
	}
}

func (c *comparison) compare(code []byte, at addr.Addr) {
	c.t.Helper()
	file := filepath.Join(c.t.TempDir(), "code")
	if err := os.WriteFile(file, code, 0o600); err != nil {
		c.t.Fatal(err)
	}
	out, err := exec.CommandContext(c.t.Context(), c.objdump, "-D", "-w", "-b", "binary", "-m", "i386:x86-64",
		"--adjust-vma=0x"+strconv.FormatUint(uint64(at), 16), file).Output()
	if err != nil {
		c.t.Fatalf("run objdump: %v", err)
	}
	starts := make([]bool, len(code))
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		pc, code, want, ok := parseObjdump(s.Text())
		if !ok {
			continue
		}
		starts[pc-at] = true
		c.total++
		list := Disassemble(code, pc, 0, nil)
		have := normal(list[0].Text)
		if want = normal(want); len(list) == 1 && have == want {
			continue
		}
		c.different++
		mnemonic, _, _ := strings.Cut(want, " ")
		ours, _, _ := strings.Cut(have, " ")
		c.ways[mnemonic+" "+ours]++
		c.sample[mnemonic+" "+ours] = strings.TrimSpace(s.Text()) + " | " + strings.Join(texts(list), " ; ")
	}
	c.oops(code, starts)
}

// What the kernel prints before and after the instruction at fault.
// Source: linux arch/x86/kernel/dumpstack.c, show_opcodes.
const (
	oopsBefore = 42
	oopsAfter  = 22
)

// oops lists the code around any instruction, of which nobody says where the ones
// before begin, but for filler, where nothing faults.
func (c *comparison) oops(code []byte, starts []bool) {
	for at := oopsBefore; at+oopsAfter <= len(code); at += 7 {
		if !starts[at] || code[at] == 0xcc || code[at] == 0x90 {
			continue
		}
		list := Disassemble(code[at-oopsBefore:at+oopsAfter], 0, oopsBefore, nil)
		mark := slices.IndexFunc(list, func(i Instruction) bool { return i.Marked })
		right := true
		for _, i := range list[max(0, mark-3):mark] {
			right = right && starts[at-oopsBefore+int(i.Addr)]
		}
		c.oopses++
		if right {
			c.inStep++
		}
	}
}
