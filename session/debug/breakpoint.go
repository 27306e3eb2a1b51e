package debug

import (
	"context"
	"debug/dwarf"
	"errors"
	"fmt"
	"slices"

	"ktrap/session"
	"ktrap/session/expr"
	"ktrap/session/machine"
	"ktrap/session/target"
	"ktrap/symbols"
	"ktrap/symbols/addr"
)

// Breakpoint is one entry of a person's list.
type Breakpoint struct {
	ID        int
	Where     string // as typed; FILE:LINE for a line of the selected file
	Addrs     []addr.Addr
	Places    []symbols.Location // what lies at each of Addrs, as far as known
	Pending   bool               // Addrs follow when the kernel is known
	Temporary bool
	Condition string // expression; the guest goes on where it is zero
	Watch     bool
	Size      int // of a watchpoint, in bytes
	Hits      int

	points []machine.Point
	hooks  []*session.Hook
	typ    dwarf.Type // of what a watchpoint watches
	value  string     // what it was at the last look
}

// Hit is a stop at a breakpoint or watchpoint.
type Hit struct {
	Breakpoint
	Old, New string // of a watchpoint
	Err      error  // the condition could not be evaluated, which stops
}

// Break sets a breakpoint at every address that where names. While no kernel is
// known it stays pending.
func (d *Debugger) Break(ctx context.Context, where string, temporary bool, condition string) (b *Breakpoint, err error) {
	err = d.do(ctx, func(ctx context.Context, v *session.Stopped) error {
		if where, err = d.qualified(where); err != nil {
			return err
		}
		if condition != "" {
			if err := d.checkCondition(condition); err != nil {
				return err
			}
		}
		at, err := d.Resolve(ctx, v, where)
		pending := errors.Is(err, session.ErrNoKernel)
		if err != nil && !pending {
			return err
		}
		b = d.newPoint(where)
		b.Temporary, b.Condition, b.Pending = temporary, condition, pending
		if err := d.insert(ctx, v, b, at); err != nil {
			return err
		}
		d.add(b)
		d.followKernel(ctx, v)
		return nil
	})
	return b, err
}

// reached runs when a CPU is at a breakpoint and decides whether to stop. A
// condition that cannot be evaluated stops: silence would hide the mistake.
func (d *Debugger) reached(ctx context.Context, v *session.Stopped, cpu target.CPU, b *Breakpoint) bool {
	var failed error
	if b.Condition != "" {
		yes, err := d.holds(ctx, v, cpu, b.Condition)
		if err == nil && !yes {
			return false
		}
		failed = err
	}
	d.mu.Lock()
	b.Hits++
	d.hit = &Hit{Breakpoint: *b, Err: failed}
	d.hitEpoch = v.Target.Epoch()
	d.mu.Unlock()
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
		b.typ, b.value = value.Type(), value.Format(nil)
		p := machine.Point{Kind: machine.WatchWrite, Addr: at, Size: int(size)}
		if err := v.Insert(ctx, p, machine.User); err != nil {
			return err
		}
		b.points = []machine.Point{p}
		d.add(b)
		return nil
	})
	return b, err
}

// maxWatch is what one hardware watchpoint covers on x86-64, in bytes.
const maxWatch = 8

// Breakpoints lists copies of the breakpoints in the order they were set.
func (d *Debugger) Breakpoints() []Breakpoint {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make([]Breakpoint, len(d.points))
	for i, b := range d.points {
		out[i] = *b
	}
	return out
}

// Delete takes a breakpoint away, all of them for id 0.
func (d *Debugger) Delete(ctx context.Context, id int) error {
	return d.do(ctx, func(ctx context.Context, v *session.Stopped) error {
		var errs error
		found := id == 0
		for _, b := range d.list() {
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
	d.mu.Lock()
	defer d.mu.Unlock()
	b.hooks, b.points = nil, nil
	return errs
}

func (d *Debugger) add(b *Breakpoint) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.points = append(d.points, b)
}

func (d *Debugger) list() []*Breakpoint {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.points)
}

func (d *Debugger) forget(b *Breakpoint) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.points = slices.DeleteFunc(d.points, func(o *Breakpoint) bool { return o == b })
}

// Hit gives the breakpoint or watchpoint that the guest stands at, nil if none.
func (d *Debugger) Hit(ctx context.Context) (hit *Hit, err error) {
	err = d.do(ctx, func(ctx context.Context, v *session.Stopped) error {
		stop := v.LastStop()
		if at := addr.Addr(stop.Reply.WatchAddr); at != 0 {
			hit = d.written(ctx, v, at)
			return nil
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.hit != nil && d.hitEpoch == v.Target.Epoch() {
			hit = d.hit
		}
		return nil
	})
	return hit, err
}

// written finds the watchpoint at an address and reads what is there now, once
// per stop.
func (d *Debugger) written(ctx context.Context, v *session.Stopped, at addr.Addr) *Hit {
	for _, b := range d.list() {
		if !b.Watch || at < b.Addrs[0] || at >= b.Addrs[0]+addr.Addr(b.Size) {
			continue
		}
		d.mu.Lock()
		seen := d.hit
		if d.hitEpoch != v.Target.Epoch() {
			seen = nil
		}
		d.mu.Unlock()
		if seen != nil {
			return seen
		}
		now := expr.At(b.typ, b.Addrs[0]).In(Env(ctx, v, d.place())).Format(nil)
		d.mu.Lock()
		defer d.mu.Unlock()
		b.Hits++
		d.hit, d.hitEpoch = &Hit{Breakpoint: *b, Old: b.value, New: now}, v.Target.Epoch()
		b.value = now
		return d.hit
	}
	return nil
}

// breaksAt reports whether a breakpoint of this person is at pc.
func (d *Debugger) breaksAt(pc addr.Addr) bool {
	for _, b := range d.list() {
		if !b.Watch && slices.Contains(b.Addrs, pc) {
			return true
		}
	}
	return false
}
