package debug

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"ktrap/session"
	"ktrap/session/expr"
	"ktrap/session/target"
	"ktrap/session/unwind"
	"ktrap/symbols"
	"ktrap/symbols/addr"
)

// Print evaluates a C expression in the selected frame and formats it as gdb
// does. A leading /FORMAT is gdb's: x, d, u, o, t, c, a, s.
func (d *Debugger) Print(ctx context.Context, src string) (text string, err error) {
	o := &expr.FormatOptions{}
	if spec, ok := strings.CutPrefix(src, "/"); ok {
		format, rest, _ := strings.Cut(spec, " ")
		if len(format) != 1 || !strings.Contains("xdoutcasz", format) {
			return "", fmt.Errorf("print /%s: want one of x d u o t c a s z", format)
		}
		o.Radix, src = format[0], rest
	}
	err = d.do(ctx, func(ctx context.Context, v *session.Stopped) error {
		value, err := d.evalIn(ctx, v, src)
		if err != nil {
			return err
		}
		text = value.Format(o)
		return nil
	})
	return text, err
}

// evalIn evaluates in the selected frame.
func (d *Debugger) evalIn(ctx context.Context, v *session.Stopped, src string) (expr.Value, error) {
	return Env(ctx, v, d.cpu, d.frame(), d.memory(ctx, v)).Eval(src)
}

// checkCondition reports a condition that cannot even be parsed.
func (d *Debugger) checkCondition(src string) error {
	if _, err := expr.Parse(src, func(string) bool { return false }); err != nil {
		return fmt.Errorf("condition %q: %w", src, err)
	}
	return nil
}

// holds evaluates a condition where a CPU stands.
func (d *Debugger) holds(ctx context.Context, v *session.Stopped, cpu target.CPU, src string) (bool, error) {
	regs, err := v.Target.Regs(ctx, cpu)
	if err != nil {
		return false, err
	}
	f := &unwind.Frame{PC: regs.PC(), Regs: regs.CFI(), Interrupted: true}
	value, err := Env(ctx, v, cpu, f, v.Target.MemoryOf(ctx, cpu)).Eval(src)
	if err != nil {
		return false, err
	}
	n, err := value.Uint()
	return n != 0, err
}

// Env is what expressions mean in one frame of a CPU: its registers, the
// variables of the kernel and its modules, and current.
func Env(ctx context.Context, v *session.Stopped, cpu target.CPU, f *unwind.Frame, mem target.Memory) *expr.Env {
	e := &expr.Env{Memory: mem}
	regs, err := v.Target.Regs(ctx, cpu)
	e.Reg = func(name string) (uint64, bool) {
		if err != nil {
			return 0, false
		}
		return session.FrameRegister(f, name, mem, regs)
	}
	w := v.World
	if w == nil {
		return e
	}
	e.Types = w.Symbols.Vmlinux().Types()
	e.Namer = func(a addr.Addr) (string, bool) {
		name := w.SymbolName(a)
		return name, name != ""
	}
	e.PerCPU = func(a addr.Addr, n int) (addr.Addr, error) { return perCPU(ctx, w, cpu, a, n) }
	e.Scope = &scope{ctx: ctx, v: v, cpu: cpu, frame: f, env: e}
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

// scope finds names: current, then variables of the frame's module, the
// kernel, and the other modules; functions last.
type scope struct {
	ctx   context.Context
	v     *session.Stopped
	cpu   target.CPU
	frame *unwind.Frame
	env   *expr.Env
}

// Lookup finds a variable or function.
func (s *scope) Lookup(name string) (expr.Value, error) {
	if name == "current" {
		return s.current()
	}
	syms := s.v.World.Symbols
	value, err := s.variable(syms.Vmlinux(), nil, name)
	if err == nil {
		return value, nil
	}
	for _, m := range syms.Modules() {
		if m.Image == nil {
			continue
		}
		if value, merr := s.variable(m.Image, m, name); merr == nil {
			return value, nil
		}
	}
	for _, f := range syms.Find(name) {
		return expr.Unsigned(uint64(f.Start)), nil
	}
	return expr.Value{}, err
}

// variable finds a variable of one image at its run-time address.
func (s *scope) variable(im *symbols.Image, m *symbols.Module, name string) (expr.Value, error) {
	found, err := im.Types().Variable(name)
	if err != nil {
		return expr.Value{}, err
	}
	if m != nil {
		for _, f := range s.v.World.Symbols.Find(name) {
			if f.Module == m.Name {
				return expr.At(found.Type, f.Start), nil
			}
		}
		return expr.Value{}, fmt.Errorf("variable %q of module %s has no place in the guest", name, m.Name)
	}
	at := addr.Addr(found.Addr)
	if at.Kernel() {
		at = s.v.World.Symbols.Slide().Run(found.Addr)
	}
	if k := s.v.World.Kernel; k.IsPerCPU(at) {
		n, err := k.CPUNumber(s.ctx, s.cpu)
		if err == nil {
			at, err = k.PerCPUAddr(s.ctx, at, n)
		}
		if err != nil {
			return expr.Value{}, err
		}
	}
	return expr.At(found.Type, at), nil
}

// current is the task that the CPU runs, as the kernel's own macro gives it.
func (s *scope) current() (expr.Value, error) {
	task, err := s.v.World.Kernel.Current(s.ctx, s.cpu)
	if err != nil {
		return expr.Value{}, err
	}
	t, err := s.env.Types.TypeByName("struct task_struct *")
	if err != nil {
		return expr.Value{}, errors.Join(errors.New("find the type of current"), err)
	}
	return expr.Unsigned(uint64(task.Addr)).Cast(t)
}

// Monitor runs a command of QEMU's monitor.
func (d *Debugger) Monitor(ctx context.Context, command string) (out string, err error) {
	err = d.S.Do(ctx, func(ctx context.Context, v *session.Stopped) error {
		out, err = v.Monitor(ctx, command)
		return err
	})
	return out, err
}

// maxCompletions bounds what is offered for a beginning.
const maxCompletions = 50

// Complete offers the functions that begin with prefix.
func (d *Debugger) Complete(ctx context.Context, prefix string) (out []string) {
	_ = d.S.Do(ctx, func(_ context.Context, v *session.Stopped) error {
		if v.World != nil {
			out = v.World.Symbols.Vmlinux().Complete(prefix, maxCompletions)
		}
		return nil
	})
	return out
}
