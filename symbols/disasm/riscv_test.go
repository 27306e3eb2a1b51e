package disasm

import (
	"fmt"
	"testing"

	"ktrap/symbols/addr"
)

func TestInstructionsOfRISCVHaveTheKernelsNames(t *testing.T) {
	tests := []struct{ name, code, want string }{
		{"load", "83 b7 d7 00", "ld a5,13(a5)"},
		{"compressed load", "1c 63", "ld a5,0(a4)"},
		{"jump", "6f f0 1f fd", "j 0xffffffffc0200fd0 <f>"},
		{"compressed jump", "01 a0", "j 0xffffffffc0201000 <f>"},
		{"branch", "e3 1c f5 fe", "bne a0,a5,0xffffffffc0200ff8 <f>"},
		{"call", "ef 00 00 01", "jal 0xffffffffc0201010 <f>"},
		{"BUG", "02 90", "ebreak"},
		{"return", "82 80", "ret"},
		{"no instruction", "ff ff ff ff", ".word  0xffffffff"},
		{"half an instruction", "83 b7", ".half  0xb783"},
		{"a byte", "83", ".byte  0x83"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			list := RISCV64(unhex(t, tt.code), base, base, func(addr.Addr) string { return "f" })
			if len(list) != 1 || list[0].Text != tt.want || !list[0].Marked {
				t.Errorf("have %q, want %q", texts(list), tt.want)
			}
		})
	}
}

func TestAListingOfRISCVIsInStepWithTheFault(t *testing.T) {
	tests := []struct {
		name, code string
		fault      addr.Addr
		want       []string
	}{
		{"in step", "83 37 04 f4 83 b7 d7 00 02 90", base + 4, []string{"ld a5,-192(s0)", "> ld a5,13(a5)", "ebreak"}},
		{"begins inside an instruction", "04 f4 83 37 04 f4 02 90", base + 6, []string{"sd s1,40(s0)", "ld a5,-192(s0)", "> ebreak"}},
		{"begins with a half that looks like a whole", "83 37 02 90", base + 2, []string{".half  0x3783", "> ebreak"}},
		{"fault is outside", "02 90", base + 8, []string{"ebreak"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if have := texts(RISCV64(unhex(t, tt.code), base, tt.fault, nil)); fmt.Sprint(have) != fmt.Sprint(tt.want) {
				t.Errorf("have %q\nwant %q", have, tt.want)
			}
		})
	}
}

func FuzzRISCV64(f *testing.F) {
	f.Add([]byte("\x83\x37\x04\xf4\x83\xb7\xd7\x00\x02\x90"), uint16(4))
	f.Add([]byte("\x04\xf4\x83\x37\x04"), uint16(2))
	f.Fuzz(func(t *testing.T, code []byte, at uint16) {
		fault := base + addr.Addr(at&^1)
		checkListing(t, code, fault, RISCV64(code, base, fault, func(addr.Addr) string { return "f" }))
	})
}
