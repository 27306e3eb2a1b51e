package cause

import (
	"encoding/hex"
	"strings"
	"testing"

	"ktrap/symbols/addr"
)

const (
	pc    = addr.Addr(0xffffffff81234560)
	stack = 0xffffc90000123f00
)

// unknown is the value of a register that nobody knows.
const unknown = 0x0badbadbadbadbad

// state is registers by name; rsp and what is not named have values that are fine.
type state map[string]uint64

func (s state) reg(name string) (uint64, bool) {
	if v, ok := s[name]; ok {
		return v, v != unknown
	}
	switch name {
	case "rsp":
		return stack, true
	case "gs_base", "cr2", "cr4":
		return 0, false
	}
	return 0xffff888000001000, true
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatalf("bytes %q: %v", s, err)
	}
	return b
}

// explainAt explains the instruction behind '>' in code.
func explainAt(t testing.TB, code string, f Fault, regs state) Cause {
	t.Helper()
	before, after, ok := strings.Cut(code, ">")
	if !ok {
		before, after = "", code
	}
	lead := unhex(t, before)
	return Explain(&Input{
		Code: append(lead, unhex(t, after)...), Base: pc - addr.Addr(len(lead)), PC: pc,
		Reg: regs.reg, Fault: f,
		Name: func(a addr.Addr) string {
			if a&^0xfff == 0xffffffff81234000 {
				return "vfs_read+0x20"
			}
			return ""
		},
	})
}

func pageFaultAt(at, code uint64) Fault {
	return Fault{Kind: PageFault, Addr: at, HasAddr: true, Error: code, HasCode: true}
}

var protection = Fault{Kind: GeneralProtection, HasCode: true}

func TestAccessesAreExplained(t *testing.T) {
	tests := []struct {
		name, code string
		fault      Fault
		regs       state
		want       string
	}{
		{"member of null", "48 8b 40 10", pageFaultAt(0x10, 0), state{"rax": 0},
			"read of 8 bytes at rax+0x10 = 0x10: null pointer, member at offset 16"},
		{"null itself", "c6 00 01", pageFaultAt(0, 2), state{"rax": 0}, "write of 1 byte at rax = 0x0: null pointer"},
		{"before null", "48 8b 47 e8", pageFaultAt(^uint64(23), 0), state{"rdi": 0},
			"read of 8 bytes at rdi-0x18 = 0xffffffffffffffe8: null pointer, 24 bytes before it"},
		{"far behind null", "8b 87 00 20 00 00", pageFaultAt(0x2000, 0), state{"rdi": 0},
			"read of 4 bytes at rdi+0x2000 = 0x2000: null pointer, member at offset 8192"},
		{"element of null", "8b 04 9f", pageFaultAt(0x14, 0), state{"rdi": 0, "rbx": 5},
			"read of 4 bytes at rdi+rbx*4 = 0x14: null pointer, 20 bytes behind it"},
		{"next to null", "8b 47 10", pageFaultAt(0x18, 0), state{"rdi": 8},
			"read of 4 bytes at rdi+0x10 = 0x18: rdi = 0x8 is next to null, member at offset 16"},
		{"pointer to a member of null", "8b 07", pageFaultAt(0x8, 0), state{"rdi": 8},
			"read of 4 bytes at rdi = 0x8: null pointer plus 0x8"},
		{"error pointer", "48 8b 43 18", pageFaultAt(0xc, 0), state{"rbx": ^uint64(11)},
			"read of 8 bytes at rbx+0x18 = 0xc: rbx = -12 is ERR_PTR(-ENOMEM), member at offset 24"},
		{"error pointer that may be before null", "48 8b 43 18", pageFaultAt(0x8, 0), state{"rbx": ^uint64(15)},
			"read of 8 bytes at rbx+0x18 = 0x8: rbx = -16 is ERR_PTR(-EBUSY), or 16 bytes before a null pointer, member at offset 24"},
		{"before null, no number of an error", "48 8b 43 18", pageFaultAt(^uint64(0x8f), 0), state{"rbx": ^uint64(167)},
			"read of 8 bytes at rbx+0x18 = 0xffffffffffffff70: rbx = -168 is 168 bytes before a null pointer, or an error pointer, member at offset 24"},
		{"user pointer", "8b 00", pageFaultAt(0x7f0012345000, 0), state{"rax": 0x7f0012345000},
			"read of 4 bytes at rax = 0x7f0012345000: user-space address, not mapped"},
		{"user pointer without stac", "8b 00", pageFaultAt(0x7f0012345000, 1), state{"rax": 0x7f0012345000},
			"read of 4 bytes at rax = 0x7f0012345000: user-space address, touched without stac (SMAP)"},
		{"read-only page", "c6 00 90", pageFaultAt(0xffffffff81234010, 3), state{"rax": 0xffffffff81234010},
			"write of 1 byte at rax = 0xffffffff81234010: vfs_read+0x20, the page is read-only"},
		{"corrupted page table", "8b 00", pageFaultAt(0xffff888000001000, 9), nil,
			"read of 4 bytes at rax = 0xffff888000001000: a reserved bit is set in the page table"},
		{"second page of an access", "48 8b 00", pageFaultAt(0xffff888000001000, 0), state{"rax": 0xffff888000000ffc},
			"read of 8 bytes at rax = 0xffff888000000ffc: not mapped"},
		{"modified memory", "f0 ff 83 98 01 00 00", pageFaultAt(0x198, 2), state{"rbx": 0},
			"read and write of 4 bytes at rbx+0x198 = 0x198: null pointer, member at offset 408"},
		{"source of a copy", "f3 48 a5", pageFaultAt(0x40, 0), state{"rsi": 0x40},
			"read of 8 bytes at rsi = 0x40: null pointer plus 0x40"},
		{"target of a copy", "f3 a4", pageFaultAt(0, 2), state{"rdi": 0}, "write of 1 byte at rdi = 0x0: null pointer"},
		{"bit of a bit map", "48 0f a3 07", pageFaultAt(0x18, 0), state{"rdi": 0, "rax": 200},
			"read of 8 bytes at rdi+rax/8 = 0x18: null pointer, 24 bytes behind it"},
		{"per-CPU variable", "65 48 8b 05 00 00 00 00", pageFaultAt(0xffffffff82234568, 0), state{"gs_base": 0x1000000},
			"read of 8 bytes at gs_base+rip = 0xffffffff82234568: in the area of the kernel and its modules, not mapped"},
		{"push without stack", "50", pageFaultAt(0xffffc90000122ff8, 2), state{"rsp": 0xffffc90000123000},
			"write of 8 bytes at rsp-0x8 = 0xffffc90000122ff8: not mapped"},
		{"call through null", "ff 53 18", pageFaultAt(0x18, 0), state{"rbx": 0},
			"read of 8 bytes at rbx+0x18 = 0x18: null pointer, member at offset 24"},
		{"unknown register", "8b 44 08 10", pageFaultAt(0x7f0000000010, 0), state{"rax": 0x7f0000000000, "rcx": unknown},
			"read of 4 bytes at rax+rcx+0x10 = 0x7f0000000010: user-space address, not mapped"},
		{"registers that do not fit", "8b 40 10", pageFaultAt(0x5000, 2), state{"rax": 0},
			"write at 0x5000: user-space address, not mapped"},
		{"index from freed memory", "8b 04 87", pageFaultAt(0xffff8881adadadac, 0), state{"rdi": 0xffff888000000000, "rax": 0x6b6b6b6b},
			"read of 4 bytes at rdi+rax*4 = 0xffff8881adadadac: not mapped, rax = 0x6b6b6b6b is slab poison of freed memory"},
		{"null function", "", pageFaultAt(uint64(pc), 0x10), nil, "jump to 0xffffffff81234560: vfs_read+0x20, not mapped"},
		{"instruction that goes over into a page without code", "48 8b 00", pageFaultAt(uint64(pc)+2, 0x10), nil,
			"fetch of code at 0xffffffff81234562: vfs_read+0x20, not mapped"},
		{"data as function", "c3", pageFaultAt(uint64(pc), 0x11), nil, "jump to 0xffffffff81234560: vfs_read+0x20, the page is not executable"},

		{"list poison", "48 89 50 08", protection, state{"rax": 0xdead000000000100},
			"write of 8 bytes at rax+0x8 = 0xdead000000000108: rax is LIST_POISON1, as list_del() leaves it, member at offset 8"},
		{"hlist poison", "48 89 02", protection, state{"rdx": 0xdead000000000122},
			"write of 8 bytes at rdx = 0xdead000000000122: rdx is LIST_POISON2, as list_del() leaves it"},
		{"container of list poison", "8b 43 04", protection, state{"rbx": 0xdead0000000000f0},
			"read of 4 bytes at rbx+0x4 = 0xdead0000000000f4: non-canonical address, poison: POISON_POINTER_DELTA + 0xf4"},
		{"freed slab", "8b 40 10", protection, state{"rax": 0x6b6b6b6b6b6b6b6b},
			"read of 4 bytes at rax+0x10 = 0x6b6b6b6b6b6b6b7b: rax is slab poison of freed memory, member at offset 16"},
		{"before freed slab", "8b 40 10", protection, state{"rax": 0x6b6b6b6b6b6b6b43},
			"read of 4 bytes at rax+0x10 = 0x6b6b6b6b6b6b6b53: non-canonical address, slab poison of freed memory"},
		{"inside of a lock", "f0 ff 83 98 01 00 00", protection, state{"rbx": 0xdead4ead00000000},
			"read and write of 4 bytes at rbx+0x198 = 0xdead4ead00000198: non-canonical address, SPINLOCK_MAGIC in it: the inside of a lock was taken for a pointer"},
		{"garbage", "8b 00", protection, state{"rax": 0x1234567812345678},
			"read of 4 bytes at rax = 0x1234567812345678: non-canonical address"},
		{"text", "8b 00", protection, state{"rax": 0x2e6b656572676568},
			`read of 4 bytes at rax = 0x2e6b656572676568: non-canonical address, the text "hegreek."`},
		{"canonical with 5 levels", "8b 00", protection, state{"rax": 0x00ff888000001000, "cr4": 1 << 12}, ""},
		{"KASAN and null", "80 3c 02 00", protection, state{"rdx": 2, "rax": shadowOffset},
			"read of 1 byte at rdx+rax = 0xdffffc0000000002: KASAN's check of address 0x10 to 0x17: null pointer, member at offset 16 to 23"},
		{"KASAN and a user pointer", "80 38 00", protection, state{"rax": 0xdffffc0000000000 + 0x7f0000000000>>3},
			"read of 1 byte at rax = 0xe0000be000000000: KASAN's check of address 0x7f0000000000 to 0x7f0000000007: user-space address"},
		{"KASAN and a wild pointer", "80 3c 02 00", protection, state{"rdx": 0xdead000000000100 >> 3, "rax": shadowOffset},
			"read of 1 byte at rdx+rax = 0xfbd59c0000000020: KASAN's check of address 0xdead000000000100 to 0xdead000000000107: non-canonical address, poison: POISON_POINTER_DELTA + 0x100"},
		{"KASAN and an address without shadow", "80 3c 02 00", pageFaultAt(0xfffffbfff0000000, 0), state{"rdx": 0xfffffbfff0000000 - shadowOffset, "rax": shadowOffset},
			"read of 1 byte at rdx+rax = 0xfffffbfff0000000: KASAN's check of address 0xffffffff80000000 to 0xffffffff80000007, which has no shadow"},
		{"jump to garbage", "ff d0", protection, state{"rax": 0x4141414141414141},
			`jump to rax = 0x4141414141414141: non-canonical address, the text "AAAAAAAA"`},
		{"jump through a pointer to garbage", "ff 53 18", protection, state{"rbx": 0xffff888000001000},
			"jump through rbx+0x18 = 0xffff888000001018: the pointer there is non-canonical"},
		{"jump of a retpoline", "48 89 1c 24 > c3", protection, state{"rbx": 0x894cdffffc000000},
			"jump to rbx = 0x894cdffffc000000: non-canonical address"},
		{"overwritten return address", "5b > c3", protection, nil, "ret: the return address on the stack is non-canonical"},
		{"bad MSR", "0f 30", protection, state{"rcx": 0xffffffff00000122, "rax": 3, "rdx": 1},
			"wrmsr of 0x100000003 (edx:eax) to MSR 0x122 (ecx): not there, or a value that it does not take"},
		{"MSR that is not there", "0f 32", protection, state{"rcx": 0x4b564d00}, "rdmsr of MSR 0x4b564d00 (ecx): not there, or not readable"},
		{"control register", "0f 22 e0", protection, state{"rax": 1 << 63}, "write of rax = 0x8000000000000000 to cr4: bits that it does not take"},
		{"segment", "8e d8", Fault{Kind: GeneralProtection, Error: 0x18, HasCode: true}, nil, "load of segment register ds: bad selector, entry 0x3 of the GDT"},
		{"alignment", "0f 29 00", protection, state{"rax": 0xffff888000001008},
			"write of 16 bytes at rax = 0xffff888000001008: not aligned to 16 bytes"},
		{"the kernel's own guess", "48 01 44 8a 10", Fault{Kind: GeneralProtection, Addr: 0xdead000000000110, HasAddr: true}, state{"rax": 0xffff888000000000, "rcx": unknown, "rdx": unknown},
			"read and write of 8 bytes at rdx+rcx*4+0x10 = 0xdead000000000110: non-canonical address, poison: POISON_POINTER_DELTA + 0x110"},
		{"nothing to see", "90", protection, nil, ""},
		{"stack segment", "48 8b 45 08", Fault{Kind: StackSegment}, state{"rbp": 0x8000000000000000},
			"read of 8 bytes at rbp+0x8 = 0x8000000000000008: non-canonical address"},

		{"guard page", "50", Fault{Kind: StackGuard}, state{"rsp": 0xffffc90000123000, "cr2": 0xffffc90000122ff8},
			"write of 8 bytes at rsp-0x8 = 0xffffc90000122ff8: guard page of the stack, which is used up"},
		{"KFENCE", "8a 07", Fault{Kind: Sanitizer, Detail: "KFENCE: use-after-free read"}, nil,
			"read of 1 byte at rdi = 0xffff888000001000: KFENCE: use-after-free read"},
		{"double fault", "50", Fault{Kind: DoubleFault, HasCode: true}, state{"rsp": 0xfffffc0000001000},
			"double fault: write of 8 bytes at rsp-0x8 = 0xfffffc0000000ff8, and the handler had no stack"},
		{"double fault elsewhere", "8b 00", Fault{Kind: DoubleFault}, nil,
			"double fault: another fault while the CPU entered the handler of one, rsp = 0xffffc90000123f00"},
		{"unknown kind, bad address", "8b 40 10", Fault{}, state{"rax": 0}, "read of 4 bytes at rax+0x10 = 0x10: null pointer, member at offset 16"},
		{"unknown kind, fine address", "8b 40 10", Fault{}, nil, ""},
		{"nothing trapped", "8b 40 10", Fault{Kind: Interrupt}, state{"rax": 0}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if c := explainAt(t, tt.code, tt.fault, tt.regs); c.Text != tt.want {
				t.Errorf("have %q\nwant %q", c.Text, tt.want)
			}
		})
	}
}
