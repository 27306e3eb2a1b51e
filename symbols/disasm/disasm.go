// Package disasm turns kernel code into the lines that kernel people read: GNU
// (AT&T) syntax as objdump prints it, call targets by name, and every listing in
// step with the instruction that faulted.
//
// The decoding is x/arch's. This package adds what a crash needs on top: keeping
// in step (step.go), the instructions that the library does not know (gaps.go),
// and operands as objdump writes them where the library differs (operand.go).
package disasm

import (
	"slices"

	"ktrap/symbols/addr"
)

// Instruction is one line of a listing.
type Instruction struct {
	Addr   addr.Addr
	Bytes  []byte
	Text   string    // GNU (AT&T) syntax; (bad) or .byte where there is no better
	Target addr.Addr // of a direct call or jump, or of memory relative to %rip; 0 if none
	Bad    bool      // the bytes are no instruction
	Marked bool      // the faulting instruction
}

// End is the address after the instruction.
func (i *Instruction) End() addr.Addr { return i.Addr + addr.Addr(len(i.Bytes)) }

// Disassemble decodes code that lies at base so that one instruction begins
// exactly at fault. Base should be the beginning of a function where that is
// known.
// Shape: the instructions cover code without gaps and share its memory. Bytes
// that are out of step with fault come as (bad). With fault outside the code
// nothing is marked.
// name, which may be nil, gives what stands at an address, such as foo+0x10; empty
// means that nothing does.
func Disassemble(code []byte, base, fault addr.Addr, name func(addr.Addr) string) []Instruction {
	if name == nil {
		name = func(addr.Addr) string { return "" }
	}
	l := listing{code: code, base: base, name: name}
	mark := len(code)
	if at := fault - base; at < addr.Addr(len(code)) {
		mark = int(at)
		l.bad(inStep(code, mark))
	}
	for l.pos < len(code) {
		l.next(mark)
	}
	return l.list
}

// listing is a disassembly on its way.
type listing struct {
	code []byte
	base addr.Addr
	name func(addr.Addr) string
	pos  int
	list []Instruction
}

// next adds the instruction at pos; one that runs over mark is cut there.
func (l *listing) next(mark int) {
	d := decode(l.code[l.pos:])
	if l.pos < mark && l.pos+d.size > mark {
		l.bad(mark - l.pos)
		return
	}
	at := l.base + addr.Addr(l.pos)
	i := Instruction{Addr: at, Bytes: l.take(d.size), Bad: d.bad, Marked: l.pos == mark}
	i.Text, i.Target = d.render(at, l.name)
	l.add(i)
}

// bad adds n bytes that are no instruction.
func (l *listing) bad(n int) {
	if n > 0 {
		l.add(Instruction{Addr: l.base + addr.Addr(l.pos), Bytes: l.take(n), Text: badText, Bad: true})
	}
}

func (l *listing) take(n int) []byte { return l.code[l.pos : l.pos+n : l.pos+n] }

func (l *listing) add(i Instruction) {
	l.list = append(l.list, i)
	l.pos += len(i.Bytes)
}

// Around cuts a listing to the marked instruction and up to so many before and
// after it. Without a mark the listing is cut to its beginning.
func Around(list []Instruction, before, after int) []Instruction {
	i := slices.IndexFunc(list, func(i Instruction) bool { return i.Marked })
	if i < 0 {
		return list[:min(len(list), before+1+after)]
	}
	return list[max(0, i-before):min(len(list), i+1+after)]
}
