package cause

import (
	"fmt"
	"strings"

	"golang.org/x/arch/x86/x86asm"

	"ktrap/symbols/addr"
	"ktrap/symbols/disasm"
)

// Input is what is known about a trap of x86-64.
type Input struct {
	Code []byte    // bytes around the instruction, as they run; may be empty
	Base addr.Addr // where Code begins
	PC   addr.Addr // what the trap left in rip
	// Relative is set where Base and PC are no run-time addresses, as for text that
	// prints only function and offset: nothing is computed from them.
	Relative bool
	// Reg gives a register by its 64-bit name: rax, r8, gs_base, cr2, cr4. May be nil.
	Reg   func(name string) (value uint64, known bool)
	Fault Fault
	// Name gives what stands at an address, such as foo+0x10; empty for nothing.
	// May be nil.
	Name  func(addr.Addr) string
	Areas Areas
	// Member names what lies behind a pointer, where that is certain, as Members
	// makes it. May be nil.
	Member func(p Pointer, offset int64) string
}

// Cause is why an instruction trapped.
type Cause struct {
	Text     string               // one sentence; empty if nothing is certain
	Listing  []disasm.Instruction // of all the code, with the instruction marked
	Operands []Operand            // of the marked instruction, in the order it names them
	Access   *Access              // nil if it trapped for another reason, or nobody knows
	FromFile bool                 // the listing is of the file, since nobody printed the code
}

// Operand is a register that the instruction read.
type Operand struct {
	Name  string // as in the instruction: ecx, not rcx
	Value uint64
	Known bool
}

// String gives it as it is put beside a listing: rax=0x10.
func (o Operand) String() string {
	if !o.Known {
		return o.Name + "=?"
	}
	return fmt.Sprintf("%s=%#x", o.Name, o.Value)
}

// Explain says why the instruction at in.PC trapped.
func Explain(in *Input) Cause {
	e := explainer{Input: in}
	c := Cause{Listing: disasm.Disassemble(in.Code, in.Base, in.PC, in.Name)}
	for i := range c.Listing {
		if c.Listing[i].Marked {
			e.at = i
			e.marked = &c.Listing[i]
			e.inst, e.known = e.marked.Decoded()
		}
	}
	e.list = c.Listing
	in.hideNumbers(c.Listing)
	c.Text, c.Access = e.explain()
	if e.known && e.ran(c.Access) {
		c.Operands = e.operands()
	}
	return c
}

// ran reports whether the marked instruction is what trapped: not if it could not
// be fetched, and not behind int3.
func (e *explainer) ran(a *Access) bool {
	return e.Fault.Kind != Breakpoint && (a == nil || a.Op != Execute || len(a.terms) > 0)
}

// explainer is one explanation on its way.
type explainer struct {
	*Input
	list   []disasm.Instruction
	at     int                 // of marked in list
	marked *disasm.Instruction // nil if the code does not hold it
	inst   x86asm.Inst
	known  bool // inst is that of marked
}

// explain tells the kinds of traps apart.
func (e *explainer) explain() (string, *Access) {
	switch e.Fault.Kind {
	case Bug, Warning, InvalidOpcode, CFI:
		return e.invalid(), nil
	case Breakpoint:
		return e.breakpoint(), nil
	case Divide:
		return e.divide(), nil
	case DoubleFault:
		return e.double()
	case ControlProtection:
		return e.Fault.Detail, nil
	case StackProtector:
		return e.Fault.canary(), nil
	case PageFault, StackGuard, Sanitizer:
		return e.pageFault()
	case GeneralProtection, StackSegment:
		return e.protection()
	case Interrupt:
		return "", nil
	}
	return e.obvious()
}

// obvious explains a trap of unknown kind where the instruction leaves no doubt.
func (e *explainer) obvious() (string, *Access) {
	if e.marked != nil && (strings.HasPrefix(e.marked.Text, "ud2") || strings.HasPrefix(e.marked.Text, "ud1")) {
		return e.invalid(), nil
	}
	if text := e.divide(); strings.Contains(text, "by zero") {
		return text, nil
	}
	for _, a := range e.accesses() {
		if v := e.judge(&a); v.bad() {
			a.Verdict, a.Offset = v.kind, v.offset
			return e.sentence(&a, v), &a
		}
	}
	return "", nil
}

func (e *explainer) reg(name string) (uint64, bool) {
	if e.Reg == nil {
		return 0, false
	}
	return e.Reg(name)
}

// name gives what stands at an address, in angle brackets; empty for nothing.
func (e *explainer) name(a uint64) string {
	if e.Name == nil || e.Relative {
		return ""
	}
	return e.Name(addr.Addr(a))
}
