package cause

import (
	"encoding/binary"
	"strconv"
	"strings"

	"ktrap/symbols/oops"
)

// Code is a line of machine code as an oops prints it.
type Code struct {
	Bytes []byte // in the order of memory
	Mark  int    // place in Bytes of the instruction at fault, -1 if none is marked
	Word  int    // bytes that were printed together: 1 on x86, 4 on arm64, 2 on riscv
	Note  string // what was printed in place of bytes: Bad RIP value.
	Cut   bool   // the line ends in the middle of a word, or in something else
}

// maxCode bounds a line: the kernel takes code_bytes= up to 8192.
// Source: linux arch/x86/kernel/dumpstack.c.
const maxCode = 8192

// ParseCode reads what follows "Code: ". It is false if there is neither code nor
// a note why there is none.
// Sample: 48 89 e5 <48> 8b 40 10
// Sample: a9bf7bfd 910003fd (d503201f)
// Sample: Bad RIP value.
// Sample: Unable to access opcode bytes at RIP 0x7f01b7b884cf.
func ParseCode(text string) (Code, bool) {
	c := Code{Mark: -1}
	text = strings.TrimSpace(text)
	for _, note := range []string{"Bad RIP value", "Unable to access opcode bytes", "bad PC value", "bad EPC value"} {
		if strings.HasPrefix(text, note) {
			c.Note = strings.ToValidUTF8(text[:min(len(text), 80)], "?")
			return c, true
		}
	}
	for word := range strings.FieldsSeq(text) {
		if !c.add(word) {
			c.Cut = true
			break
		}
		if len(c.Bytes) >= maxCode {
			break
		}
	}
	return c, len(c.Bytes) > 0
}

// add takes one word of a line.
func (c *Code) add(word string) bool {
	bare, marked := unmark(word)
	if c.Word == 0 {
		c.Word = len(bare) / 2
	}
	if len(bare) != 2*c.Word || c.Word != 1 && c.Word != 2 && c.Word != 4 {
		return false
	}
	v, err := strconv.ParseUint(bare, 16, 32)
	if err != nil {
		return false
	}
	if marked && c.Mark < 0 {
		c.Mark = len(c.Bytes)
	}
	switch c.Word {
	case 1:
		c.Bytes = append(c.Bytes, byte(v))
	case 2:
		c.Bytes = binary.LittleEndian.AppendUint16(c.Bytes, uint16(v))
	case 4:
		c.Bytes = binary.LittleEndian.AppendUint32(c.Bytes, uint32(v))
	}
	return true
}

// cut drops what lies before and behind the function that the marked instruction is
// in: it says nothing about the fault, and where a function begins an instruction does.
func (c *Code) cut(at *oops.Frame) {
	if at.Func == "" || c.Mark < 0 || at.Off >= at.Size {
		return
	}
	if left := at.Size - at.Off; left < uint64(len(c.Bytes)-c.Mark) {
		c.Bytes = c.Bytes[:c.Mark+int(left)]
	}
	if at.Off < uint64(c.Mark) {
		c.Bytes = c.Bytes[c.Mark-int(at.Off):]
		c.Mark = int(at.Off)
	}
}

// unmark drops the brackets of the instruction at fault.
func unmark(word string) (bare string, marked bool) {
	if n := len(word); n > 2 && (word[0] == '<' && word[n-1] == '>' || word[0] == '(' && word[n-1] == ')') {
		return word[1 : n-1], true
	}
	return word, false
}
