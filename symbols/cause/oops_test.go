package cause

import (
	"testing"

	"ktrap/symbols/oops"
)

// TestTheFilesCodeCountsWhereItFitsTheLog takes logs without code, as kernels print
// them when the page before the instruction is not there.
func TestTheFilesCodeCountsWhereItFitsTheLog(t *testing.T) {
	const (
		null = "BUG: kernel NULL pointer dereference, address: 0000000000000010\n#PF: error_code(0x0002) - not-present page\nOops: 0002 [#1] SMP\n"
		bug  = "------------[ cut here ]------------\nkernel BUG at mm/slub.c:419!\ninvalid opcode: 0000 [#1] SMP\n"
		div  = "divide error: 0000 [#1] SMP\n"
		rest = "CPU: 0 PID: 1 Comm: sh Not tainted 6.1.0 #1\nRIP: 0010:f+0xc/0x20\nCode: Unable to access opcode bytes at 0xffffffffc02d4fe2.\n" +
			"RSP: 0018:ffffcd4a003cbcb8 EFLAGS: 00000202\nRAX: 0000000000000000 RBX: 0000000000000001 RCX: 0000000000000000\nCall Trace:\n g+0x1/0x2\n"
	)
	tests := []struct {
		name, head, text, want string
		used                   bool
	}{
		{"write that fits", null, "c7 40 10 01 00 00 00 c3", "write of 4 bytes at rax+0x10 = 0x10: null pointer, member at offset 16", true},
		{"other address", null, "c7 40 18 01 00 00 00 c3", "write at 0x10: null pointer plus 0x10", false},
		{"register that is not known", null, "c7 47 10 01 00 00 00 c3", "write at 0x10: null pointer plus 0x10", false},
		{"BUG", bug, "0f 0b", "ud2: BUG() at mm/slub.c:419", true},
		{"BUG, and the file has none there", bug, "90", "", false},
		{"division", div, "f7 f9", "idiv: division by zero, ecx = 0", true},
		{"division, and the file has none there", div, "90", "", false},
		{"no code in the file", null, "", "write at 0x10: null pointer plus 0x10", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			found := oops.Parse([]byte(tt.head + rest))
			if len(found) != 1 {
				t.Fatalf("%d crashes", len(found))
			}
			c, ok := FromOops(&found[0], &Place{PC: pc, Linked: true, Text: func() []byte { return unhex(t, tt.text) }})
			if !ok || c.Text != tt.want || c.FromFile != tt.used || (len(c.Listing) == 1) != tt.used {
				t.Errorf("have %q, from the file: %v, %d instructions\nwant %q", c.Text, c.FromFile, len(c.Listing), tt.want)
			}
		})
	}
}

// TestOtherProcessorsAreListed takes what the kernel prints on arm64 and riscv.
func TestOtherProcessorsAreListed(t *testing.T) {
	const head = "Unable to handle kernel NULL pointer dereference at virtual address 0000000000000018\n"
	tests := []struct{ name, text, want string }{
		{"arm64", "Internal error: Oops: 0000000096000004 [#1] SMP\nCPU: 0 PID: 1 Comm: init Not tainted 6.1.0 #1\npc : f+0x1c/0x40\nlr : g+0x20/0x60\nsp : ffff80000803bd70\n" +
			"x29: ffff80000803bd70 x28: 0000000000000000 x27: 0000000000000000\nx2 : 0000000000000000 x1 : 0000000000000000 x0 : 0000000000000000\n" +
			"Call trace:\n f+0x1c/0x40\n g+0x20/0x60\nCode: a9bf7bfd 97fffff0 (f9400c00) \n",
			"stp x29, x30, [sp,#-16]!\nbl <f-0x28>\n> ldr x0, [x0,#24]\n"},
		{"riscv", "Oops [#1]\nCPU: 0 PID: 1 Comm: init Not tainted 6.1.0 #1\nepc : f+0x1e/0x40\n ra : g+0x22/0x60\n" +
			"epc : ffffffff80002a1e ra : ffffffff80002a82 sp : ff20000000013d70\n gp : ffffffff81200000 tp : ff60000001288000 t0 : 0000000000000000\n" +
			"[<ffffffff80002a1e>] f+0x1e/0x40\n[<ffffffff80002a82>] g+0x22/0x60\nCode: 3783 f404 (b783) 00d7\n",
			"ld a5,-192(s0)\n> ld a5,13(a5)\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			found := oops.Parse([]byte(head + tt.text))
			if len(found) != 1 {
				t.Fatalf("%d crashes", len(found))
			}
			c, ok := FromOops(&found[0], nil)
			have := ""
			for _, in := range c.Listing {
				if in.Marked {
					have += "> "
				}
				have += in.Text + "\n"
			}
			if !ok || have != tt.want || c.Text != "access at 0x18: null pointer plus 0x18" {
				t.Errorf("%q\nhave:\n%swant:\n%s", c.Text, have, tt.want)
			}
		})
	}
}

func TestTheMessageOfAWarningIsPartOfTheSentence(t *testing.T) {
	const rest = "WARNING: CPU: 0 PID: 1 at lib/refcount.c:28 f+0x1/0x20\nModules linked in:\nCPU: 0 PID: 1 Comm: sh Not tainted 6.1.0 #1\nRIP: 0010:f+0x1/0x20\n" +
		"Code: 90 <0f> 0b c3\nRSP: 0018:ffffcd4a003cbcb8 EFLAGS: 00000202\nRAX: 0000000000000000 RBX: 0000000000000001 RCX: 0000000000000000\nCall Trace:\n g+0x1/0x2\n"
	tests := []struct{ name, message, want string }{
		{"message", "refcount_t: underflow; use-after-free.\n", "ud2: WARN() at lib/refcount.c:28: refcount_t: underflow; use-after-free."},
		{"none", "", "ud2: WARN() at lib/refcount.c:28"},
		{"of several lines", "one\ntwo\n", "ud2: WARN() at lib/refcount.c:28"},
		{"not printable", "\x1b[2J\n", "ud2: WARN() at lib/refcount.c:28"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			found := oops.Parse([]byte("------------[ cut here ]------------\n" + tt.message + rest))
			if len(found) != 1 {
				t.Fatalf("%d crashes", len(found))
			}
			if c, _ := FromOops(&found[0], nil); c.Text != tt.want {
				t.Errorf("have %q\nwant %q", c.Text, tt.want)
			}
		})
	}
}
