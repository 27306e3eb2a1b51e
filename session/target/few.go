package target

import (
	"context"

	"ktrap/symbols/addr"
)

// Few is [Target.Memory] for a few bytes whose neighbours nobody asks for: the stub is
// asked for them alone, unless their page is known or no CPU shows the kernel.
func (t *Target) Few(ctx context.Context) Memory {
	return few{&view{t: t, ctx: ctx, stop: t.now()}}
}

type few struct{ *view }

// ReadMemory implements [Memory].
func (f few) ReadMemory(p []byte, a addr.Addr) error {
	if !f.t.fresh(f.stop) || f.known(a, len(p)) {
		return f.view.ReadMemory(p, a)
	}
	w, err := f.t.kernelWindow(f.ctx)
	if err != nil || w == nil {
		return f.view.ReadMemory(p, a)
	}
	if err := f.t.ReadAs(f.ctx, *w, p, a); refused(err) {
		return f.view.ReadMemory(p, a)
	} else if err != nil {
		return f.t.explain(f.stop, err)
	}
	if f.t.show != nil {
		f.t.show(p, a)
	}
	return nil
}

// known reports whether nothing is saved by asking for n bytes only.
func (f few) known(a addr.Addr, n int) bool {
	last := a + addr.Addr(max(n, 1)-1)
	if !a.Kernel() || last < a || last-a >= pageSize {
		return true
	}
	for _, page := range []addr.Addr{a &^ (pageSize - 1), last &^ (pageSize - 1)} {
		if _, known := f.stop.pages.virtual(f.key(page)); !known {
			return false
		}
	}
	return true
}
