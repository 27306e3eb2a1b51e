package disasm

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"ktrap/symbols/addr"
)

const base = addr.Addr(0xffffffffc0201000)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatalf("bytes %q: %v", s, err)
	}
	return b
}

func TestInstructionsReadAsObjdumpPrintsThem(t *testing.T) {
	tests := []struct{ name, code, want string }{
		{"plain move", "48 8b 47 10", "mov    0x10(%rdi),%rax"},
		{"negative displacement of an index", "48 33 0c c5 c0 c3 0b 82", "xor    -0x7df43c40(,%rax,8),%rcx"},
		{"negative displacement of a base", "41 0f 18 8e 78 ff ff ff", "prefetcht0 -0x88(%r14)"},
		{"r12 as base has no index", "49 03 84 24 10 17 00 00", "add    0x1710(%r12),%rax"},
		{"scale one is written", "88 14 07", "mov    %dl,(%rdi,%rax,1)"},
		{"rbp needs a displacement", "0f b6 55 00", "movzbl 0x0(%rbp),%edx"},
		{"mask is unsigned in 64 bits", "48 83 e2 f8", "and    $0xfffffffffffffff8,%rdx"},
		{"mask is unsigned in 32 bits", "83 7c 24 1c f3", "cmpl   $0xfffffff3,0x1c(%rsp)"},
		{"mask is unsigned in 16 bits", "66 41 83 fe fc", "cmp    $0xfffc,%r14w"},
		{"pushed address is extended", "68 50 92 59 81", "push   $0xffffffff81599250"},
		{"64-bit constant", "48 b8 ff 00 01 01 01 01 01 01", "movabs $0x1010101010100ff,%rax"},
		{"per-CPU variable", "65 48 8b 04 25 c0 bd 01 00", "mov    %gs:0x1bdc0,%rax"},
		{"sign extension", "48 98", "cltq"},
		{"sign-extending move", "4d 63 d4", "movslq %r12d,%r10"},
		{"return", "c3", "ret"},
		{"BUG", "0f 0b", "ud2"},
		{"indirect call", "ff d0", "call   *%rax"},
		{"indirect call through memory", "ff 53 18", "call   *0x18(%rbx)"},
		{"string copy", "f3 48 a5", "rep movsq %ds:(%rsi),%es:(%rdi)"},
		{"locked add", "f0 83 00 01", "lock addl $0x1,(%rax)"},
		{"shift by one", "48 d1 e8", "shr    %rax"},
		{"two-byte filler", "66 90", "xchg   %ax,%ax"},
		{"long filler", "66 66 2e 0f 1f 84 00 00 00 00 00", "data16 cs nopw 0x0(%rax,%rax,1)"},
		{"port", "ec", "in     (%dx),%al"},
		{"control register", "0f 20 d0", "mov    %cr2,%rax"},
		{"landing pad", "f3 0f 1e fa", "endbr64"},
		{"user access on", "0f 01 cb", "stac"},
		{"user access off", "0f 01 ca", "clac"},
		{"hardware random number", "48 0f c7 f8", "rdseed %rax"},
		{"older hardware random number", "48 0f c7 f2", "rdrand %rdx"},
		{"shadow stack write comes as data", "66 48 0f 38 f5 5d 00", ".byte  0x66,0x48,0x0f,0x38,0xf5,0x5d,0x00"},
		{"vector move relative to rip", "c5 79 6f 3d 3e 8b 25 01", "vmovdqa 0x1258b3e(%rip),%xmm15  # 0xffffffffc1459b46"},
		{"no instruction", "06", "(bad)"},
		{"cut off", "48 8b", ".byte  0x48,0x8b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code := unhex(t, tt.code)
			list := Disassemble(code, base, 0, nil)
			if len(list) != 1 || list[0].Text != tt.want || !bytes.Equal(list[0].Bytes, code) {
				t.Errorf("% x:\n have %q\n want %q", code, texts(list), tt.want)
			}
		})
	}
}

func TestTargetsAreNamed(t *testing.T) {
	name := func(a addr.Addr) string {
		if a == base+0x105 || a == base+0x107 {
			return "schedule"
		}
		return ""
	}
	tests := []struct {
		name, code, want string
		target           addr.Addr
	}{
		{"call of a known function", "e8 00 01 00 00", "call   0xffffffffc0201105 <schedule>", base + 0x105},
		{"call of nothing known", "e8 01 01 00 00", "call   0xffffffffc0201106", base + 0x106},
		{"jump backwards", "eb fe", "jmp    0xffffffffc0201000", base},
		{"known variable", "48 8b 05 00 01 00 00", "mov    0x100(%rip),%rax  # 0xffffffffc0201107 <schedule>", base + 0x107},
		{"no target", "48 8b 47 10", "mov    0x10(%rdi),%rax", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			i := Disassemble(unhex(t, tt.code), base, 0, name)[0]
			if i.Text != tt.want || i.Target != tt.target {
				t.Errorf("have %q to %v, want %q to %v", i.Text, i.Target, tt.want, tt.target)
			}
		})
	}
}

func TestListingIsInStepWithTheFault(t *testing.T) {
	tests := []struct {
		name, code string
		fault      addr.Addr
		want       []string
	}{
		{"code begins with an instruction", "55 48 89 e5 48 8b 47 10 c3", base + 4,
			[]string{"push   %rbp", "mov    %rsp,%rbp", "> mov    0x10(%rdi),%rax", "ret"}},
		{"code begins inside an instruction that runs over the fault", "48 b8 90 90 90 48 8b 47 10 c3", base + 5,
			[]string{"(bad)", "nop", "nop", "nop", "> mov    0x10(%rdi),%rax", "ret"}},
		{"code begins inside an instruction whose rest is none", "06 06 d7 48 8b 47 10 c3", base + 3,
			[]string{"(bad)", "(bad)", "xlat   %ds:(%rbx)", "> mov    0x10(%rdi),%rax", "ret"}},
		{"an odd beginning does not take what follows with it", "a0 4d 55 d7 65 ff 05 19 17 c4 3f 48 81 c2 e4 57 00 00 c3", base + 18,
			[]string{"(bad)", "rex.WRB push %r13", "xlat   %ds:(%rbx)", "incl   %gs:0x3fc41719(%rip)  # 0xffffffffffe42724", "add    $0x57e4,%rdx", "> ret"}},
		{"code begins with the end of an instruction that looks like others", "6a 53 d6 ff 48 89 c1 8b 43 74 48 8d 04 c0 41 8b 84 c5 90 01 00 00 48 01 c8 48 89 83 c0 00 00 00 e9 03 ff ff ff 4c 89 4c 24 08 c3", base + 42,
			[]string{"(bad)", "mov    %rax,%rcx", "mov    0x74(%rbx),%eax", "lea    (%rax,%rax,8),%rax", "mov    0x190(%r13,%rax,8),%eax", "add    %rcx,%rax",
				"mov    %rax,0xc0(%rbx)", "jmp    0xffffffffc0200f28", "mov    %r9,0x8(%rsp)", "> ret"}},
		{"fault is inside the only instruction", "48 b8 00 00 00 00 06 00 00 00 c3", base + 10,
			[]string{"movabs $0x600000000,%rax", "> ret"}},
		{"fault is the first byte", "c3 90", base, []string{"> ret", "nop"}},
		{"fault is outside", "c3 90", base + 2, []string{"ret", "nop"}},
		{"fault is below", "c3 90", base - 1, []string{"ret", "nop"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			have := texts(Disassemble(unhex(t, tt.code), base, tt.fault, nil))
			if fmt.Sprint(have) != fmt.Sprint(tt.want) {
				t.Errorf("have %q\nwant %q", have, tt.want)
			}
		})
	}
}

func TestJumpIntoAnInstructionKeepsWhatComesBefore(t *testing.T) {
	// Twenty times movabs, entered at the last byte of the last one: no start
	// within reach of the beginning comes out there.
	code := append(bytes.Repeat([]byte{0x48, 0xb8, 0x48, 0xb8, 0x48, 0xb8, 0x48, 0xb8, 0x48, 0xb8}, 20), 0xc3)
	fault := base + addr.Addr(len(code)-2)
	list := Disassemble(code, base, fault, nil)
	checkListing(t, code, fault, list)
	if n := len(list); n != 21 || !list[n-2].Bad || !list[n-1].Marked {
		t.Errorf("have %q, want the instructions before the fault and the overlap as (bad)", texts(list))
	}
}

func TestAroundCutsAtTheMark(t *testing.T) {
	code := bytes.Repeat([]byte{0x90}, 20)
	list := Disassemble(code, base, base+10, nil)
	cut := Around(list, 3, 2)
	if len(cut) != 6 || cut[0].Addr != base+7 || !cut[3].Marked {
		t.Errorf("have %d instructions from %v", len(cut), cut[0].Addr)
	}
	if cut := Around(Disassemble(code, base, 0, nil), 3, 2); len(cut) != 6 || cut[0].Addr != base {
		t.Errorf("without a mark: have %d instructions from %v", len(cut), cut[0].Addr)
	}
	if cut := Around(nil, 3, 2); len(cut) != 0 {
		t.Errorf("of nothing: have %d instructions", len(cut))
	}
}

func FuzzDisassemble(f *testing.F) {
	f.Add([]byte("\x55\x48\x89\xe5\x48\x8b\x47\x10\xc3"), uint16(4))
	f.Add([]byte("\x66\x48\x0f\x38\xf5\x5d\x00\xf3\x0f\x1e"), uint16(3))
	f.Add([]byte("\xc4\xe2\x78\x49\xc0"), uint16(0))
	f.Fuzz(func(t *testing.T, code []byte, at uint16) {
		fault := base + addr.Addr(at)
		checkListing(t, code, fault, Disassemble(code, base, fault, func(addr.Addr) string { return "f" }))
	})
}

// checkListing checks what Disassemble promises.
func checkListing(t *testing.T, code []byte, fault addr.Addr, list []Instruction) {
	t.Helper()
	at, marked := base, 0
	var joined []byte
	for _, i := range list {
		if i.Addr != at || len(i.Bytes) == 0 || len(i.Bytes) > maxInstruction || i.Text == "" {
			t.Fatalf("instruction %+v at %v", i, at)
		}
		if i.Marked {
			marked++
			if i.Addr != fault {
				t.Fatalf("marked %v, fault %v", i.Addr, fault)
			}
		}
		at = i.End()
		joined = append(joined, i.Bytes...)
	}
	if !bytes.Equal(joined, code) {
		t.Fatalf("instructions hold % x, code is % x", joined, code)
	}
	if inside := fault < base+addr.Addr(len(code)); inside != (marked == 1) {
		t.Fatalf("fault inside the code is %v, marked %d times", inside, marked)
	}
}

func texts(list []Instruction) []string {
	var out []string
	for _, i := range list {
		if i.Marked {
			i.Text = "> " + i.Text
		}
		out = append(out, i.Text)
	}
	return out
}
