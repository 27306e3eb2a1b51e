package cause

import (
	"fmt"
	"strings"

	"golang.org/x/arch/x86/x86asm"
)

// invalid explains an instruction that the CPU does not have: ud2 and ud1 on
// purpose, others by accident.
func (e *explainer) invalid() string {
	if e.marked == nil {
		return ""
	}
	word, _, _ := strings.Cut(e.marked.Text, " ")
	if e.marked.Bad {
		word = "these bytes"
	}
	switch kind, trap := e.ubsan(); {
	case trap:
		return word + ": UBSAN found " + kind
	case e.Fault.Kind == Bug:
		return word + ": BUG()" + e.place()
	case e.Fault.Kind == Warning:
		return word + ": WARN()" + e.place()
	case e.checksType():
		return word + ": kCFI refused an indirect call, the function has another type than the pointer"
	case e.Fault.Kind == CFI:
		return word + ": kCFI refused an indirect call" + e.place()
	case word == "ud2" && e.Fault.Kind == InvalidOpcode:
		return "ud2: no BUG() or WARN() that the kernel knows of"
	case word == "ud2" || word == "ud1":
		return word + ": BUG(), WARN() or another check that failed"
	case !e.marked.Bad:
		return "invalid opcode: the CPU does not have " + word + ", or it is turned off"
	}
	return "invalid opcode: the bytes are no instruction"
}

// place is what the kernel said about a check, usually file:line.
func (e *explainer) place() string {
	if e.Fault.Detail == "" {
		return ""
	}
	return " at " + e.Fault.Detail
}

// ubsan reads which check of UBSAN is behind an ud1, from its displacement.
// Sample: 67 0f b9 40 12 is ud1 0x12(%eax),%eax.
// Source: linux arch/x86/kernel/traps.c decode_bug, lib/ubsan.c report_ubsan_failure.
func (e *explainer) ubsan() (string, bool) {
	b := e.marked.Bytes
	if len(b) < 4 || b[0] != 0x67 || b[1] != 0x0f || b[2] != 0xb9 {
		return "", false
	}
	switch {
	case len(b) == 5 && b[3] == 0x40 && ubsanKinds[b[4]] != "":
		return ubsanKinds[b[4]], true
	case len(b) == 4 && b[3] == 0x00:
		return ubsanKinds[0], true
	}
	return "", false
}

// ubsanKinds lists clang's checks by number. Source: linux lib/ubsan.h.
var ubsanKinds = map[byte]string{
	0: "an overflow of an addition", 1: "code that cannot be reached", 2: "a call of a function of another type",
	3: "an overflow of a division", 4: "an object of another type", 5: "an overflow of a floating-point conversion",
	6: "a call of a function of another type", 7: "a conversion that changes the value", 8: "a bad argument of a builtin",
	9: "a bad cast", 10: "a value that its type does not have", 11: "a function without a return value",
	12: "an overflow of a multiplication", 13: "an overflow of a negation", 14: "a null argument", 15: "a null return value",
	16: "a null argument", 17: "a null return value", 18: "an array index out of bounds", 19: "an overflow of a pointer",
	20: "a shift out of bounds", 21: "an overflow of a subtraction", 22: "a null or misaligned pointer, or too small an object",
	23: "a misaligned pointer", 24: "a bad size of a variable-length array",
}

// checksType recognises what kCFI puts before an indirect call: the expected hash
// is compared with the four bytes before the function, and ud2 is skipped if equal.
// Sample: 41 ba 34 12 34 12  45 03 53 fc  74 02  0f 0b.
// Source: linux arch/x86/kernel/cfi.c decode_cfi_insn.
func (e *explainer) checksType() bool {
	if e.at < 3 || !e.known || e.inst.Op != x86asm.UD2 {
		return false
	}
	mov, add, jump := e.list[e.at-3].Bytes, e.list[e.at-2].Bytes, e.list[e.at-1].Bytes
	return len(mov) == 6 && mov[0] == 0x41 && mov[1] == 0xba &&
		len(add) >= 4 && add[0]&0xfe == 0x44 && add[1] == 0x03 && add[2]&0xf8 == 0x50 && int8(add[len(add)-1]) < 0 &&
		len(jump) == 2 && jump[0] == 0x74 && jump[1] == 0x02
}

// breakpoint explains int3. The CPU has gone past it. One that is not there stood
// there while the kernel patched itself, and the CPU ran the old code: seen in
// guests that QEMU 7.2 emulates with several threads.
func (e *explainer) breakpoint() string {
	if e.at == 0 || e.marked == nil {
		return "int3: a breakpoint that nobody handles"
	}
	if b := e.list[e.at-1].Bytes; b[len(b)-1] == 0xcc {
		return "int3: a breakpoint just before the marked instruction, that nobody handles"
	}
	return "int3: a breakpoint that is no longer there: it stood there while the kernel patched its code (emulated CPUs may run it too late)"
}

// divide explains a divide error.
func (e *explainer) divide() string {
	if !e.known || e.inst.Op != x86asm.DIV && e.inst.Op != x86asm.IDIV {
		return ""
	}
	word := strings.ToLower(e.inst.Op.String())
	if list := e.accesses(); len(list) > 0 {
		return fmt.Sprintf("%s: the divisor at %s is 0, or the quotient is too large", word, list[0].Expr)
	}
	r, _ := e.inst.Args[0].(x86asm.Reg)
	switch o, ok := e.operand(r); {
	case !ok || !o.Known:
		return word + ": the divisor is 0, or the quotient is too large"
	case o.Value == 0:
		return fmt.Sprintf("%s: division by zero, %s = 0", word, o.Name)
	default:
		return fmt.Sprintf("%s: the quotient by %s = %#x is too large for its register", word, o.Name, o.Value)
	}
}

// double explains a double fault: the CPU could not enter the handler of a fault,
// as a rule because there was no stack for it.
func (e *explainer) double() (string, *Access) {
	for _, a := range e.accesses() {
		if e.byStack(&a) {
			text, judged := e.judged(a)
			return "double fault: " + text + ", and the handler had no stack", judged
		}
	}
	if sp, ok := e.reg("rsp"); ok {
		return fmt.Sprintf("double fault: another fault while the CPU entered the handler of one, rsp = %#x", sp), nil
	}
	return "", nil
}

// byStack reports whether an access is to the stack.
func (e *explainer) byStack(a *Access) bool {
	return a.Known && len(a.terms) > 0 && a.terms[0].name == "rsp"
}
