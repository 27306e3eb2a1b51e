package debug

import (
	"context"
	"errors"
	"fmt"

	"ktrap/session"
	"ktrap/session/expr"
	"ktrap/session/kernel"
	"ktrap/session/target"
	"ktrap/session/unwind"
	"ktrap/symbols"
	"ktrap/symbols/addr"
	"ktrap/symbols/types"
)

// Place is where expressions are evaluated: a frame of a CPU, or of a task that
// does not run.
type Place struct {
	CPU    target.CPU
	Task   *kernel.Task // nil: what the CPU runs
	Frame  *unwind.Frame
	Inline int // inline level in the frame, 0 the innermost
}

// At is the place where a CPU stands.
func At(ctx context.Context, v *session.Stopped, cpu target.CPU) (Place, error) {
	regs, err := v.Target.Regs(ctx, cpu)
	if err != nil {
		return Place{}, err
	}
	return Place{CPU: cpu, Frame: &unwind.Frame{PC: regs.PC(), Regs: regs.CFI(), Interrupted: true}}, nil
}

// memory is guest memory as it is seen from the place.
func (p *Place) memory(ctx context.Context, v *session.Stopped) target.Memory {
	if p.Task != nil {
		return v.Target.Memory(ctx)
	}
	return v.Target.MemoryOf(ctx, p.CPU)
}

// Env is what expressions mean at a place: its registers, the parameters and
// local variables of its function, current, and the variables, functions and
// enumerators of the kernel and its modules.
func Env(ctx context.Context, v *session.Stopped, p Place) *expr.Env {
	mem := p.memory(ctx, v)
	e := &expr.Env{Memory: mem}
	e.Reg = func(name string) (uint64, bool) {
		regs, err := v.Target.Regs(ctx, p.CPU)
		if err != nil {
			return 0, false
		}
		return session.FrameRegister(p.Frame, name, mem, regs)
	}
	w := v.World
	if w == nil {
		return e
	}
	e.Types = typesOf(w)
	e.Namer = func(a addr.Addr) (string, bool) {
		name := w.SymbolName(a)
		return name, name != ""
	}
	e.PerCPU = func(a addr.Addr, n int) (addr.Addr, error) { return perCPU(ctx, w, p.CPU, a, n) }
	e.Scope = &scope{ctx: ctx, v: v, place: p, mem: mem, types: e.Types}
	return e
}

// perCPU gives CPU n's copy of a per-CPU variable. The scope has already moved
// a variable that was named to the selected CPU's copy; that is taken back.
func perCPU(ctx context.Context, w *session.World, cpu target.CPU, a addr.Addr, n int) (addr.Addr, error) {
	selected, err := w.Kernel.CPUNumber(ctx, cpu)
	if err != nil {
		return 0, err
	}
	own, err := w.Kernel.PerCPUAddr(ctx, 0, selected)
	if err != nil {
		return 0, err
	}
	if w.Kernel.IsPerCPU(a - own) {
		a -= own
	}
	return w.Kernel.PerCPUAddr(ctx, a, n)
}

// scope finds names: locals, current, then what the image of the frame's code
// has, the kernel, and the modules.
type scope struct {
	ctx    context.Context
	v      *session.Stopped
	place  Place
	mem    target.Memory
	types  expr.Types
	locals *expr.Locals // once looked for
}

// Lookup finds a variable, function or enumerator.
// Errors: wraps types.ErrNotFound.
func (s *scope) Lookup(name string) (expr.Value, error) {
	value, err := s.local(name)
	if err == nil || !errors.Is(err, types.ErrNotFound) {
		return value, err
	}
	if name == "current" {
		return s.current()
	}
	for _, im := range s.images() {
		value, err = s.global(im, name)
		if err == nil || !errors.Is(err, types.ErrNotFound) && !errors.Is(err, types.ErrNoDebugInfo) {
			return value, err
		}
	}
	for _, f := range s.v.World.Symbols.Find(name) { // assembly, modules without a file
		return expr.Unsigned(uint64(f.Start)), nil
	}
	return expr.Value{}, fmt.Errorf("no symbol %q: %w", name, types.ErrNotFound)
}

// images are those that have debug info, that of the frame's code first.
func (s *scope) images() []*symbols.Image {
	syms := s.v.World.Symbols
	all := []*symbols.Image{syms.Vmlinux()}
	home, _, ok := syms.Home(s.place.Frame.LookupPC())
	if ok && home != syms.Vmlinux() {
		all = []*symbols.Image{home, syms.Vmlinux()}
	}
	for _, m := range syms.Modules() {
		if m.Image != nil && m.Image != home {
			all = append(all, m.Image)
		}
	}
	return all
}

// global finds a name of one image at its run-time address.
func (s *scope) global(im *symbols.Image, name string) (value expr.Value, err error) {
	g := expr.Globals{Info: im.Types(), Run: func(a addr.LinkAddr) addr.Addr {
		at, placed := s.v.World.Symbols.Place(im, a)
		if !placed {
			err = fmt.Errorf("%q: its section is not in the guest", name)
		}
		return at
	}}
	found, lookup := g.Lookup(name)
	if err = errors.Join(lookup, err); err != nil {
		return expr.Value{}, err
	}
	at, inMemory := found.Addr()
	if k := s.v.World.Kernel; inMemory && k.IsPerCPU(at) {
		n, err := k.CPUNumber(s.ctx, s.place.CPU)
		if err == nil {
			at, err = k.PerCPUAddr(s.ctx, at, n)
		}
		if err != nil {
			return expr.Value{}, err
		}
		return expr.At(found.Type(), at), nil
	}
	return found, nil
}

// current is the task of the place, as the kernel's own macro gives it.
func (s *scope) current() (expr.Value, error) {
	task := s.place.Task
	if task == nil {
		now, err := s.v.World.Kernel.Current(s.ctx, s.place.CPU)
		if err != nil {
			return expr.Value{}, err
		}
		task = &now
	}
	t, err := s.types.TypeByName("struct task_struct *")
	if err != nil {
		return expr.Value{}, fmt.Errorf("find the type of current: %w", err)
	}
	return expr.Unsigned(uint64(task.Addr)).Cast(t)
}
