package symbols

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// hostileImages are the kinds of images that are damaged below.
var hostileImages = []struct {
	name, compiler, flags string
	module                bool
}{
	{"gcc-dwarf4", "gcc", "-gdwarf-4", false},
	{"gcc-dwarf5", "gcc", "-gdwarf-5", false},
	{"gcc-zlib", "gcc", "-gdwarf-5 -gz=zlib", false},
	{"gcc-module-dwarf4", "gcc", "-gdwarf-4", true},
	{"gcc-module-dwarf5", "gcc", "-gdwarf-5", true},
	{"clang-dwarf4", "clang", "-gdwarf-4", false},
	{"clang-dwarf5", "clang", "-gdwarf-5", false},
	{"clang-module-dwarf5", "clang", "-gdwarf-5", true},
}

// Per image: how often it is damaged, and how much may be allocated to answer
// all questions about what is left; a sound one takes 3 MB.
const (
	damages   = 40
	maxMemory = 64 << 20
)

// TestADamagedImageAnswersInPartOrNotAtAll flips bytes of small real images,
// overwrites numbers with extreme ones and cuts files off, then asks everything.
// What comes back may be wrong; it must come back, without a panic (which would
// show as "damaged file") and within bounds.
func TestADamagedImageAnswersInPartOrNotAtAll(t *testing.T) {
	for _, h := range hostileImages {
		t.Run(h.name, func(t *testing.T) {
			sound := compileHostile(t, h.compiler, h.flags, h.module)
			name := "vmlinux"
			if h.module {
				name = "hostile.ko"
			}
			if ask(t, name, sound) < 100 {
				t.Fatal("the sound image does not answer")
			}
			rng := rand.New(rand.NewPCG(1, 2))
			total := 0
			for n := range damages {
				bad, what := damage(rng, sound)
				before := allocated()
				answers := 0
				t.Run(fmt.Sprintf("%d %s", n, what), func(t *testing.T) { answers = ask(t, name, bad) })
				total += answers
				if got := allocated() - before; got > maxMemory {
					t.Errorf("%s: %d MB were allocated", what, got>>20)
				}
				if t.Failed() {
					keep(t, bad)
					return
				}
			}
			t.Logf("%d answers on average", total/damages)
		})
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// keep leaves a file behind for whoever looks into a failure.
func keep(t *testing.T, bad []byte) {
	t.Helper()
	path := filepath.Join(t.ArtifactDir(), "bad.elf")
	t.Logf("kept as %s: %v", path, os.WriteFile(path, bad, 0o600))
}

// compileHostile builds testdata/hostile as a kernel or a module is built.
func compileHostile(t *testing.T, compiler, flags string, module bool) []byte {
	t.Helper()
	tool, err := exec.LookPath(compiler)
	if err != nil {
		t.Skipf("SKIPPED, nothing was damaged: %s is not installed", compiler)
	}
	out := filepath.Join(t.TempDir(), "image")
	args := append(strings.Fields(flags), "-O2", "-ffreestanding", "-fno-pic", "-mcmodel=kernel",
		"-fno-asynchronous-unwind-tables", "-fno-stack-protector", "-w", "-o", out)
	if module {
		args = append(args, "-c", "-ffunction-sections", "main.c")
	} else {
		args = append(args, "-no-pie", "-nostdlib", "-static", "-Wl,--build-id,-Ttext=0xffffffff81000000,-e,entry",
			"main.c", "task.c", "entry.S")
	}
	cmd := exec.CommandContext(t.Context(), tool, args...)
	cmd.Dir = "testdata/hostile"
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%.2000s", tool, strings.Join(args, " "), err, text)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// extremes are numbers that lengths, counts and offsets are tried with.
var extremes = []uint64{0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 1 << 24, 1<<31 - 1, 1 << 31, 1<<32 - 16, 1<<32 - 1, 1 << 40, 1<<63 - 1, 1 << 63, 1<<64 - 1}

// damage gives a damaged copy. Each section and the headers are hit equally
// often, whatever their size.
func damage(rng *rand.Rand, sound []byte) (bad []byte, what string) {
	bad = slices.Clone(sound)
	if rng.IntN(10) == 0 {
		n := rng.IntN(len(bad))
		return bad[:n], fmt.Sprintf("cut off at %#x", n)
	}
	regions := [][2]uint64{{0, 64}, {binary.LittleEndian.Uint64(sound[40:]), uint64(len(sound))}}
	for h := sound[regions[1][0]:]; len(h) >= 64; h = h[64:] {
		off, size := binary.LittleEndian.Uint64(h[24:]), binary.LittleEndian.Uint64(h[32:])
		if size > 0 && off+size <= uint64(len(sound)) {
			regions = append(regions, [2]uint64{off, off + size})
		}
	}
	r := regions[rng.IntN(len(regions))]
	width := []int{1, 1, 1, 2, 4, 8}[rng.IntN(6)]
	times := 1 + rng.IntN(4)
	for range times {
		at := int(r[0]) + rng.IntN(int(r[1]-r[0]))
		if width == 1 {
			bad[at] ^= byte(1 + rng.IntN(255))
			continue
		}
		var word [8]byte
		binary.LittleEndian.PutUint64(word[:], extremes[rng.IntN(len(extremes))])
		copy(bad[at:], word[:width])
	}
	return bad, fmt.Sprintf("%d times %d bytes in %#x", times, width, r)
}
