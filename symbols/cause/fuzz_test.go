package cause

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/oops"
)

func operandText(list []Operand) string { return fmt.Sprint(list) }

// FuzzExplain gives any bytes as code and as register values: the same comes out
// twice, and what is said to be known is.
func FuzzExplain(f *testing.F) {
	f.Add([]byte("\x48\x89\xe5\x48\x8b\x40\x10"), uint16(3), uint8(PageFault), uint64(0x10), uint64(0), []byte{0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte("\x80\x3c\x02\x00"), uint16(0), uint8(GeneralProtection), uint64(0), uint64(0), []byte("\x00\x00\x00\x00\x00\xfc\xff\xdf"))
	f.Add([]byte("\x67\x0f\xb9\x40\x12"), uint16(0), uint8(InvalidOpcode), uint64(0), uint64(0), []byte(nil))
	f.Add([]byte("\xf3\x48\xa5\x48\x0f\xa3\x07"), uint16(3), uint8(Unknown), uint64(0), uint64(3), []byte("kkkkkkkk"))
	f.Fuzz(func(t *testing.T, code []byte, at uint16, kind uint8, fault, errorCode uint64, regs []byte) {
		in := Input{
			Code: code, Base: pc, PC: pc + addr.Addr(at),
			Fault: Fault{Kind: Kind(kind % 17), Addr: fault, HasAddr: kind&64 != 0, Error: errorCode, HasCode: kind&128 != 0},
			Reg: func(name string) (uint64, bool) {
				if i := int(name[len(name)-1]) % 16 * 8; i+8 <= len(regs) {
					return binary.LittleEndian.Uint64(regs[i:]), true
				}
				return 0, false
			},
		}
		c := Explain(&in)
		if again := Explain(&in); render(&c) != render(&again) {
			t.Fatalf("have\n%s\nand\n%s", render(&c), render(&again))
		}
		if strings.ContainsFunc(c.Text, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Fatalf("sentence %q", c.Text)
		}
		if a := c.Access; a != nil && in.Fault.Kind == PageFault && in.Fault.HasAddr && a.Known && !a.holds(fault) && a.Addr != fault {
			t.Fatalf("access %+v, the CPU said %#x", a, fault)
		}
	})
}

// FuzzFromOops gives any text as a log.
func FuzzFromOops(f *testing.F) {
	for _, path := range goldenFiles(f) {
		a, _ := logOf(f, path)
		f.Add(a.Files[0].Data)
	}
	f.Add([]byte("Unable to handle kernel paging request at virtual address dead000000000108\npc : f+0x1/0x2\nx29: 0 x28: 0 x0: 0\nCode: a9bf7bfd (d503201f)\n"))
	f.Fuzz(func(t *testing.T, log []byte) {
		for _, o := range oops.Parse(log) {
			c, ok := FromOops(&o, nil)
			if !ok && (c.Text != "" || len(c.Listing) > 0) {
				t.Fatalf("not explained, but %+v", c)
			}
			marked := 0
			for _, in := range c.Listing {
				if in.Marked {
					marked++
				}
			}
			if marked > 1 {
				t.Fatalf("%d instructions are marked", marked)
			}
		}
	})
}

// FuzzParseCode gives any text as a line of code.
func FuzzParseCode(f *testing.F) {
	f.Add("48 89 e5 <48> 8b 40 10")
	f.Add("a9bf7bfd (d503201f)")
	f.Add("3783 (b783) 00d7")
	f.Add("Bad RIP value.")
	f.Fuzz(func(t *testing.T, line string) {
		c, ok := ParseCode(line)
		if c.Mark >= len(c.Bytes) || c.Mark < -1 || len(c.Bytes) > maxCode || ok != (len(c.Bytes) > 0 || c.Note != "") {
			t.Fatalf("%+v, %v", c, ok)
		}
	})
}
