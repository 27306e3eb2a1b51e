package cause

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"ktrap/symbols/addr"
	"ktrap/symbols/disasm"
	"ktrap/symbols/oops"
)

// Place says where the code of an oops lies, for who has symbols.
type Place struct {
	PC addr.Addr // of RIP; 0 if that is not known
	// Linked is set where PC and the addresses that Name takes are those of vmlinux:
	// nothing is computed from them.
	Linked bool
	Name   func(addr.Addr) string // may be nil
	// Names makes Name for code that lies at base, where it depends on that. May be nil.
	Names func(code []byte, base addr.Addr) func(addr.Addr) string
	// Member is that of Input. May be nil.
	Member func(p Pointer, offset int64) string
	// Text gives the code of the file from PC on, where the log has none. May be nil.
	Text func() []byte
	// Levels gives function, file and line of the inlined levels of a frame and of the
	// frame, innermost first; none if that is not known. May be nil.
	Levels func(*oops.Frame) []oops.Frame
}

// FromOops explains the fault of a parsed oops from its own text. It is false if
// no registers of a fault in the kernel were printed, which the stack protector
// and KASAN do not need.
// p, which may be nil, says where RIP is; without it addresses of the listing
// count from the beginning of the function, unless RIP was printed as a number.
// For processors other than x86-64 there is a listing, and a sentence only from
// the address that the kernel gave.
func FromOops(o *oops.Oops, p *Place) (Cause, bool) {
	if hasWords(o) {
		return FromWords(o, p)
	}
	b := faultBlock(o)
	if f := ParseFault(string(o.Report)); f.Kind == StackProtector {
		return Cause{Text: f.canary()}, true
	} else if b == nil {
		return Cause{}, false
	}
	fault, after := around(o, b)
	fault.message(o)
	text := b.Code
	if text == "" {
		text = lateCode(after)
	}
	code, _ := ParseCode(text)
	in := Input{Code: code.Bytes, Fault: fault, Reg: registers(b)}
	in.place(b, p)
	if code.Mark < 0 && code.Word == 1 {
		in.Code = nil // nobody knows where the instruction is
	}
	code.cut(&b.RIP)
	in.Base = in.PC - addr.Addr(max(0, code.Mark))
	if len(in.Code) > 0 {
		in.Code = code.Bytes
	}
	if p != nil && p.PC != 0 && p.Names != nil {
		in.Name = p.Names(in.Code, in.Base)
	}
	if _, x86 := b.Reg("rsp"); x86 && code.Word <= 1 {
		if len(in.Code) == 0 && p != nil && p.PC != 0 && p.Text != nil {
			if c, ok := fromFile(in, p.Text()); ok {
				return c, true
			}
		}
		return Explain(&in), true
	}
	return foreign(&in, b, code), true
}

// fromFile explains a fault by the instruction that the file has at its place. The
// kernel patches its code, so what the log says must fit it.
func fromFile(in Input, text []byte) (Cause, bool) {
	in.Code, in.Base = text, in.PC
	c := Explain(&in)
	if len(c.Listing) == 0 || !c.Listing[0].Marked {
		return Cause{}, false
	}
	c.Listing, c.FromFile = c.Listing[:1], true
	switch in.Fault.Kind {
	case PageFault, GeneralProtection, StackSegment:
		a := c.Access
		ok := a != nil && a.Known && len(a.terms) > 0 && in.Fault.HasAddr && a.holds(in.Fault.Addr)
		return c, ok && !slices.ContainsFunc(a.terms, func(t term) bool { return !t.known })
	case Bug, Warning:
		return c, strings.HasPrefix(c.Listing[0].Text, "ud")
	case Divide:
		return c, strings.Contains(c.Text, "by zero")
	}
	return Cause{}, false
}

// FaultOf reads what the kernel said about the fault of a parsed oops.
func FaultOf(o *oops.Oops) Fault {
	b := faultBlock(o)
	if b == nil {
		return ParseFault(string(o.Report))
	}
	f, _ := around(o, b)
	f.message(o)
	return f
}

// cutHere begins warnings. The message of WARN(), if it has one, is the next line,
// and the head of the crash the one after it.
const cutHere = "[ cut here ]------------\n"

// message adds what a warning says, which is printed before its head.
func (f *Fault) message(o *oops.Oops) {
	before, _, ok := bytes.Cut(o.ReportText, []byte(o.Head))
	i := bytes.LastIndex(before, []byte(cutHere))
	if f.Kind != Warning || !ok || i < 0 {
		return
	}
	lines := strings.Split(string(before[i+len(cutHere):]), "\n")
	if len(lines) == 2 && lines[1] == "" {
		f.Detail += said(strings.TrimSpace(lines[0]))
	}
}

// faultBlock is the first set of registers of the kernel that was printed with an
// instruction pointer: those of the fault.
func faultBlock(o *oops.Oops) *oops.Block {
	for i := range o.Traces {
		if b := firstKernel(o.Traces[i].Blocks); b != nil {
			return b
		}
	}
	return firstKernel(o.Blocks)
}

func firstKernel(list []oops.Block) *oops.Block {
	for i := range list {
		if b := &list[i]; !b.User && b.RIP.Raw != "" && len(b.Regs) > 0 {
			return b
		}
	}
	return nil
}

// around cuts the text of a crash at the registers of the fault and reads what
// the kernel said before, that of the last stack first: a report of lockdep may
// have come before the fault, and so may the stack of a panic between both.
func around(o *oops.Oops, b *oops.Block) (f Fault, after string) {
	text := string(o.Report)
	at := strings.Index(text, b.RIP.Raw)
	if at < 0 {
		return ParseFault(text), ""
	}
	for from := at; from > 0 && f.Kind == Unknown; {
		from = max(0, strings.LastIndex(text[:from], "Call Trace:"))
		f = ParseFault(text[from:at])
	}
	return f, text[at:]
}

// lateCode finds the code of a fault where kernels up to 4.19 print it: behind the
// stack, and not behind the instruction pointer as newer ones do, also for user mode.
func lateCode(text string) string {
	last := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if code, ok := strings.CutPrefix(line, "Code: "); ok && !strings.HasPrefix(last, "RIP:") {
			return code
		}
		last = line
	}
	return ""
}

// place fills PC and names.
func (in *Input) place(b *oops.Block, p *Place) {
	switch f := b.RIP; {
	case p != nil && p.PC != 0:
		in.PC, in.Relative, in.Name, in.Member = p.PC, p.Linked, p.Name, p.Member
	case f.Addr != 0 || f.Func == "":
		in.PC = addr.Addr(f.Addr)
	default:
		in.PC, in.Relative = addr.Addr(f.Off), true
		in.Name = func(a addr.Addr) string { return fmt.Sprintf("%s%+#x", f.Func, int64(a)) }
	}
}

// registers gives the registers of a block by their 64-bit names.
func registers(b *oops.Block) func(string) (uint64, bool) {
	return func(name string) (uint64, bool) {
		switch name {
		case "gs_base":
			name = "gs" // the kernel prints the base; the selector is in brackets
		case "fs_base":
			name = "fs"
		case "r8", "r9":
			if v, ok := b.Reg("r0" + name[1:]); ok {
				return v, true
			}
		}
		return b.Reg(name)
	}
}

// foreign lists the code of other processors.
func foreign(in *Input, b *oops.Block, code Code) Cause {
	var c Cause
	if _, arm64 := b.Reg("x0"); arm64 && code.Word == 4 {
		c.Listing = disasm.ARM64(in.Code, in.Base, in.PC, in.Name)
	} else if _, riscv := b.Reg("gp"); riscv && code.Word == 2 {
		c.Listing = disasm.RISCV64(in.Code, in.Base, in.PC, in.Name)
	} else if code.Word > 0 {
		c.Listing = disasm.Words(in.Code, code.Word, in.Base, in.PC)
	}
	in.hideNumbers(c.Listing)
	if f := in.Fault; f.Kind == PageFault && f.HasAddr {
		// The error code is not that of x86, nor are the halves of the address space.
		e := explainer{Input: &Input{Fault: Fault{Kind: PageFault}}}
		a := Access{Op: Touch, Addr: f.Addr, Known: true}
		if v := e.judgeAddress(f.Addr); v.kind == Null || v.kind == ErrorPointer || v.kind == Poison {
			a.Verdict, a.Offset = v.kind, v.offset
			c.Text = e.sentence(&a, v)
		} else {
			c.Text = e.what(&a)
		}
		c.Access = &a
	}
	return c
}

// hideNumbers takes numbers out of a listing that counts from the beginning of a
// function: only the names of targets say something.
func (in *Input) hideNumbers(list []disasm.Instruction) {
	if !in.Relative || int64(in.PC) < 0 {
		return
	}
	for i := range list {
		if t := list[i].Target; t != 0 {
			list[i].Text = strings.Replace(list[i].Text, fmt.Sprintf("%#x <", uint64(t)), "<", 1)
		}
	}
}
