package debug

import (
	"context"
	"errors"
	"fmt"

	"ktrap/session"
	"ktrap/session/target"
	"ktrap/symbols"
	"ktrap/symbols/addr"
)

// insert sets a breakpoint at its addresses, all or none.
func (d *Debugger) insert(ctx context.Context, v *session.Stopped, b *Breakpoint, at []addr.Addr) error {
	var hooks []*session.Hook
	for _, a := range at {
		h, err := v.Hook(ctx, a, func(ctx context.Context, v *session.Stopped, cpu target.CPU) bool {
			return d.reached(ctx, v, cpu, b)
		})
		if err != nil {
			for _, h := range hooks {
				err = errors.Join(err, v.Unhook(ctx, h))
			}
			return err
		}
		hooks = append(hooks, h)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	b.hooks, b.Addrs, b.Places = hooks, at, places(v, at)
	return nil
}

// places describes addresses.
func places(v *session.Stopped, at []addr.Addr) []symbols.Location {
	out := make([]symbols.Location, len(at))
	for i, a := range at {
		if v.World == nil {
			break
		}
		if levels, _ := v.World.Symbols.Locate(a); len(levels) > 0 {
			out[i] = levels[0]
		}
	}
	return out
}

// followKernel has the breakpoints follow the kernel from now on.
func (d *Debugger) followKernel(ctx context.Context, v *session.Stopped) {
	if !d.follows {
		d.follows = true
		v.OnKernel(ctx, d.follow)
	}
}

// follow gives the breakpoints their addresses in a kernel that was just found:
// the pending ones, and after a reboot all of them. Addresses that were typed
// stay as they are.
func (d *Debugger) follow(ctx context.Context, v *session.Stopped) error {
	var errs error
	for _, b := range d.list() {
		if b.Watch || isAddress(b.Where) {
			continue
		}
		errs = errors.Join(errs, d.take(ctx, v, b))
		at, err := d.Resolve(ctx, v, b.Where)
		if err == nil {
			err = d.insert(ctx, v, b, at)
		}
		d.mu.Lock()
		b.Pending = err != nil
		d.mu.Unlock()
		if err != nil {
			errs = errors.Join(errs, fmt.Errorf("set breakpoint %d: %w", b.ID, err))
		}
	}
	return errs
}
