//go:build qemu

package unwind

import (
	"slices"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
)

// A function of the timer interrupt is replaced by a call to nowhere, as if it
// had been called through a bad pointer.
func TestWalkThroughABadCallIsTheKernelsOwnTrace(t *testing.T) {
	bzImage, vmlinux := kernelFiles(t)
	im := openImage(t, vmlinux)
	for name, target := range map[string]uint64{
		"NULL":           0,
		"unmapped":       0xffffffffdead0000,
		"not executable": 0,
	} {
		t.Run(name, func(t *testing.T) {
			if name == "not executable" {
				target = uint64(im.data(t, "init_task"))
			}
			g := boot(t, bzImage)
			g.runTo(im.symbol(t, "prepare_namespace"))
			g.runTo(im.symbol(t, "update_process_times"))
			g.set(16, target)
			g.runTo(im.symbol(t, "page_fault_oops"))
			if name == "NULL" {
				record(t, im, g, "null-call")
			}
			r := g.regs()
			inside := collect(t, im, im.unwinder(), Frame{PC: addr.Addr(r.PC()), Regs: r, Interrupted: true}, g)
			at := slices.IndexFunc(inside, func(f Frame) bool { return uint64(f.PC) == target })
			if at < 0 || at+1 == len(inside) {
				t.Fatal("the frame of the bad call is missing, or the last")
			}
			if f := inside[at]; !f.Interrupted || f.Kind != cfi.FullRegs {
				t.Errorf("the frame of the bad call is not an interrupted one: %+v", f)
			}
			if s := inside[at+1].Source; s != Popped {
				t.Errorf("its caller comes from %v", s)
			}

			rdi, _ := r.Get(cfi.RDI)
			saved, err := Saved(g, addr.Addr(rdi))
			if err != nil {
				t.Fatal(err)
			}
			outside := collect(t, im, im.unwinder(), saved, g)
			if !slices.EqualFunc(inside[at:], outside, func(a, b Frame) bool { return a.PC == b.PC && a.Regs == b.Regs }) {
				t.Error("the walk from the pt_regs differs from the walk through it")
			}
			g.runTo(im.symbol(t, "oops_end"))
			if name == "NULL" {
				compareTrace(t, im.syms, outside[1:], printed(g.output())[0])
			} else {
				// The kernel itself gives up at any other bad pc and only scans.
				compareScan(t, im.syms, outside[1:], scanned(g.output()))
			}
		})
	}
}

func TestRegistersOfAFrameAreThoseItsFunctionSeesWhenItIsReturnedTo(t *testing.T) {
	bzImage, vmlinux := kernelFiles(t)
	im := openImage(t, vmlinux)
	g := boot(t, bzImage)
	g.runTo(im.symbol(t, "prepare_namespace"))
	known := 0
	for at, depth := range map[string]int{"update_process_times": 20, "vfs_mknod": 3} {
		g.runTo(im.symbol(t, at))
		r := g.regs()
		frames := collect(t, im, im.unwinder(), Frame{PC: addr.Addr(r.PC()), Regs: r, Interrupted: true}, g)
		for _, f := range frames[1:min(len(frames), depth)] {
			known += compareOnReturn(t, im, g, &f)
			if f.Interrupted {
				break
			}
		}
	}
	t.Logf("%d registers compared", known)
	if known < 50 {
		t.Errorf("only %d registers known", known)
	}
}

// compareOnReturn lets the guest run until it is back in a frame, and compares
// all registers that the walk knew in advance. It gives their number.
func compareOnReturn(t *testing.T, im *image, g *guest, f *Frame) (known int) {
	t.Helper()
	seen := cfi.Regs{}
	for tries := 0; seen.SP() != f.Regs.SP(); tries++ {
		if tries > 100 {
			t.Fatalf("%s is not returned to", im.syms.name(f))
		}
		g.runTo(f.PC) // other tasks and nested interrupts come by as well
		seen = g.regs()
	}
	for n := range cfi.NumRegs {
		v, ok := f.Regs.Get(n)
		if !ok {
			continue
		}
		known++
		if now, _ := seen.Get(n); now != v {
			t.Errorf("%s: %v is %#x on return, walk says %#x", im.syms.name(f), n, now, v)
		}
	}
	return known
}
