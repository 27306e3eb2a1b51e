package debug

import (
	"context"
	"debug/dwarf"
	"encoding/binary"
	"slices"
	"strings"

	"golang.org/x/arch/x86/x86asm"

	"ktrap/session"
	"ktrap/session/expr"
	"ktrap/session/target"
	"ktrap/symbols"
	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
)

// spot is where a CPU stands, as far as stepping by line cares.
type spot struct {
	cpu   target.CPU
	pc    addr.Addr
	sp    uint64
	ret   addr.Addr // the word on top of the stack: the return address at a function's entry
	user  bool
	taken addr.Addr         // the instruction that an exception was taken at, if the CPU has just done so
	fn    addr.Addr         // start of the physical function
	chain []string          // the functions the code belongs to, outermost first, inlined ones included
	line  symbols.LineRange // zero where no line is known
	asm   bool              // written in assembly
	inst  x86asm.Inst       // zero where it cannot be decoded
	enter bool              // a call whose target a person would step into
}

// look describes where the CPU of the last stop stands.
func (d *Debugger) look(ctx context.Context) (p *spot, err error) {
	err = d.S.Do(ctx, func(ctx context.Context, v *session.Stopped) error {
		cpu, err := v.StopCPU(ctx)
		if err != nil {
			return err
		}
		p, err = spotOf(ctx, v, cpu)
		return err
	})
	return p, err
}

// lookAt describes where a CPU stands.
func (d *Debugger) lookAt(ctx context.Context, cpu target.CPU) (p *spot, err error) {
	err = d.S.Do(ctx, func(ctx context.Context, v *session.Stopped) error {
		p, err = spotOf(ctx, v, cpu)
		return err
	})
	return p, err
}

func spotOf(ctx context.Context, v *session.Stopped, cpu target.CPU) (*spot, error) {
	w, err := v.Kernel()
	if err != nil {
		return nil, err
	}
	regs, err := v.Target.Regs(ctx, cpu)
	if err != nil {
		return nil, err
	}
	p := &spot{cpu: cpu, pc: regs.PC(), sp: uint64(regs.SP()), user: regs.UserMode()}
	mem := v.Target.MemoryOf(ctx, cpu)
	levels, _ := w.Symbols.Locate(p.pc)
	for _, l := range levels {
		p.chain = append(p.chain, l.Func)
	}
	slices.Reverse(p.chain)
	if f, ok := w.Symbols.Func(p.pc); ok && w.Symbols.IsText(p.pc) {
		p.fn = f.Start
	}
	if r, ok := w.Symbols.LineRange(p.pc); ok && r.Line != 0 {
		p.line, p.asm = r, isAssembly(r.File)
	}
	p.stack(mem)
	p.inst = decode(mem, p.pc)
	p.enter = p.inst.Op == x86asm.CALL && worthEntering(w, p)
	return p, nil
}

// stack reads what lies on top of the stack. Right after an exception that is
// [error code], rip, cs; a call pushes another rip than that of the call.
// Source: Intel SDM volume 3, "Exception- or Interrupt-Handler Procedures".
func (p *spot) stack(mem target.Memory) {
	var raw [24]byte
	if mem.ReadMemory(raw[:], addr.Addr(p.sp)) != nil {
		return
	}
	word := func(i int) uint64 { return binary.LittleEndian.Uint64(raw[8*i:]) }
	p.ret = addr.Addr(word(0))
	switch {
	case word(1) == kernelCS:
		p.taken = addr.Addr(word(0))
	case word(2) == kernelCS:
		p.taken = addr.Addr(word(1))
	}
}

// kernelCS is the selector of kernel code, __KERNEL_CS.
// Source: linux arch/x86/include/asm/segment.h.
const kernelCS = 0x10

// next is the address of the following instruction.
func (p *spot) next() addr.Addr { return p.pc + addr.Addr(p.inst.Len) }

// repeats reports an instruction that a step would take once more and once more.
func (p *spot) repeats() bool {
	return slices.Contains(p.inst.Prefix[:], x86asm.PrefixREP) || slices.Contains(p.inst.Prefix[:], x86asm.PrefixREPN)
}

// isAssembly reports a source file of assembly: nobody steps into it by line.
func isAssembly(file string) bool { return strings.HasSuffix(file, ".S") }

// thunk is how the names of retpolines begin: the call goes on to the function
// that was meant.
const thunk = "__x86_indirect_thunk"

// worthEntering reports whether a call goes where there are lines of C. The
// target of an indirect call is not known: it is entered and looked at.
func worthEntering(w *session.World, p *spot) bool {
	rel, ok := p.inst.Args[0].(x86asm.Rel)
	if !ok {
		return true
	}
	to := p.next() + addr.Addr(int64(rel))
	if f, ok := w.Symbols.Func(to); ok && strings.HasPrefix(f.Name, thunk) {
		return true
	}
	r, ok := w.Symbols.LineRange(to)
	return ok && r.Line != 0 && !isAssembly(r.File)
}

// maxInstruction is the longest x86 instruction, in bytes.
const maxInstruction = 15

// decode reads the instruction at pc, which may be the last one before
// unmapped memory.
func decode(mem target.Memory, pc addr.Addr) x86asm.Inst {
	for n := maxInstruction; n > 0; n-- {
		buf := make([]byte, n)
		if mem.ReadMemory(buf, pc) != nil {
			continue
		}
		in, err := x86asm.Decode(buf, 64)
		if err != nil {
			return x86asm.Inst{}
		}
		return in
	}
	return x86asm.Inst{}
}

// returnValue formats rax as what the function returns, if that is known and
// fits one register.
func returnValue(ctx context.Context, v *session.Stopped, at Place, f symbols.Func) string {
	im, _, ok := v.World.Symbols.Home(f.Start)
	rax, known := at.Frame.Regs.Get(cfi.RAX)
	if !ok || !known {
		return ""
	}
	fn, err := im.Types().Function(f.Name)
	if err != nil {
		return ""
	}
	t, ok := fn.Type.(*dwarf.FuncType)
	if !ok || t.ReturnType == nil {
		return ""
	}
	if size := t.ReturnType.Size(); size < 1 || size > 8 {
		return ""
	}
	raw := binary.LittleEndian.AppendUint64(nil, rax)[:t.ReturnType.Size()]
	return expr.Raw(t.ReturnType, raw).In(Env(ctx, v, at)).Format(nil)
}
