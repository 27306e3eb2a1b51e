package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ktrap/session/kernel"
	"ktrap/session/machine"
	"ktrap/session/trap"
	"ktrap/symbols/addr"
)

// The x86 reset vector: a CPU that is reset begins at f000:fff0, whose linear
// address is resetPC and whose instruction pointer reads resetIP. A breakpoint
// there tells of every reset of the guest, however it came about.
const (
	resetPC addr.Addr = 0xfffffff0
	resetIP addr.Addr = 0xfff0
)

// attach is the first look: the kernel if it has booted, and the traps.
func (s *Session) attach(ctx context.Context, v *Stopped) error {
	v.askAccelerator(ctx)
	if !s.opts.NoTraps {
		v.watchReset(ctx)
	}
	err := v.findKernel(ctx)
	switch {
	case errors.Is(err, kernel.ErrNotBooted):
		s.look.Store(true)
		s.emit(Event{Kind: Note, Text: "the guest has not booted its kernel yet: traps follow as soon as it is mapped"})
		return nil
	case errors.Is(err, errFetching):
		return nil
	}
	return err
}

// watchReset sets the breakpoint at the reset vector. A stub that refuses it
// costs the notice of a reset, nothing else.
func (v *Stopped) watchReset(ctx context.Context) {
	kind := v.resetKind()
	for _, a := range []addr.Addr{resetPC, resetIP} {
		if err := v.Insert(ctx, machine.Point{Kind: kind, Addr: a, Size: 1}, machine.Traps); err != nil {
			v.log.Warn("watch for a reset of the guest", "err", err)
		}
	}
}

// findKernel looks for the running kernel, proves that vmlinux is its image,
// arms the traps, and reports a crash that has already happened.
// Errors: kernel.ErrNotBooted if there is none yet; those that a person must see.
func (v *Stopped) findKernel(ctx context.Context) error {
	began := time.Now()
	k, err := v.attachKernel(ctx)
	if err != nil {
		return err
	}
	w, err := v.newWorld(ctx, k)
	if err != nil {
		return err
	}
	v.use(w)
	v.seen = 0
	v.stopAwaiting(ctx)
	v.sayDebugInfo()
	v.fetchDWARF()
	armed := 0
	if !v.opts.NoTraps {
		if armed, err = v.arm(ctx); err != nil {
			return err
		}
	}
	for _, f := range v.found {
		if err := f(ctx, v); err != nil {
			v.emit(Event{Kind: Note, Text: err.Error(), Err: err})
		}
	}
	err = w.Unproven()
	if err != nil {
		v.emit(Event{Kind: Note, Text: err.Error(), Err: err})
	}
	a := Armed{Release: k.Release, Slide: k.Slide, Method: k.How, Traps: armed, Took: time.Since(began), Proven: err == nil}
	v.emit(Event{Kind: Ready, Text: a.String(), Armed: a})
	v.reportEarlier(ctx)
	return nil
}

// String is the line that people read when ktrap is ready.
func (a Armed) String() string {
	proof := ""
	if !a.Proven {
		proof = ", " + NotProven
	}
	return fmt.Sprintf("Linux %s, slide %v (%s), %d traps armed in %v%s",
		a.Release, a.Slide, a.Method, a.Traps, a.Took.Round(time.Millisecond), proof)
}

// NotProven marks everything that rests on --force.
const NotProven = "vmlinux NOT PROVEN to be the running kernel's"

// sayDebugInfo says once that vmlinux has symbols only.
func (v *Stopped) sayDebugInfo() {
	if v.noDWARF || v.image.HasDWARF() {
		return
	}
	v.noDWARF = true
	v.emit(Event{Kind: Note, Text: fmt.Sprintf("%s has no debug information: %s", v.image.Path(), symbolsOnly)})
}

const symbolsOnly = "functions are known by symbol only, without file:line, inlined callers and variables"

// arm sets the traps of this kernel and returns how many there are. A breakpoint
// that a killed ktrap left at the same place is taken out first, or it would
// outlive this session.
func (v *Stopped) arm(ctx context.Context) (int, error) {
	addrsOf := func(name string) []uint64 {
		var out []uint64
		for _, f := range v.World.Symbols.Find(name) {
			if f.Module == "" && v.World.Symbols.IsText(f.Start) {
				out = append(out, uint64(f.Start))
			}
		}
		return out
	}
	n := 0
	for _, p := range trap.Points() {
		for _, a := range p.Resolve(addrsOf) {
			at := addr.Addr(a)
			if v.armed[at] != nil {
				continue
			}
			v.removeLeftover(ctx, at)
			if err := v.Insert(ctx, code(at), machine.Traps); err != nil {
				return n, fmt.Errorf("arm %s: %w", p.Name, err)
			}
			v.armed[at] = &p
			n++
		}
	}
	if n == 0 {
		return 0, errors.New("arm traps: this kernel has none of the functions ktrap stops at; does vmlinux have a symbol table?")
	}
	return n, nil
}

// removeLeftover removes breakpoints that are no client's until the stub says there is
// none; more than a few are not believed.
func (v *Stopped) removeLeftover(ctx context.Context, at addr.Addr) {
	ours := false
	_ = v.call(func() { ours = v.machine.Points.Code(at) || v.isLingering(at) }) // the next question fails as well
	if ours {
		return
	}
	for range 4 {
		if v.client.Remove(ctx, 0, uint64(at), 1) != nil {
			return
		}
	}
}

// guestReset is called when the reset vector is reached: nothing that was known
// of the kernel holds any more.
func (v *Stopped) guestReset(ctx context.Context) {
	v.reportUnfinished(ctx, "the guest was reset before its kernel did")
	if v.World != nil { // a machine at its very first instruction is no news
		v.emit(Event{Kind: GuestDown, Text: "the guest was reset: traps will be armed again when its kernel is mapped"})
	}
	if err := v.removeOwner(ctx, machine.Traps); err != nil {
		v.log.Warn("remove the traps of the last kernel", "err", err)
	}
	v.engine = trap.Engine{}
	v.early = nil
	clear(v.armed)
	v.seen = 0
	v.world.Store(nil)
	v.World = nil
	v.watchReset(ctx)
	v.look.Store(true)
	v.awaitKernel(ctx)
}
