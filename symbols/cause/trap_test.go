package cause

import "testing"

func TestTrapsWithoutAnAccessAreExplained(t *testing.T) {
	tests := []struct {
		name, code string
		fault      Fault
		regs       state
		want       string
	}{
		{"BUG", "0f 0b", Fault{Kind: Bug, Detail: "mm/slub.c:419"}, nil, "ud2: BUG() at mm/slub.c:419"},
		{"BUG without a place", "0f 0b", Fault{Kind: Bug}, nil, "ud2: BUG()"},
		{"WARN", "0f 0b", Fault{Kind: Warning, Detail: "kernel/fork.c:12"}, nil, "ud2: WARN() at kernel/fork.c:12"},
		{"WARN of kernels since 6.19", "67 48 0f b9 3a", Fault{Kind: Warning, Detail: "a.c:1"}, nil, "ud1: WARN() at a.c:1"},
		{"ud2 of unknown kind", "0f 0b", Fault{}, nil, "ud2: BUG(), WARN() or another check that failed"},
		{"ud2 of nobody", "0f 0b", Fault{Kind: InvalidOpcode}, nil, "ud2: no BUG() or WARN() that the kernel knows of"},
		{"array index", "67 0f b9 40 12", Fault{Kind: InvalidOpcode}, nil, "ud1: UBSAN found an array index out of bounds"},
		{"addition", "67 0f b9 00", Fault{Kind: InvalidOpcode}, nil, "ud1: UBSAN found an overflow of an addition"},
		{"kCFI", "41 ba 34 12 34 12 45 03 53 fc 74 02 > 0f 0b", Fault{Kind: InvalidOpcode}, nil,
			"ud2: kCFI refused an indirect call, the function has another type than the pointer"},
		{"kCFI behind padding", "41 ba 34 12 34 12 44 03 50 f1 74 02 > 0f 0b", Fault{Kind: CFI}, nil,
			"ud2: kCFI refused an indirect call, the function has another type than the pointer"},
		{"no kCFI without its addition", "41 ba 34 12 34 12 48 8b 53 fc 74 02 > 0f 0b", Fault{}, nil,
			"ud2: BUG(), WARN() or another check that failed"},
		{"instruction that is turned off", "c5 fc 28 00", Fault{Kind: InvalidOpcode}, nil,
			"invalid opcode: the CPU does not have vmovaps, or it is turned off"},
		{"no instruction", "06", Fault{Kind: InvalidOpcode}, nil, "invalid opcode: the bytes are no instruction"},
		{"int3", "90 cc > c3", Fault{Kind: Breakpoint}, nil, "int3: a breakpoint just before the marked instruction, that nobody handles"},
		{"int3 that is gone", "90 0f > 1f 44 00 00", Fault{Kind: Breakpoint}, nil, "int3: a breakpoint that is no longer there: it stood there while the kernel patched its code (emulated CPUs may run it too late)"},
		{"int3 of which nothing is known", "> c3", Fault{Kind: Breakpoint}, nil, "int3: a breakpoint that nobody handles"},
		{"division by a register", "f7 f9", Fault{Kind: Divide}, state{"rcx": 0xffffffff00000000}, "idiv: division by zero, ecx = 0"},
		{"quotient too large", "48 f7 f1", Fault{Kind: Divide}, state{"rcx": 2}, "div: the quotient by rcx = 0x2 is too large for its register"},
		{"division that the log has no word for", "f7 f9", Fault{}, state{"rcx": 0}, "idiv: division by zero, ecx = 0"},
		{"division by memory", "f7 7b 10", Fault{Kind: Divide}, nil, "idiv: the divisor at rbx+0x10 is 0, or the quotient is too large"},
		{"division by an unknown register", "f7 f9", Fault{Kind: Divide}, state{"rcx": unknown}, "idiv: the divisor is 0, or the quotient is too large"},
		{"missing endbr64", "55", Fault{Kind: ControlProtection, Detail: "indirect jump or call to f+0x0/0x10, which has no endbr64"}, nil,
			"indirect jump or call to f+0x0/0x10, which has no endbr64"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if c := explainAt(t, tt.code, tt.fault, tt.regs); c.Text != tt.want || c.Access != nil {
				t.Errorf("have %q, access %+v\nwant %q", c.Text, c.Access, tt.want)
			}
		})
	}
}

func TestOperandsShowTheValuesThatWereRead(t *testing.T) {
	regs := state{"rax": 0x1122334455667788, "rcx": 0x8000000000000003, "rdx": unknown, "r9": 0xfedcba9876543210}
	tests := []struct{ name, code, want string }{
		{"base", "48 8b 40 10", "[rax=0x1122334455667788]"},
		{"what is overwritten is not read", "8b 08", "[rax=0x1122334455667788]"},
		{"source and target", "89 08", "[ecx=0x3 rax=0x1122334455667788]"},
		{"parts of registers", "66 01 c1", "[ax=0x7788 cx=0x3]"},
		{"upper byte", "00 e1", "[ah=0x77 cl=0x3]"},
		{"new low bytes", "40 88 f7", "[sil=0x0]"},
		{"32 bits of a new register", "44 01 c8", "[r9d=0x76543210 eax=0x55667788]"},
		{"unknown register", "01 10", "[edx=? rax=0x1122334455667788]"},
		{"repeated copy", "f3 a4", "[rsi=0xffff888000001000 rdi=0xffff888000001000 rcx=0x8000000000000003]"},
		{"push", "51", "[rcx=0x8000000000000003 rsp=0xffffc90000123f00]"},
		{"division", "f7 f1", "[ecx=0x3 rax=0x1122334455667788 rdx=?]"},
		{"per-CPU variable", "65 8b 00", "[rax=0x1122334455667788 gs_base=?]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if have := operandText(explainAt(t, tt.code, Fault{}, regs).Operands); have != tt.want {
				t.Errorf("have %s, want %s", have, tt.want)
			}
		})
	}
}
