package cause

import (
	"fmt"
	"strings"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/disasm"
)

func TestTheLoadBeforeANullPointerSaysWhoseItIs(t *testing.T) {
	tests := []struct{ name, code, want string }{
		{"straight before", "48 8b 47 28 > 8b 40 10", "{rdi 4 [40]} 16"},
		{"over itself", "48 8b 5b 28 > 8b 43 10", "{rbx 4 [40]} 16"},
		{"through three pointers", "48 8b b7 d8 00 00 00 48 8b 3e > 8b 47 10", "{rdi 10 [216 0]} 16"},
		{"others between", "48 8b 47 28 31 d2 48 89 fe > 8b 40 10", "{rdi 9 [40]} 16"},
		{"call that keeps the register", "48 8b 5b 28 e8 00 00 00 00 > 8b 43 10", "{rbx 9 [40]} 16"},
		{"call that does not", "48 8b 47 28 e8 00 00 00 00 > 8b 40 10", ""},
		{"jump between", "48 8b 47 28 74 02 > 8b 40 10", ""},
		{"changed since", "48 8b 47 28 48 83 c0 08 > 8b 40 10", ""},
		{"loaded by half", "8b 47 28 > 8b 40 10", ""},
		{"element of an array", "48 8b 04 d7 > 8b 40 10", ""},
		{"from the stack", "48 8b 44 24 08 > 8b 40 10", ""},
		{"per-CPU", "65 48 8b 43 28 > 8b 40 10", ""},
		{"nothing before", "> 8b 40 10", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before, after, _ := strings.Cut(tt.code, ">")
			lead, have := unhex(t, before), ""
			Explain(&Input{
				Code: unhex(t, before+after), Base: pc, PC: pc + addr.Addr(len(lead)),
				Reg: state{"rax": 0, "rbx": 0, "rdi": 0}.reg, Fault: pageFaultAt(0x10, 0),
				Member: func(p Pointer, offset int64) string {
					if p.Back > 0 {
						have = fmt.Sprint(p, offset)
					}
					return ""
				},
			})
			if have != tt.want {
				t.Errorf("have %q, want %q", have, tt.want)
			}
		})
	}
}

func TestCodeThatIsJumpedIntoSaysNothing(t *testing.T) {
	// The load lies at 0x10, the use at 0x14.
	tests := []struct {
		name, code string
		want       bool
	}{
		{"jump to the use", "eb 12", true},
		{"jump to the load, which is as if nothing had happened", "eb 0e", false},
		{"jump behind the use", "eb 13", false},
		{"branch between", "74 10", true},
		{"call of the use, as a function", "e8 0f 00 00 00", false},
		{"jump through a table", "ff 24 c5 00 00 00 81", true},
		{"jump to a register", "ff e0", true},
		{"no jump", "48 8b 47 28", false},
		{"not decoded", "f3 0f 1e fa", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := disasm.Disassemble(unhex(t, tt.code), 0, 0, nil)[0]
			if have := jumpsInto(&in, 0x10, 0x14); have != tt.want {
				t.Errorf("%s to %v: have %v", in.Text, in.Target, have)
			}
		})
	}
}
