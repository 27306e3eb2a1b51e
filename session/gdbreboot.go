package session

import (
	"context"

	"ktrap/symbols/addr"
)

// A gdb asks only while it connects where the kernel is. When the guest has rebooted
// and KASLR has put its kernel elsewhere, all that this gdb knows is wrong, and nothing in
// the protocol moves it. So gdb is told that its program has ended: it lets go, keeps its
// breakpoints, and places them and everything else right when it connects again.

// placed notes where gdb was told that the kernel is.
func (g *gdbClient) placed(slide addr.Slide) {
	_ = g.s.call(func() { g.slide = &slide }) // the reply fails as well
}

// kernelMoved ends the talk with every gdb that was told of another place than the
// kernel now has: at once if it waits, else when it next lets the guest run.
func (v *Stopped) kernelMoved(ctx context.Context) {
	var moved []*gdbClient
	_ = v.call(func() { // after the loop's end there are none
		for g := range v.gdbs {
			if g.slide != nil && *g.slide != v.World.Kernel.Slide {
				g.moved, g.due = true, false
				moved = append(moved, g)
			}
		}
	})
	for _, g := range moved {
		if err := v.removeOwner(ctx, g.owner); err != nil {
			v.log.Warn("remove the breakpoints of a gdb from before the reboot", "client", string(g.owner), "err", err)
		}
	}
	_ = v.call(func() {
		for _, g := range moved {
			if g.waits {
				g.exits()
			}
		}
	})
}

// exits tells a gdb that waits that its program has ended. It is for a turn
// of the loop.
func (g *gdbClient) exits() {
	g.waits, g.looks, g.moved, g.slide = false, false, false, nil
	g.print("ktrap: the guest has rebooted, and KASLR has put its kernel elsewhere: connect again, breakpoints come along\n")
	g.send([]byte("W00"))
}
