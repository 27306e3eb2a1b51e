package session

import (
	"context"
	"encoding/binary"
	"fmt"

	"ktrap/session/kernel"
	"ktrap/session/report"
	"ktrap/session/target"
	"ktrap/session/unwind"
	"ktrap/symbols"
	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
)

// World is what is known of the running kernel: a snapshot, replaced as a whole
// when modules come or go. It is safe for concurrent use.
type World struct {
	Kernel   *kernel.Kernel
	Symbols  *symbols.Symbolizer
	Unwinder *unwind.Unwinder
	finder   *symbols.ModuleFinder
	parts    map[string]part // by module and place
	modules  string          // fingerprint of the module list this was built from
	missing  []file          // debug information of modules that is not on this host
}

// Unproven says why vmlinux is not known to be the running kernel's, which only
// --force allows; nil if it is.
func (w *World) Unproven() error {
	if w.Kernel.Mismatch == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", NotProven, w.Kernel.Mismatch)
}

// frames walks a stack to its end.
// Errors: *unwind.StopError if it ends early; the frames before it are returned.
func frames(u *unwind.Unwinder, start unwind.Frame, mem target.Memory) ([]unwind.Frame, error) {
	var list []unwind.Frame
	for f, err := range u.FramesFrom(start, mem) {
		if err != nil {
			return list, err
		}
		list = append(list, f)
	}
	return list, nil
}

// Frames walks the stack of a CPU as it stands.
func (v *Stopped) Frames(ctx context.Context, cpu target.CPU) ([]unwind.Frame, error) {
	if _, err := v.Kernel(); err != nil {
		return nil, err
	}
	regs, err := v.Target.Regs(ctx, cpu)
	if err != nil {
		return nil, err
	}
	return v.walk(ctx, cpu, unwind.Frame{PC: regs.PC(), Regs: regs.CFI(), Interrupted: true})
}

// TaskFrames walks the stack of a task that is not running.
func (v *Stopped) TaskFrames(ctx context.Context, t kernel.Task) ([]unwind.Frame, error) {
	w, err := v.Kernel()
	if err != nil {
		return nil, err
	}
	mem := v.Target.Memory(ctx)
	start, err := unwind.Inactive(mem, t.SP, w.symbolStart("ret_from_fork_asm", "ret_from_fork"))
	if err != nil {
		return nil, err
	}
	u := *w.Unwinder
	if s, err := w.Kernel.TaskStack(t); err == nil {
		u.Stack = stackFinder([]kernel.Stack{s})
	}
	return frames(&u, start, mem)
}

// symbolStart gives the address of the first name that exists, 0 if none does.
func (w *World) symbolStart(names ...string) addr.Addr {
	for _, n := range names {
		if f := w.Symbols.Find(n); len(f) > 0 {
			return f[0].Start
		}
	}
	return 0
}

// ReportFrames turns frames into those of a report: one per inline level.
func (w *World) ReportFrames(frames []unwind.Frame) []report.Frame {
	var out []report.Frame
	for i := range frames {
		out = append(out, w.ReportFrame(&frames[i], i == 0)...)
	}
	return out
}

// ReportFrame gives the levels of one physical frame. Names and offsets of the
// physical level are those that the kernel prints: the symbol is that of
// LookupPC, the offset that of the pc itself.
func (w *World) ReportFrame(f *unwind.Frame, first bool) []report.Frame {
	base := report.Frame{Kind: frameKind(f, first), Addr: report.Hex(f.PC), Reliable: f.Reliable(), Context: f.Stack}
	if f.User {
		return []report.Frame{base}
	}
	at := f.LookupPC()
	levels, reason := w.Symbols.Locate(at)
	if len(levels) == 0 {
		base.Note = reason.String()
		return []report.Frame{base}
	}
	out := make([]report.Frame, 0, len(levels))
	for i, l := range levels {
		r := base
		r.Func, r.File, r.Line, r.Inlined, r.Module = l.Func, l.File, l.Line, l.Inlined, l.Module
		r.CallFile, r.CallLine = l.CallFile, l.CallLine
		if i == len(levels)-1 {
			if fn, ok := w.Symbols.Func(at); ok {
				r.Func, r.Size, r.Offset, r.Module = fn.Name, fn.Size, uint64(f.PC-fn.Start), fn.Module
			}
		}
		out = append(out, r)
	}
	return out
}

func frameKind(f *unwind.Frame, first bool) report.Kind {
	switch {
	case f.User:
		return report.User
	case first && f.Interrupted:
		return report.Fault
	case f.Kind == cfi.FullRegs || f.Kind == cfi.PartialRegs:
		return report.Boundary
	}
	return report.Call
}

// eflagsOffset is pt_regs.flags.
// Source: linux arch/x86/include/asm/ptrace.h; entry code fixes the layout.
const eflagsOffset = 144

// FrameRegister gives a register of a frame by gdb's name.
func FrameRegister(f *unwind.Frame, name string, mem target.Memory, cpu *target.Regs) (uint64, bool) {
	if n, ok := cfi.RegByName(name); ok {
		return f.Regs.Get(n)
	}
	if name == "eflags" && f.RegsAt != 0 {
		var b [8]byte
		if mem.ReadMemory(b[:], f.RegsAt+eflagsOffset) == nil {
			return le64(b[:]), true
		}
		return 0, false
	}
	return cpu.Get(name)
}

func le64(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// SymbolName prints an address as func or func+0xoff, with its module; empty if
// no symbol covers it.
func (w *World) SymbolName(a addr.Addr) string {
	f, ok := w.Symbols.Func(a)
	if !ok {
		return ""
	}
	name := f.Name
	if f.Off != 0 {
		name += fmt.Sprintf("+%#x", f.Off)
	}
	if f.Module != "" {
		name += " [" + f.Module + "]"
	}
	return name
}
