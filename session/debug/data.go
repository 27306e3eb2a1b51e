package debug

import (
	"context"
	"fmt"

	"ktrap/session"
	"ktrap/session/kernel"
	"ktrap/session/report"
	"ktrap/symbols"
	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
	"ktrap/symbols/disasm"
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
	place := d.place()
	mem := place.memory(ctx, v)
	for _, name := range []string{"eflags", "cs", "ss", "ds", "es", "fs", "gs", "fs_base", "gs_base", "k_gs_base", "cr0", "cr2", "cr3", "cr4"} {
		switch value, ok := session.FrameRegister(f, name, mem, regs); {
		case name == "eflags" && !f.Interrupted:
			out.AddUnknown(name)
		case ok:
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

// Source gives the text around a place, n lines on each side: that of the
// selected level for an empty where, else as Resolve takes it.
// Errors: wraps symbols.ErrNoSource; the location is known all the same.
func (d *Debugger) Source(ctx context.Context, where string, n int) (out Listing, err error) {
	err = d.do(ctx, func(ctx context.Context, v *session.Stopped) error {
		w, err := v.Kernel()
		if err != nil {
			return err
		}
		at := d.place()
		pc, level := at.Frame.LookupPC(), at.Inline
		if where != "" {
			places, err := d.Resolve(ctx, v, where)
			if err != nil {
				return err
			}
			pc, level = places[0], 0
		}
		levels, reason := w.Symbols.Locate(pc)
		if level >= len(levels) {
			return fmt.Errorf("list %v: %v", pc, reason)
		}
		out.Location = levels[level]
		out.Lines, err = v.SourceAround(out.Location, n)
		return err
	})
	return out, err
}

// SourceOf gives the text around a location, n lines on each side.
// Errors: wraps symbols.ErrNoSource.
func (d *Debugger) SourceOf(ctx context.Context, l symbols.Location, n int) (out Listing, err error) {
	err = d.do(ctx, func(_ context.Context, v *session.Stopped) error {
		if _, err := v.Kernel(); err != nil {
			return err
		}
		out.Location = l
		out.Lines, err = v.SourceAround(l, n)
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
		p := d.place()
		at, out = addr.Addr(raw), make([]byte, n)
		return p.memory(ctx, v).ReadMemory(out, at)
	})
	return at, out, err
}

// Symbol names what lies at an address, func+0x10 [module]; empty if nothing does.
func (d *Debugger) Symbol(a addr.Addr) (name string) {
	_ = d.S.Do(context.Background(), func(_ context.Context, v *session.Stopped) error {
		if v.World != nil {
			name = v.World.SymbolName(a)
		}
		return nil
	})
	return name
}

// Code lists n instructions at what an expression gives.
func (d *Debugger) Code(ctx context.Context, what string, n int) (out []disasm.Instruction, err error) {
	err = d.do(ctx, func(ctx context.Context, v *session.Stopped) error {
		w, err := v.Kernel()
		if err != nil {
			return err
		}
		value, err := d.evalIn(ctx, v, what)
		if err != nil {
			return err
		}
		raw, err := value.Uint()
		if err != nil {
			return err
		}
		at, place := addr.Addr(raw), d.place()
		code := make([]byte, n*maxInstruction)
		for err = place.memory(ctx, v).ReadMemory(code, at); err != nil && len(code) > 1; {
			code = code[:len(code)/2] // it may end before unmapped memory
			err = place.memory(ctx, v).ReadMemory(code, at)
		}
		if err != nil {
			return err
		}
		out = disasm.Disassemble(code, at, at, w.SymbolName)
		for i := range out {
			out[i].Marked = out[i].Addr == place.Frame.PC
		}
		out = out[:min(n, len(out))]
		return nil
	})
	return out, err
}

// Kernel is what is known of the running kernel as a whole.
type Kernel struct {
	Release, BuildID, How string // How the slide was found
	Slide                 addr.Slide
	CPUs, Modules         int
	Vmlinux               string
	Unproven              error // as in Who
}

// Kernel describes the running kernel.
func (d *Debugger) Kernel(ctx context.Context) (out Kernel, err error) {
	err = d.do(ctx, func(ctx context.Context, v *session.Stopped) error {
		w, err := v.Kernel()
		if err != nil {
			return err
		}
		cpus, err := v.Target.CPUs(ctx)
		k := w.Kernel
		out = Kernel{
			Release: k.Release, BuildID: k.BuildID, How: fmt.Sprint(k.How), Slide: k.Slide,
			CPUs: len(cpus), Modules: len(w.Symbols.Modules()), Vmlinux: w.Symbols.Vmlinux().Path(), Unproven: w.Unproven(),
		}
		return err
	})
	return out, err
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
