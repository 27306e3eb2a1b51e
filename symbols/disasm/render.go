package disasm

import (
	"bytes"
	"strings"

	"golang.org/x/arch/x86/x86asm"

	"ktrap/symbols/addr"
)

// renderer writes one instruction. The library's GNU syntax gives the mnemonic
// and the operands of irregular instructions; where its operands correspond one
// to one to the arguments, they are written anew, because the library gets signs,
// %r12 and immediates wrong.
type renderer struct {
	inst   *x86asm.Inst
	code   []byte
	at     addr.Addr
	target addr.Addr // set on the way: what the operands point to
	memory bool      // target is memory, not code
}

// text is the mnemonic, padded as objdump does, and the operands.
func (r *renderer) text() string {
	if text, ok := r.nop(); ok {
		return text
	}
	head, operands := split(x86asm.GNUSyntax(*r.inst, uint64(r.at), nil))
	if args := r.args(); len(args) == len(operands) {
		for i, a := range args {
			operands[i] = r.operand(a, operands[i])
		}
	}
	head = r.mnemonic(head)
	if len(operands) == 0 {
		return head
	}
	list := strings.Join(operands, ",")
	if pad := 6 - len(head); pad > 0 {
		head += strings.Repeat(" ", pad)
	}
	return head + " " + list
}

// args are the arguments in the order of GNU syntax.
func (r *renderer) args() []x86asm.Arg {
	var args []x86asm.Arg
	for _, a := range r.inst.Args {
		if a == nil {
			break
		}
		if a == x86asm.Imm(1) && r.inst.Opcode>>24&^1 == 0xd0 {
			continue // shifts by one have no operand for it
		}
		args = append([]x86asm.Arg{a}, args...)
	}
	switch r.inst.Op {
	case x86asm.BOUND, x86asm.LCALL, x86asm.ENTER, x86asm.LJMP:
		return nil // not reversed; the library's text stands
	}
	return args
}

// split cuts the library's text into prefixes with mnemonic, and operands.
// Sample: "lock xadd %eax,(%rdi,%rcx)" has the operands %eax and (%rdi,%rcx).
func split(text string) (head string, operands []string) {
	i := strings.IndexAny(text, "%$(*")
	if i < 0 {
		i = strings.LastIndexByte(text, ' ') + 1
		if i == 0 || !strings.ContainsAny(text[i:], "0123456789") || strings.HasPrefix(text[i:], "f") {
			return text, nil
		}
	}
	if j := strings.LastIndexByte(text[:i], ' '); j >= 0 {
		head, text = text[:j], text[j+1:]
	} else {
		return text, nil
	}
	depth, start := 0, 0
	for i, c := range text {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			operands = append(operands, text[start:i])
			start = i + 1
		}
	}
	return head, append(operands, text[start:])
}

// renamed are mnemonics for which objdump has another word.
var renamed = map[string]string{
	"callq": "call", "jmpq": "jmp", "retq": "ret", "leaveq": "leave", "enterq": "enter",
	"pushq": "push", "popq": "pop", "pushfq": "pushf", "popfq": "popf", "ljmpq": "ljmp", "lcallq": "lcall",
	"movsxd": "movslq", "cdqe": "cltq", "cqo": "cqto", "cdq": "cltd", "cwde": "cwtl", "cwd": "cwtd", "cbw": "cbtw",
	"shlxl": "shlx", "shlxq": "shlx", "shrxl": "shrx", "shrxq": "shrx", "sarxl": "sarx", "sarxq": "sarx",
	"rorxl": "rorx", "rorxq": "rorx", "bzhil": "bzhi", "bzhiq": "bzhi",
	"lgdtl": "lgdt", "lidtl": "lidt", "sgdtl": "sgdt", "sidtl": "sidt",
}

// mnemonic puts objdump's word for the library's at the end of the prefixes.
func (r *renderer) mnemonic(head string) string {
	i := strings.LastIndexByte(head, ' ') + 1
	word := head[i:]
	switch to := renamed[word]; {
	case to != "":
		word = to
	case word == "mov" && r.wideImmediate():
		word = "movabs"
	}
	return head[:i] + word
}

// wideImmediate reports whether the instruction carries 64 bits.
func (r *renderer) wideImmediate() bool {
	op := r.inst.Opcode >> 24
	return r.inst.Len >= 9 && (op&0xf8 == 0xb8 && r.inst.DataSize == 64 || op&0xfc == 0xa0)
}

// nop writes filler as objdump does: prefixes by name, zero displacements shown.
func (r *renderer) nop() (string, bool) {
	if r.inst.Op != x86asm.NOP {
		return "", false
	}
	wide := bytes.Count(r.code[:min(len(r.code), 8)], []byte{0x66})
	i := bytes.Index(r.code, []byte{0x0f, 0x1f})
	switch {
	case i < 0 && wide == 1 && len(r.code) == 2:
		return "xchg   %ax,%ax", true
	case i < 0 || i+2 >= len(r.code):
		return "", false
	}
	head := strings.Repeat("data16 ", max(0, wide-1))
	if bytes.IndexByte(r.code[:i], 0x2e) >= 0 {
		head += "cs "
	}
	word, operand := "nopl", "(%rax)"
	if wide > 0 {
		word = "nopw"
	}
	if r.code[i+2]&7 == 4 {
		operand = "(%rax,%rax,1)"
	}
	if r.code[i+2]>>6 != 0 {
		operand = "0x0" + operand
	}
	if head != "" {
		return head + word + " " + operand, true
	}
	return word + "   " + operand, true
}
