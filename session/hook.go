package session

import (
	"context"
	"fmt"
	"slices"

	"ktrap/session/machine"
	"ktrap/session/target"
	"ktrap/symbols/addr"
)

// HookFunc looks at a CPU that has reached a hook's address. The guest stays
// stopped, and clients are told, if it returns true.
type HookFunc func(ctx context.Context, v *Stopped, cpu target.CPU) (stop bool)

// Hook is a breakpoint whose hit is looked at before anybody hears of it.
type Hook struct {
	Addr addr.Addr
	f    HookFunc
}

// Hook sets a hook. f runs with the stop lease.
func (v *Stopped) Hook(ctx context.Context, at addr.Addr, f HookFunc) (*Hook, error) {
	if err := v.Insert(ctx, code(at), machine.Hooks); err != nil {
		return nil, err
	}
	h := &Hook{Addr: at, f: f}
	v.hooks[at] = append(v.hooks[at], h)
	return h, nil
}

// Unhook takes a hook away; taking it away twice does nothing.
func (v *Stopped) Unhook(ctx context.Context, h *Hook) error {
	i := slices.Index(v.hooks[h.Addr], h)
	if i < 0 {
		return nil
	}
	v.hooks[h.Addr] = slices.Delete(slices.Clone(v.hooks[h.Addr]), i, i+1)
	if err := v.Remove(ctx, code(h.Addr), machine.Hooks); err != nil {
		return fmt.Errorf("remove hook: %w", err)
	}
	return nil
}

// OnKernel has f run whenever a kernel has been found, that of a guest that was
// reset too, before the guest goes on: when it enters start_kernel, where that
// can be told beforehand. An error of f becomes a note.
func (v *Stopped) OnKernel(ctx context.Context, f func(context.Context, *Stopped) error) {
	v.found = append(v.found, f)
	v.awaitKernel(ctx)
}

// runHooks lets every hook at pc look, whatever a trap at the same place said.
func (v *Stopped) runHooks(ctx context.Context, cpu target.CPU, pc addr.Addr, verdict machine.Verdict) machine.Verdict {
	for _, h := range v.hooks[pc] {
		if h.f(ctx, v, cpu) {
			verdict.Show = true
		}
	}
	return verdict
}
