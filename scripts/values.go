package scripts

import (
	"context"
	"debug/dwarf"
	"fmt"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"ktrap/session"
	"ktrap/session/expr"
	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
	"ktrap/symbols/types"
)

// argumentRegs carry the first six arguments of a function at its entry.
// Source: System V AMD64 psABI, "Parameter Passing".
var argumentRegs = []cfi.Reg{cfi.RDI, cfi.RSI, cfi.RDX, cfi.RCX, cfi.R8, cfi.R9}

// newHit is what a handler gets: where, which CPU and task, arguments and
// registers. Variables are read with eval().
func (h *Host) newHit(ctx context.Context, l *lease, where string) starlark.Value {
	args := make([]starlark.Value, len(argumentRegs))
	for i, r := range argumentRegs {
		v, _ := l.Frame.Regs.Get(r)
		args[i] = starlark.MakeUint64(v)
	}
	regs := starlark.NewDict(int(cfi.NumRegs))
	for r := range cfi.NumRegs {
		if v, ok := l.Frame.Regs.Get(r); ok {
			_ = regs.SetKey(starlark.String(r.String()), starlark.MakeUint64(v)) // a fresh dict takes any string
		}
	}
	d := starlark.StringDict{
		"where": starlark.String(where), "pc": starlark.MakeUint64(uint64(l.Frame.PC)),
		"cpu": starlark.MakeInt(l.CPU.Index), "args": starlark.NewList(args), "regs": regs,
		"pid": starlark.None, "comm": starlark.None,
	}
	if w := l.v.World; w != nil {
		if t, err := w.Kernel.Current(ctx, l.CPU); err == nil {
			d["pid"], d["comm"] = starlark.MakeInt(t.PID), starlark.String(t.Comm)
		}
	}
	return starlarkstruct.FromStringDict(starlark.String("hit"), d)
}

// newCrash is what an on_crash handler gets.
func newCrash(c *session.Crash) starlark.Value {
	r := c.Report
	var frames []starlark.Value
	for _, f := range r.Frames {
		frames = append(frames, starlarkstruct.FromStringDict(starlark.String("frame"), starlark.StringDict{
			"func": starlark.String(f.Func), "offset": starlark.MakeUint64(f.Offset), "size": starlark.MakeUint64(f.Size),
			"module": starlark.String(f.Module), "file": starlark.String(f.File), "line": starlark.MakeInt(f.Line),
			"inlined": starlark.Bool(f.Inlined),
		}))
	}
	return starlarkstruct.FromStringDict(starlark.String("crash"), starlark.StringDict{
		"title": starlark.String(r.Title), "cls": starlark.String(r.Class), "cpu": starlark.MakeInt(r.CPU),
		"pid": starlark.MakeInt(r.PID), "comm": starlark.String(r.Comm), "path": starlark.String(c.Path),
		"frames": starlark.NewList(frames), "log": starlark.String(r.Log),
	})
}

// toStarlark turns a value of the guest into a number, a string, or, for
// structs and the like, the text that gdb would print.
func toStarlark(v expr.Value) (starlark.Value, error) {
	if s, err := v.Text(); err == nil {
		return starlark.String(s), nil
	}
	if n, err := v.Int(); err == nil {
		if n < 0 && unsigned(v) {
			return starlark.MakeUint64(uint64(n)), nil
		}
		return starlark.MakeInt64(n), nil
	}
	return starlark.String(v.Format(nil)), nil
}

// unsigned reports whether a value's type is unsigned or a pointer.
func unsigned(v expr.Value) bool {
	switch types.Strip(v.Type()).(type) {
	case *dwarf.IntType, *dwarf.CharType, *dwarf.EnumType:
		return false
	}
	return true
}

// toAddr takes an address from a script.
func toAddr(n starlark.Int) (addr.Addr, error) {
	v, ok := n.Uint64()
	if !ok {
		return 0, fmt.Errorf("%v is no address", n)
	}
	return addr.Addr(v), nil
}

func (h *Host) tasks(t *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	if err := starlark.UnpackArgs("tasks", args, kw); err != nil {
		return nil, err
	}
	var out []starlark.Value
	err := h.look(contextOf(t), func(ctx context.Context, l *lease) error {
		w, err := l.v.Kernel()
		if err != nil {
			return err
		}
		list, err := w.Kernel.Tasks(ctx)
		for _, k := range list {
			out = append(out, starlarkstruct.FromStringDict(starlark.String("task"), starlark.StringDict{
				"pid": starlark.MakeInt(k.PID), "tgid": starlark.MakeInt(k.TGID), "comm": starlark.String(k.Comm),
				"state": starlark.String(k.State.Letter()), "cpu": starlark.MakeInt(k.CPU),
				"kthread": starlark.Bool(k.Kthread), "addr": starlark.MakeUint64(uint64(k.Addr)),
			}))
		}
		return err
	})
	return starlark.NewList(out), err
}

func (h *Host) backtrace(t *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	if err := starlark.UnpackArgs("backtrace", args, kw); err != nil {
		return nil, err
	}
	var out []starlark.Value
	err := h.look(contextOf(t), func(ctx context.Context, l *lease) error {
		frames, err := l.v.Frames(ctx, l.CPU)
		for i := range frames {
			for _, f := range l.v.World.ReportFrame(&frames[i], i == 0) {
				if f.Inlined || f.Func == "" {
					continue
				}
				text := fmt.Sprintf("%s+%#x/%#x", f.Func, f.Offset, f.Size)
				if f.Module != "" {
					text += " [" + f.Module + "]"
				}
				out = append(out, starlark.String(text))
			}
		}
		if len(out) > 0 {
			return nil // a stack that ends early is still a stack
		}
		return err
	})
	return starlark.NewList(out), err
}
