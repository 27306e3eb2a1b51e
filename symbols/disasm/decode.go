package disasm

import (
	"fmt"
	"strings"

	"golang.org/x/arch/x86/x86asm"

	"ktrap/symbols/addr"
)

const badText = "(bad)"

// decoded is one instruction before its place is known.
type decoded struct {
	size int          // at least 1, at most what was given
	inst *x86asm.Inst // nil: text is all there is
	text string
	bad  bool
	code []byte
}

// decode reads the instruction at the beginning of code, which is not empty.
func decode(code []byte) decoded {
	if text, size := gap(code); size > 0 {
		return decoded{size: size, text: text, code: code[:size]}
	}
	inst, ok := decodeWhole(code)
	switch {
	case ok:
		return decoded{size: inst.Len, inst: &inst, code: code[:inst.Len]}
	case cutOff(code):
		return decoded{size: len(code), text: byteText(code), bad: true, code: code}
	}
	return decoded{size: 1, text: badText, bad: true, code: code[:1]}
}

// decodeWhole takes neither prefixes alone, for which the library makes up an
// instruction, nor anything that does not fit.
func decodeWhole(code []byte) (x86asm.Inst, bool) {
	inst, err := x86asm.Decode(code, 64)
	return inst, err == nil && inst.Op != 0 && inst.Len > 0 && inst.Len <= len(code)
}

// cutOff reports whether code is the beginning of an instruction whose end is not
// there. The library's own error for that is not certain.
func cutOff(code []byte) bool {
	if len(code) >= maxInstruction {
		return false
	}
	longer := make([]byte, maxInstruction)
	copy(longer, code)
	inst, ok := decodeWhole(longer)
	return ok && inst.Len > len(code)
}

// byteText writes bytes as data.
func byteText(code []byte) string {
	var b strings.Builder
	b.WriteString(".byte  ")
	for i, c := range code {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%#02x", c)
	}
	return b.String()
}

// render writes the instruction as it stands at an address.
func (d *decoded) render(at addr.Addr, name func(addr.Addr) string) (string, addr.Addr) {
	if d.inst == nil {
		return d.text, 0
	}
	r := renderer{inst: d.inst, code: d.code, at: at}
	text := r.text()
	if r.target == 0 {
		return text, 0
	}
	to := name(r.target)
	switch {
	case r.memory && to != "":
		text += fmt.Sprintf("  # %#x <%s>", uint64(r.target), to)
	case r.memory:
		text += fmt.Sprintf("  # %#x", uint64(r.target))
	case to != "":
		text += " <" + to + ">"
	}
	return text, r.target
}
