//go:build qemu

package unwind

import (
	"debug/elf"
	"os"
	"slices"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
	"ktrap/symbols/elffile"
	"ktrap/symbols/orc"
)

// kernelFiles names the kernel to test with: KTRAP_TEST_BZIMAGE, and the
// vmlinux it was made of: KTRAP_TEST_BZIMAGE_VMLINUX.
func kernelFiles(t *testing.T) (bzImage, vmlinux string) {
	bzImage, vmlinux = os.Getenv("KTRAP_TEST_BZIMAGE"), os.Getenv("KTRAP_TEST_BZIMAGE_VMLINUX")
	if bzImage == "" || vmlinux == "" {
		t.Skip("SKIPPED: KTRAP_TEST_BZIMAGE and KTRAP_TEST_BZIMAGE_VMLINUX name no kernel")
	}
	return bzImage, vmlinux
}

// image is a vmlinux: its tables and symbols, at link addresses (nokaslr).
type image struct {
	file *elffile.File
	orc  *orc.Table
	cfi  *cfi.DebugFrame
	syms symbolTable
}

func openImage(t *testing.T, path string) *image {
	t.Helper()
	f, err := elffile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	im := &image{file: f}
	ip, err1 := f.Section(".orc_unwind_ip")
	entries, err2 := f.Section(".orc_unwind")
	frame, err3 := f.Section(".debug_frame")
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	header, _ := f.Section(".orc_header")
	base, _, _ := f.SectionAddr(".orc_unwind_ip")
	release := os.Getenv("KTRAP_TEST_RELEASE")
	if im.orc, err = orc.New(ip, base, entries, orc.VersionOf(header, release)); err != nil {
		t.Fatal(err)
	}
	im.cfi = cfi.NewDebugFrame(frame)
	im.syms = textSymbols(t, f)
	return im
}

func textSymbols(t *testing.T, f *elffile.File) (syms symbolTable) {
	t.Helper()
	all, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if s.Type == elf.STT_FUNC || s.Type == elf.STT_NOTYPE {
			if sec, ok := f.SectionAt(s.Value); ok && sec.Exec() {
				syms = append(syms, symbol{name: s.Name, low: addr.Addr(s.Value)})
			}
		}
	}
	slices.SortStableFunc(syms, func(a, b symbol) int { return int(int64(a.low - b.low)) })
	for i := range syms {
		j := i + 1
		for j < len(syms) && syms[j].low == syms[i].low {
			j++
		}
		if j < len(syms) {
			syms[i].size = uint64(syms[j].low - syms[i].low)
		}
	}
	return syms
}

func (im *image) symbol(t *testing.T, name string) addr.Addr {
	t.Helper()
	i := slices.IndexFunc(im.syms, func(s symbol) bool { return s.name == name })
	if i < 0 {
		t.Fatalf("no function %s", name)
	}
	return im.syms[i].low
}

func (im *image) isText(a addr.Addr) bool {
	s, ok := im.file.SectionAt(uint64(a))
	return ok && s.Exec()
}

func (im *image) unwinder() *Unwinder {
	return &Unwinder{ORC: everywhere(im.orc), CFI: everywhere(im.cfi), Text: im.isText}
}

// collect walks and fails on an early end.
func collect(t *testing.T, im *image, u *Unwinder, f Frame, m Memory) (frames []Frame) {
	t.Helper()
	for f, err := range u.FramesFrom(f, m) {
		if err != nil {
			t.Errorf("walk: %v", err)
			break
		}
		frames = append(frames, f)
		t.Logf("%2d %v cfa %v %-6s %s", len(frames)-1, f.PC, f.CFA, f.Source, im.syms.name(&f))
	}
	return frames
}

func TestWalkIsTheKernelsOwnTrace(t *testing.T) {
	bzImage, vmlinux := kernelFiles(t)
	im := openImage(t, vmlinux)
	g := boot(t, bzImage)
	dumpStack := im.symbol(t, "dump_stack")
	stops := []string{"update_process_times", "run_timer_softirq", "dump_stack"}
	var walks [][]Frame

	g.runTo(im.symbol(t, "prepare_namespace"))
	for _, at := range stops {
		// dump_stack in place of the function: it returns to the caller. The
		// last one is the call that panic makes.
		g.runTo(im.symbol(t, at))
		g.set(16, uint64(dumpStack))
		r := g.regs()
		t.Logf("in %s", at)
		frames := collect(t, im, im.unwinder(), Frame{PC: dumpStack, Regs: r, Interrupted: true}, g)
		if len(frames) < 2 {
			t.Fatalf("%d frames", len(frames))
		}
		if at == "run_timer_softirq" {
			record(t, im, g, "softirq")
		}
		g.runTo(frames[1].PC)
		walks = append(walks, frames)
	}

	traces := printed(g.output())
	if len(traces) != len(stops) {
		t.Fatalf("the kernel printed %d traces, want %d", len(traces), len(stops))
	}
	for i, trace := range traces {
		for len(trace) > 0 && !im.syms.has(trace[0], walks[i][1].PC) {
			trace = trace[1:] // dump_stack_lvl: the kernel begins further in
		}
		t.Run("in "+stops[i], func(t *testing.T) {
			compareTrace(t, im.syms, walks[i][1:], trace)
		})
	}
}
