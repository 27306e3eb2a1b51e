package session

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"

	"ktrap/rsp"
	"ktrap/session/gdbview"
	"ktrap/session/report"
	"ktrap/session/target"
	"ktrap/session/unwind"
	"ktrap/symbols/cfi"
)

// registers answers g, G, p and P. Those of a task that runs are its CPU's;
// those of one that sleeps were saved when it was switched away from, and those
// of a crash when it happened: neither can be written.
func (g *gdbClient) registers(ctx context.Context, p string, now *moment) {
	var reply []byte
	err := g.lookAt(ctx, now.thread, now, func(ctx context.Context, v *Stopped, at place) (err error) {
		switch {
		case at.runs && p != "g":
			reply = g.ask(at.cpu.Thread, []byte(p))
		case p[0] == 'G' || p[0] == 'P':
			reply = []byte("E.these registers are in memory, where they were saved: no CPU holds them")
		default:
			reply, err = v.savedRegisters(ctx, at, p)
		}
		return err
	})
	if err != nil {
		reply = errorReply(nil, err)
	}
	g.reply(reply)
}

// savedRegisters is the reply to g, or to p with a number.
func (v *Stopped) savedRegisters(ctx context.Context, at place, p string) ([]byte, error) {
	desc, err := v.Target.Description(ctx)
	if err != nil {
		return nil, err
	}
	value, err := v.saved(ctx, at)
	if err != nil {
		return nil, err
	}
	if p[0] == 'g' {
		return gdbview.Registers(desc.Registers, value), nil
	}
	n, err := strconv.ParseUint(p[1:], 16, 31)
	if err != nil {
		return nil, fmt.Errorf("parse register %q: %w", p, err)
	}
	for _, r := range desc.Registers {
		if r.Num == int(n) {
			return gdbview.Register(r, value), nil
		}
	}
	return nil, fmt.Errorf("no register has number %d", n)
}

// expedited gives the registers with which gdb shows a stop, to be sent together with
// it: gdb asks for all of them else. None if they cannot be had, of which gdb then hears, or
// if gdb has not read how they are numbered.
func (v *Stopped) expedited(ctx context.Context, t *telling, at place) (regs []rsp.ExpeditedReg) {
	desc, err := v.Target.Description(ctx)
	if err != nil || !t.described || v.World == nil && !at.runs {
		return nil
	}
	value, err := v.saved(ctx, at)
	if err != nil {
		return nil
	}
	for _, r := range desc.Registers {
		if r.Num >= expeditedRegisters {
			break
		}
		if raw, ok := value(r); ok {
			if n := (r.Bits + 7) / 8; len(raw) != n { // gdb drops a whole stop for one of another size
				sized := make([]byte, n)
				copy(sized, raw)
				raw = sized
			}
			regs = append(regs, rsp.ExpeditedReg{N: r.Num, Value: raw})
		}
	}
	return regs
}

// saved gives the registers of a thread.
func (v *Stopped) saved(ctx context.Context, at place) (func(target.Register) ([]byte, bool), error) {
	if at.runs { // read once for gdb and ktrap
		regs, err := v.Target.Regs(ctx, at.cpu)
		return func(r target.Register) ([]byte, bool) { return regs.Bytes(r.Name) }, err
	}
	if !at.crash {
		regs, err := v.World.Kernel.BlockedRegs(ctx, at.task)
		if err != nil { // as of a task that is dead; gdb would end its list of threads at an error
			v.log.Debug("read the registers of a task", "pid", at.task.PID, "err", err)
			return nowhere, nil
		}
		return func(r target.Register) ([]byte, bool) { return blockedRegister(&regs, r.Name) }, nil
	}
	frame := v.crashFrame()
	if frame == nil {
		return nil, errNoThread
	}
	cpu, err := v.Target.Regs(ctx, at.cpu)
	if err != nil {
		return nil, err
	}
	mem := v.Target.Memory(ctx)
	return func(r target.Register) ([]byte, bool) { return crashRegister(frame, r.Name, mem, cpu) }, nil
}

// nowhere is a thread of which no register is known. gdb cannot go on from one without
// a pc, so it has one.
func nowhere(r target.Register) ([]byte, bool) {
	return word(0), r.Name == "rip" || r.Name == "rsp"
}

// expeditedRegisters is how many registers QEMU's description has before those of the
// FPU and of the system: rax to r15, rip, eflags, and six selectors.
const expeditedRegisters = 24

// Segments of kernel code. Source: linux arch/x86/include/asm/segment.h.
var kernelSegments = map[string]uint64{"cs": 0x10, "ss": 0x18}

func blockedRegister(regs *cfi.Regs, name string) ([]byte, bool) {
	if s, ok := kernelSegments[name]; ok {
		return word(s), true
	}
	n, ok := cfi.RegByName(name)
	if !ok {
		return nil, false
	}
	u, ok := regs.Get(n)
	return word(u), ok
}

// crashRegister gives a register of the crash's context. gdb takes the pc of a
// thread for the next instruction to run, so a return address becomes one within
// the call.
func crashRegister(f *unwind.Frame, name string, mem target.Memory, cpu *target.Regs) ([]byte, bool) {
	if name == "rip" {
		return word(uint64(f.LookupPC())), true
	}
	if u, ok := FrameRegister(f, name, mem, cpu); ok {
		return word(u), true
	}
	if _, general := cfi.RegByName(name); general {
		return nil, false // not known in this frame
	}
	return cpu.Bytes(name)
}

func word(u uint64) []byte { return binary.LittleEndian.AppendUint64(nil, u) }

// crashFrame is the frame in which the crash happened that the guest stands at:
// that of the fault, else that of the function which the title blames. Nil if none
// is known.
func (v *Stopped) crashFrame() *unwind.Frame {
	c := v.LastStop().Crash
	if t := &v.threads; t.crash != c {
		t.crash, t.crashed = c, nil
		if c != nil && v.World != nil {
			t.crashed = v.blamedFrame(c)
		}
	}
	return v.threads.crashed
}

func (v *Stopped) blamedFrame(c *Crash) *unwind.Frame {
	for i := range c.Frames {
		f := &c.Frames[i]
		if f.User {
			continue
		}
		if i == 0 && f.Kind == cfi.FullRegs {
			return f
		}
		levels, _ := v.World.Symbols.Locate(f.LookupPC())
		for _, l := range levels {
			if report.IsFunc(l.Func, c.Report.Guilty) {
				return f
			}
		}
	}
	return nil
}
