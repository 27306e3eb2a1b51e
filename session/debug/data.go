package debug

import (
	"context"
	"fmt"

	"ktrap/session"
	"ktrap/session/disasm"
	"ktrap/session/kernel"
	"ktrap/session/report"
	"ktrap/session/target"
	"ktrap/symbols"
	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
)

// Registers gives the registers of the selected frame; those that its callees
// have overwritten are unknown.
func (d *Debugger) Registers(ctx context.Context) (out report.Registers, err error) {
	err = d.do(ctx, func(ctx context.Context, v *session.Stopped) error {
		out, err = d.registers(ctx, v)
		return err
	})
	return out, err
}

func (d *Debugger) registers(ctx context.Context, v *session.Stopped) (out report.Registers, err error) {
	f := d.frame()
	for r := range cfi.NumRegs {
		if value, ok := f.Regs.Get(r); ok {
			out.Add(r.String(), value)
		} else {
			out.AddUnknown(r.String())
		}
	}
	if d.task != nil {
		return out, nil
	}
	regs, err := v.Target.Regs(ctx, d.cpu)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"eflags", "cs", "ss", "fs_base", "gs_base", "k_gs_base", "cr0", "cr2", "cr3", "cr4"} {
		if value, ok := regs.Get(name); ok {
			out.Add(name, value)
		}
	}
	return out, nil
}

// Listing is source text around a place.
type Listing struct {
	Location symbols.Location
	Lines    []symbols.SourceLine
}

// Source gives the text around the selected level's line, n lines on each side.
// Errors: wraps symbols.ErrNoSource; the location is known all the same.
func (d *Debugger) Source(ctx context.Context, n int) (out Listing, err error) {
	err = d.do(ctx, func(ctx context.Context, v *session.Stopped) error {
		w, err := v.Kernel()
		if err != nil {
			return err
		}
		l := d.levels[d.level]
		first := d.level
		for first > 0 && d.levels[first-1].Phys == l.Phys {
			first--
		}
		levels, reason := w.Symbols.Locate(d.frame().LookupPC())
		if d.level-first >= len(levels) {
			return fmt.Errorf("list %v: %v", addr.Addr(l.Addr), reason)
		}
		out.Location = levels[d.level-first]
		out.Lines, err = v.SourceAround(out.Location, n)
		return err
	})
	return out, err
}

// codeWindow is how much code is listed when its function is not known, in bytes.
const codeWindow = 64

// Disassemble lists the code of the function that where names, or of the
// selected frame's if it is empty; the selected pc is marked.
func (d *Debugger) Disassemble(ctx context.Context, where string) (out []disasm.Instruction, err error) {
	err = d.do(ctx, func(ctx context.Context, v *session.Stopped) error {
		w, err := v.Kernel()
		if err != nil {
			return err
		}
		at := d.frame().PC
		if where != "" {
			places, err := d.Resolve(ctx, v, where)
			if err != nil {
				return err
			}
			at = places[0]
		}
		start, end := at, at+codeWindow
		if f, ok := w.Symbols.Func(at); ok && f.Size > 0 {
			start, end = f.Start, f.Start+addr.Addr(min(f.Size, 64<<10))
		}
		code := make([]byte, end-start)
		if err := v.Target.Memory(ctx).ReadMemory(code, start); err != nil {
			return err
		}
		out = disasm.Disassemble(code, start, at, w.SymbolName)
		return nil
	})
	return out, err
}

// Examine reads n bytes at what an expression gives.
func (d *Debugger) Examine(ctx context.Context, what string, n int) (at addr.Addr, out []byte, err error) {
	err = d.do(ctx, func(ctx context.Context, v *session.Stopped) error {
		value, err := d.evalIn(ctx, v, what)
		if err != nil {
			return err
		}
		raw, err := value.Uint()
		if err != nil {
			return err
		}
		at, out = addr.Addr(raw), make([]byte, n)
		return d.memory(ctx, v).ReadMemory(out, at)
	})
	return at, out, err
}

// memory is guest memory as the selected CPU sees it.
func (d *Debugger) memory(ctx context.Context, v *session.Stopped) target.Memory {
	if d.task != nil {
		return v.Target.Memory(ctx)
	}
	return v.Target.MemoryOf(ctx, d.cpu)
}

// Tasks lists the guest's tasks.
func (d *Debugger) Tasks(ctx context.Context) (out []kernel.Task, err error) {
	err = d.do(ctx, func(ctx context.Context, v *session.Stopped) error {
		w, err := v.Kernel()
		if err != nil {
			return err
		}
		out, err = w.Kernel.Tasks(ctx)
		return err
	})
	return out, err
}

// CPU is one CPU at the stop.
type CPU struct {
	Index    int
	Task     kernel.Task
	PC       addr.Addr
	Where    string
	User     bool
	Selected bool
}

// CPUs lists the guest's CPUs and what they run.
func (d *Debugger) CPUs(ctx context.Context) (out []CPU, err error) {
	err = d.do(ctx, func(ctx context.Context, v *session.Stopped) error {
		cpus, err := v.Target.CPUs(ctx)
		if err != nil {
			return err
		}
		for _, c := range cpus {
			regs, err := v.Target.Regs(ctx, c)
			if err != nil {
				return err
			}
			line := CPU{Index: c.Index, PC: regs.PC(), User: regs.UserMode(), Selected: d.task == nil && c.Index == d.cpu.Index}
			if w := v.World; w != nil {
				line.Where = w.SymbolName(regs.PC())
				line.Task, _ = w.Kernel.Current(ctx, c) // shown empty where it cannot be read
			}
			out = append(out, line)
		}
		return nil
	})
	return out, err
}

// Dmesg gives the kernel's log as dmesg prints it.
func (d *Debugger) Dmesg(ctx context.Context) (text []byte, err error) {
	err = d.do(ctx, func(ctx context.Context, v *session.Stopped) error {
		w, err := v.Kernel()
		if err != nil {
			return err
		}
		records, err := w.Kernel.Log(ctx)
		text = kernel.Dmesg(records)
		return err
	})
	return text, err
}

// Modules lists the loaded modules.
func (d *Debugger) Modules(ctx context.Context) (out []*symbols.Module, err error) {
	err = d.do(ctx, func(_ context.Context, v *session.Stopped) error {
		w, err := v.Kernel()
		if err != nil {
			return err
		}
		out = w.Symbols.Modules()
		return nil
	})
	return out, err
}
