package decode

import (
	"debug/elf"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ktrap/symbols"
	"ktrap/symbols/symtest"
)

// TestFramesFromAllOverAKernelAreWhereLLVMSaysTheyAre prints frames of functions
// chosen at random, and of every name that several functions of other sizes have.
func TestFramesFromAllOverAKernelAreWhereLLVMSaysTheyAre(t *testing.T) {
	for _, path := range symtest.Vmlinuxes(t) {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			im, err := symbols.Open(path, nil)
			if err != nil {
				t.Fatal(err)
			}
			banner, full := im.Banner(), im.HasDWARF()
			im.Close() // read-only: nothing to lose
			if !full {
				t.Skipf("%s has no line numbers", path)
			}
			random := rand.New(rand.NewPCG(1, 2))
			frames, twins := randomFrames(t, path, random)
			log := banner + "\nCall Trace:\n <TASK>\n" + strings.Join(frames, "\n") + "\n </TASK>\n"
			out, said, err := decoded(t, Options{Layout: Syzbot, Finder: Finder{Vmlinux: path}}, log)
			if err != nil || said != "" {
				t.Errorf("%v, %s", err, said)
			}
			n := symtest.CompareDecoded(t, path, nil, out)
			t.Logf("%d frames compared, %d of names that several functions have", n, twins)
			if n < len(frames)*99/100 {
				t.Errorf("only %d of %d frames were compared", n, len(frames))
			}
		})
	}
}

// Frames of a kernel that are compared.
const (
	anyFrames  = 500
	twinFrames = 300
)

// randomFrames gives lines of a trace, and how many of them have a name that says
// too little.
func randomFrames(t *testing.T, path string, random *rand.Rand) (frames []string, twins int) {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	syms, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	var starts []uint64
	named := map[string][]elf.Symbol{}
	for _, s := range syms {
		if s.Section >= elf.SHN_LORESERVE || f.Sections[s.Section].Flags&elf.SHF_EXECINSTR == 0 || elf.ST_TYPE(s.Info) == elf.STT_SECTION {
			continue
		}
		starts = append(starts, s.Value)
		if elf.ST_TYPE(s.Info) == elf.STT_FUNC && s.Size > 0 && f.Sections[s.Section].Name == ".text" && !strings.HasPrefix(s.Name, "__pfx_") && !strings.HasPrefix(s.Name, "__cfi_") {
			named[s.Name] = append(named[s.Name], s)
		}
	}
	slices.Sort(starts)
	starts = slices.Compact(starts)
	size := func(s elf.Symbol) uint64 {
		i, _ := slices.BinarySearch(starts, s.Value+1)
		return starts[min(i, len(starts)-1)] - s.Value
	}
	add := func(s elf.Symbol) {
		frames = append(frames, fmt.Sprintf(" %s+%#x/%#x", s.Name, 1+random.Uint64N(min(s.Size, size(s))), size(s)))
	}
	var once, several []elf.Symbol
	for _, name := range slices.Sorted(maps.Keys(named)) {
		list := named[name]
		if len(list) == 1 {
			once = append(once, list[0])
			continue
		}
		for _, s := range list {
			if !slices.ContainsFunc(list, func(o elf.Symbol) bool { return o.Value != s.Value && size(o) == size(s) }) {
				several = append(several, s)
			}
		}
	}
	for range anyFrames {
		add(once[random.IntN(len(once))])
	}
	for range twinFrames {
		if len(several) > 0 {
			add(several[random.IntN(len(several))])
			twins++
		}
	}
	return frames, twins
}
