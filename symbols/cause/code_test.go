package cause

import (
	"bytes"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/disasm"
)

func TestCodeLinesOfAllFormsAreRead(t *testing.T) {
	tests := []struct {
		name, line string
		want       Code
		ok         bool
	}{
		{"marked byte", "48 89 e5 <48> 8b 40 10", Code{Bytes: []byte("\x48\x89\xe5\x48\x8b\x40\x10"), Mark: 3, Word: 1}, true},
		{"byte in round brackets", "48 (8b) 40", Code{Bytes: []byte("\x48\x8b\x40"), Mark: 1, Word: 1}, true},
		{"no mark", "48 8b", Code{Bytes: []byte("\x48\x8b"), Mark: -1, Word: 1}, true},
		{"two marks", "<48> <8b>", Code{Bytes: []byte("\x48\x8b"), Mark: 0, Word: 1}, true},
		{"blanks around", "  48 8b \r", Code{Bytes: []byte("\x48\x8b"), Mark: -1, Word: 1}, true},
		{"words of arm64", "a9bf7bfd 910003fd (d503201f)",
			Code{Bytes: []byte("\xfd\x7b\xbf\xa9\xfd\x03\x00\x91\x1f\x20\x03\xd5"), Mark: 8, Word: 4}, true},
		{"half words of riscv", "3783 f404 (b783) 00d7", Code{Bytes: []byte("\x83\x37\x04\xf4\x83\xb7\xd7\x00"), Mark: 4, Word: 2}, true},
		{"cut inside a byte", "48 89 <48> 8", Code{Bytes: []byte("\x48\x89\x48"), Mark: 2, Word: 1, Cut: true}, true},
		{"cut inside the mark", "48 89 <4", Code{Bytes: []byte("\x48\x89"), Mark: -1, Word: 1, Cut: true}, true},
		{"another line has come between", "48 89 [   12.3] usb 1-1: x", Code{Bytes: []byte("\x48\x89"), Mark: -1, Word: 1, Cut: true}, true},
		{"two lines in one", "90 90 83 3d 854", Code{Bytes: []byte("\x90\x90\x83\x3d"), Mark: -1, Word: 1, Cut: true}, true},
		{"bad instruction pointer", "Bad RIP value.", Code{Mark: -1, Note: "Bad RIP value."}, true},
		{"unreadable", "Unable to access opcode bytes at RIP 0x7f01b7b884cf.", Code{Mark: -1, Note: "Unable to access opcode bytes at RIP 0x7f01b7b884cf."}, true},
		{"empty", "", Code{Mark: -1}, false},
		{"no code", "hello", Code{Mark: -1, Word: 2, Cut: true}, false},
		{"odd word", "abc", Code{Mark: -1, Word: 1, Cut: true}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, ok := ParseCode(tt.line)
			if ok != tt.ok || !bytes.Equal(c.Bytes, tt.want.Bytes) || c.Mark != tt.want.Mark ||
				c.Word != tt.want.Word || c.Note != tt.want.Note || c.Cut != tt.want.Cut {
				t.Errorf("have %+v, %v\nwant %+v, %v", c, ok, tt.want, tt.ok)
			}
		})
	}
}

func TestCodeThatIsCutAtTheMarkStillHasItsBeginning(t *testing.T) {
	c, _ := ParseCode("48 89 e5 <48> 8b")
	list := disasm.Disassemble(c.Bytes, 0x1000, 0x1000+addr.Addr(c.Mark), nil)
	if n := len(list); n != 2 || !list[1].Marked || !list[1].Bad || list[0].Text != "mov    %rsp,%rbp" {
		t.Errorf("have %+v", list)
	}
}
