package decode

import (
	"bytes"
	"fmt"
	"strings"

	"ktrap/symbols/addr"
	"ktrap/symbols/cause"
	"ktrap/symbols/disasm"
	"ktrap/symbols/oops"
)

// registerBlock follows the registers of a fault as they are printed.
type registerBlock struct {
	open bool // an instruction pointer of the kernel was printed
	code bool // and the code there
}

// next takes a line and says whether it is the first behind the registers and code
// of a fault.
func (b *registerBlock) next(text string, list []place) bool {
	switch {
	case len(list) > 0 && list[0].exact:
		*b = registerBlock{open: strings.Contains(text, "IP:")}
	case inKernelByNumber(text):
		*b = registerBlock{open: true}
	case !b.open:
	case strings.HasPrefix(strings.TrimLeft(text, " "), "Code: "):
		b.code = true
	case !isRegisterLine(text):
		done := b.code
		*b = registerBlock{}
		return done
	}
	return false
}

// inKernelByNumber recognizes an instruction pointer of the kernel that has no name.
// Sample: RIP: 0010:0x0
func inKernelByNumber(text string) bool {
	rip, ok := strings.CutPrefix(strings.TrimLeft(text, " "), "RIP: ")
	segment, at, _ := strings.Cut(rip, ":")
	if !ok || len(segment) != 4 || !strings.HasPrefix(at, "0x") {
		return false
	}
	v, ok := parseHex([]byte(segment))
	return ok && v&3 == 0 // of a user's segment it is 3
}

// isRegisterLine recognizes "RAX: 0000000000000000 RBX: ...".
func isRegisterLine(text string) bool {
	name, rest, ok := strings.Cut(strings.TrimLeft(text, " "), ":")
	return ok && len(name) > 1 && len(name) <= len("ORIG_RAX") && !strings.Contains(name, " ") && strings.HasPrefix(rest, " ")
}

// Instructions of a listing around the fault.
const (
	shownBefore = 6
	shownAfter  = 3
)

// explain gives why the fault of a crash happened, and the instructions there; at
// most once for a crash.
func (a *Annotator) explain(o *oops.Oops, at *cause.Place) []string {
	if a.explained == o.Start+1 {
		return nil
	}
	c, ok := cause.FromOops(o, at)
	if !ok || c.Text == "" && len(c.Listing) == 0 {
		return nil
	}
	a.explained = o.Start + 1
	if c.Text == "" {
		c.Text = "nothing certain"
	}
	list := []string{keyCause + ": " + c.Text}
	if c.FromFile {
		list = append(list, "  the log has no code; this is the file's:")
	}
	for _, in := range disasm.Around(c.Listing, shownBefore, shownAfter) {
		sign, operands := ' ', ""
		if in.Marked {
			sign = '>'
			for _, op := range c.Operands {
				operands += "  " + op.String()
			}
		}
		text := fmt.Sprintf("%c %-30s %s%s", sign, fmt.Sprintf("% x", in.Bytes), in.Text, operands)
		list = append(list, strings.TrimRight(text, " "))
	}
	return list
}

// placeOfFrame makes the place of a frame that was parsed.
func placeOfFrame(f *oops.Frame) place {
	return place{
		name: f.Func, off: f.Off, size: f.Size, module: f.Module, buildID: f.BuildID, addr: addr.Addr(f.Addr),
		exact: f.Exact, unsure: !f.Reliable, decoded: f.File != "",
	}
}

// rowBytes is how many bytes of an instruction objdump puts on a line.
const rowBytes = 7

// decodecode lists the code of a "Code: " line as the kernel's scripts/decodecode
// does: all of it, then again from the instruction at fault on. Nil if the line
// holds none.
func decodecode(text string) []string {
	_, bytesOf, ok := strings.Cut(text, "Code: ")
	if !ok {
		return nil
	}
	code, ok := cause.ParseCode(bytesOf)
	if !ok || code.Word != 1 || code.Mark < 0 {
		return nil
	}
	list := []string{"All code", "========"}
	list = append(list, objdump(disasm.Disassemble(code.Bytes, 0, addr.Addr(code.Mark), nil), true)...)
	list = append(list, "", "Code starting with the faulting instruction", "===========================================")
	rest := code.Bytes[code.Mark:]
	return append(list, objdump(disasm.Disassemble(rest, 0, 0, nil), false)...)
}

// objdump writes instructions as objdump does.
func objdump(list []disasm.Instruction, mark bool) []string {
	var lines []string
	for _, in := range list {
		sign, note := "", ""
		if in.Marked && mark {
			sign, note = "*", "\t\t<-- trapping instruction"
		}
		at := uint64(in.Addr)
		for first, row := true, in.Bytes; first || len(row) > 0; first = false {
			n := min(len(row), rowBytes)
			line := fmt.Sprintf("%4x:%s\t% x ", at, sign, row[:n])
			if first {
				line = fmt.Sprintf("%4x:%s\t% -20x \t%s%s", at, sign, row[:n], in.Text, note)
			}
			lines = append(lines, line)
			row, at, sign = row[n:], at+uint64(n), ""
		}
	}
	return lines
}

// addPlain writes lines that belong to the layout itself, and expects them as add does.
func (a *Annotator) addPlain(list []string) {
	if len(list) == 0 {
		return
	}
	a.endLine()
	for _, t := range list {
		line := append([]byte(t), a.lineEnd()...)
		a.write(line)
		a.expect = append(a.expect, bytes.Clone(line))
	}
}
