//go:build qemu

package unwind

import (
	"fmt"
	"testing"

	"ktrap/symbols/addr"
)

// Steps through interrupts, from the first instruction of the entry code on,
// and walks at every instruction: through prologues, the switch to the IRQ
// stack and back, and the exit. The walks have to reach the outermost frame, but
// for a few: at single instructions of entry code ORC itself is wrong (6.1: at
// "mov %rax,%rsp" after error_entry).
func TestEveryInstructionOfAnInterruptCanBeWalkedFrom(t *testing.T) {
	bzImage, vmlinux := kernelFiles(t)
	im := openImage(t, vmlinux)
	g := boot(t, bzImage)
	g.ask("Qqemu.sstep=7") // no interrupts and no timers while stepping
	g.runTo(im.symbol(t, "prepare_namespace"))
	u := im.unwinder()
	const steps = 6000
	failures := 0
	for entries, n := 0, 0; n < steps; n++ {
		if n%(steps/3) == 0 {
			g.runTo(im.symbol(t, "asm_sysvec_apic_timer_interrupt"))
			entries++
		}
		r := g.regs()
		at := Frame{PC: addr.Addr(r.PC()), Interrupted: true}
		if err := reachesEnd(im, u, g); err != nil {
			t.Logf("step %d at %s: %v", n, im.syms.name(&at), err)
			failures++
		}
		g.ask("s")
	}
	if failures > steps/500 {
		t.Errorf("%d of %d walks did not reach the outermost frame", failures, steps)
	}
}

// reachesEnd walks from the current registers.
func reachesEnd(im *image, u *Unwinder, g *guest) error {
	for f, err := range u.Frames(g.regs(), g) {
		if err != nil {
			return err
		}
		if !im.isText(f.LookupPC()) && !f.User {
			return fmt.Errorf("frame at %v", f.PC)
		}
	}
	return nil
}
