package debug

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"ktrap/session"
	"ktrap/session/machine"
	"ktrap/session/target"
	"ktrap/symbols/addr"
)

// Breakpoint is one entry of a person's list.
type Breakpoint struct {
	ID        int
	Where     string // as typed
	Addrs     []addr.Addr
	Temporary bool
	Condition string // expression; the guest goes on where it is zero
	Watch     bool
	Size      int // of a watchpoint, in bytes
	Hits      int

	points []machine.Point
	hooks  []*session.Hook
}

// Break sets a breakpoint at every address that where names.
func (d *Debugger) Break(ctx context.Context, where string, temporary bool, condition string) (b *Breakpoint, err error) {
	err = d.do(ctx, func(ctx context.Context, v *session.Stopped) error {
		at, err := d.Resolve(ctx, v, where)
		if err != nil {
			return err
		}
		if condition != "" {
			if err := d.checkCondition(condition); err != nil {
				return err
			}
		}
		b = d.newPoint(where)
		b.Addrs, b.Temporary, b.Condition = at, temporary, condition
		for _, a := range at {
			h, err := v.Hook(ctx, a, func(ctx context.Context, v *session.Stopped, cpu target.CPU) bool {
				return d.reached(ctx, v, cpu, b)
			})
			if err != nil {
				return errors.Join(err, d.take(ctx, v, b))
			}
			b.hooks = append(b.hooks, h)
		}
		d.points = append(d.points, b)
		return nil
	})
	return b, err
}

// reached runs when a CPU is at a breakpoint and decides whether to stop. A
// condition that cannot be evaluated stops: silence would hide the mistake.
func (d *Debugger) reached(ctx context.Context, v *session.Stopped, cpu target.CPU, b *Breakpoint) bool {
	if b.Condition != "" {
		yes, err := d.holds(ctx, v, cpu, b.Condition)
		if err == nil && !yes {
			return false
		}
	}
	b.Hits++
	if b.Temporary {
		if err := d.take(ctx, v, b); err == nil {
			d.forget(b)
		}
	}
	return true
}

// Watch stops when the memory of an expression is written.
func (d *Debugger) Watch(ctx context.Context, what string) (b *Breakpoint, err error) {
	err = d.do(ctx, func(ctx context.Context, v *session.Stopped) error {
		value, err := d.evalIn(ctx, v, what)
		if err != nil {
			return err
		}
		at, ok := value.Addr()
		if !ok {
			return fmt.Errorf("watch %q: it is not in memory", what)
		}
		size, known := value.Size()
		if !known || size < 1 || size > maxWatch {
			return fmt.Errorf("watch %q: %d bytes are too many for a watchpoint (1 to %d)", what, size, maxWatch)
		}
		b = d.newPoint(what)
		b.Watch, b.Addrs, b.Size = true, []addr.Addr{at}, int(size)
		p := machine.Point{Kind: machine.WatchWrite, Addr: at, Size: int(size)}
		if err := v.Insert(ctx, p, machine.User); err != nil {
			return err
		}
		b.points = []machine.Point{p}
		d.points = append(d.points, b)
		return nil
	})
	return b, err
}

// maxWatch is what one hardware watchpoint covers on x86-64, in bytes.
const maxWatch = 8

// Breakpoints lists the breakpoints in the order they were set.
func (d *Debugger) Breakpoints() []*Breakpoint { return slices.Clone(d.points) }

// Delete takes a breakpoint away, all of them for id 0.
func (d *Debugger) Delete(ctx context.Context, id int) error {
	return d.do(ctx, func(ctx context.Context, v *session.Stopped) error {
		var errs error
		found := id == 0
		for _, b := range slices.Clone(d.points) {
			if id != 0 && b.ID != id {
				continue
			}
			found = true
			errs = errors.Join(errs, d.take(ctx, v, b))
			d.forget(b)
		}
		if !found {
			return fmt.Errorf("delete breakpoint %d: there is none", id)
		}
		return errs
	})
}

func (d *Debugger) newPoint(where string) *Breakpoint {
	d.nextID++
	return &Breakpoint{ID: d.nextID, Where: where}
}

// take removes what a breakpoint has set in the guest.
func (d *Debugger) take(ctx context.Context, v *session.Stopped, b *Breakpoint) error {
	var errs error
	for _, h := range b.hooks {
		errs = errors.Join(errs, v.Unhook(ctx, h))
	}
	for _, p := range b.points {
		errs = errors.Join(errs, v.Remove(ctx, p, machine.User))
	}
	b.hooks, b.points = nil, nil
	return errs
}

func (d *Debugger) forget(b *Breakpoint) {
	d.points = slices.DeleteFunc(d.points, func(o *Breakpoint) bool { return o == b })
}

// At finds the breakpoint that a stop at pc belongs to.
func (d *Debugger) At(pc addr.Addr) *Breakpoint {
	for _, b := range d.points {
		if !b.Watch && slices.Contains(b.Addrs, pc) {
			return b
		}
	}
	return nil
}
