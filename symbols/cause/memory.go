package cause

import (
	"fmt"
	"strings"

	"golang.org/x/arch/x86/x86asm"
)

// Op is what an instruction does to memory.
type Op string

// What instructions do to memory.
const (
	Read    Op = "read"
	Write   Op = "write"
	Modify  Op = "read and write" // one access of both kinds; the CPU reports a write
	Execute Op = "execute"
	Touch   Op = "access" // read or write, nobody knows
	Free    Op = "free"   // of a whole object
)

// Access is one access to memory.
type Access struct {
	Op      Op
	Size    int    // bytes; 0 if it is not fixed
	Addr    uint64 // of the first byte
	Known   bool   // Addr is known
	Expr    string // how the address is computed: rax+0x10
	Verdict Verdict
	Offset  int64 // from the bad pointer that the verdict is about

	stack bool // implied by push, call, ret and their like
	terms []term
	disp  int64
}

// term is one register of an address.
type term struct {
	name  string
	value uint64
	known bool
	scale uint64
}

// holds reports whether an address is inside the access. The size of some is
// not fixed.
func (a *Access) holds(at uint64) bool {
	if a.Size == 0 {
		return a.Known && at-a.Addr < maxAccess
	}
	return a.Known && at-a.Addr < uint64(a.Size)
}

// maxAccess is more than XSAVE writes.
const maxAccess = 16 << 10

// accesses are those of the marked instruction, those that it names first.
func (e *explainer) accesses() []Access {
	if !e.known {
		return nil
	}
	var out []Access
	for i, arg := range e.inst.Args {
		m, ok := arg.(x86asm.Mem)
		if !ok {
			continue
		}
		if op := use(&e.inst, i); op != "" {
			a := Access{Op: op, Size: size(&e.inst)}
			e.locate(&a, m)
			out = append(out, a)
		}
	}
	if a, ok := e.stack(); ok {
		out = append(out, a)
	}
	return out
}

// locate computes where an operand lies.
func (e *explainer) locate(a *Access, m x86asm.Mem) {
	a.disp, a.Known = m.Disp, true
	if base := segmentBase(m.Segment); base != "" {
		a.add(e.term(base, 1))
	}
	if m.Base == x86asm.RIP {
		a.add(term{name: "rip", value: uint64(e.marked.End()), known: !e.Relative, scale: 1})
	} else if m.Base != 0 {
		a.add(e.term(wide(m.Base), 1))
	}
	if m.Index != 0 && m.Scale != 0 {
		a.add(e.term(wide(m.Index), uint64(m.Scale)))
	}
	switch e.inst.Op {
	case x86asm.XLATB:
		al := e.term("rax", 1)
		al.name, al.value = "al", al.value&0xff
		a.add(al)
	case x86asm.BT, x86asm.BTS, x86asm.BTR, x86asm.BTC:
		if bit, ok := e.inst.Args[1].(x86asm.Reg); ok {
			a.add(e.bits(bit, a.Size))
		}
	}
	if e.inst.Op == x86asm.POP && (m.Base == x86asm.RSP) {
		a.disp += int64(e.word()) // the address is that after the pop
	}
	a.sum(e.inst.AddrSize == 32)
}

func (a *Access) add(t term) {
	a.terms = append(a.terms, t)
	a.Known = a.Known && t.known
}

// sum computes the address and writes the computation.
func (a *Access) sum(short bool) {
	var words []string
	for _, t := range a.terms {
		a.Addr += t.value * t.scale
		if t.scale > 1 {
			words = append(words, fmt.Sprintf("%s*%d", t.name, t.scale))
		} else {
			words = append(words, t.name)
		}
	}
	a.Addr += uint64(a.disp)
	if short {
		a.Addr = uint64(uint32(a.Addr))
	}
	if !a.Known {
		a.Addr = 0
	}
	a.Expr = strings.Join(words, "+")
	switch {
	case a.Expr == "":
		a.Expr = fmt.Sprintf("%#x", uint64(a.disp))
	case a.disp != 0:
		a.Expr += fmt.Sprintf("%+#x", a.disp)
	}
}

func (e *explainer) term(name string, scale uint64) term {
	v, ok := e.reg(name)
	return term{name: name, value: v, known: ok, scale: scale}
}

// bits is the part of an address that a bit number in a register adds: bt and
// its like reach every bit behind their operand.
// Source: Intel SDM volume 2, BT, "bit offset operand".
func (e *explainer) bits(r x86asm.Reg, size int) term {
	t := e.term(wide(r), 1)
	v := int64(t.value)
	switch size {
	case 2:
		v = int64(int16(v))
	case 4:
		v = int64(int32(v))
	}
	n := int64(size) * 8
	if n == 0 {
		return t
	}
	words := v / n
	if v%n < 0 {
		words--
	}
	t.name, t.value = t.name+"/8", uint64(words*int64(size))
	return t
}

// stack is the access to the stack that an instruction implies.
func (e *explainer) stack() (Access, bool) {
	a := Access{Size: e.word(), Known: true, stack: true}
	base := "rsp"
	switch e.inst.Op {
	case x86asm.PUSH, x86asm.CALL, x86asm.PUSHF, x86asm.PUSHFQ, x86asm.ENTER:
		a.Op, a.disp = Write, -int64(a.Size)
	case x86asm.POP, x86asm.RET, x86asm.POPF, x86asm.POPFQ:
		a.Op = Read
	case x86asm.LRET:
		a.Op, a.Size = Read, 0
	case x86asm.IRETQ:
		a.Op, a.Size = Read, 5*8
	case x86asm.LEAVE:
		a.Op, base = Read, "rbp"
	default:
		return Access{}, false
	}
	a.add(e.term(base, 1))
	a.sum(false)
	return a, true
}

// word is what push and pop move.
func (e *explainer) word() int {
	if e.inst.DataSize == 16 {
		return 2
	}
	return 8
}

func segmentBase(r x86asm.Reg) string {
	switch r {
	case x86asm.FS:
		return "fs_base"
	case x86asm.GS:
		return "gs_base"
	}
	return ""
}
