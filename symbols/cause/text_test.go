package cause

import "testing"

func TestKernelsWordsSayWhatTrapped(t *testing.T) {
	tests := []struct {
		name, text string
		want       Fault
	}{
		{"null pointer", "BUG: kernel NULL pointer dereference, address: 0000000000000010\n#PF: supervisor write access in kernel mode\n#PF: error_code(0x0002) - not-present page\nPGD 0 P4D 0\nOops: 0002 [#1] SMP\n",
			Fault{Kind: PageFault, Addr: 0x10, HasAddr: true, Error: 2, HasCode: true}},
		{"page fault up to 5.0", "BUG: unable to handle kernel paging request at ffffdead00000000\nIP: f+0x1/0x2\nOops: 0003 [#1] SMP KASAN\n",
			Fault{Kind: PageFault, Addr: 0xffffdead00000000, HasAddr: true, Error: 3, HasCode: true}},
		{"null by name", "BUG: unable to handle kernel NULL pointer dereference at           (null)\nOops: 0000 [#1] SMP\n",
			Fault{Kind: PageFault, HasAddr: true, HasCode: true}},
		{"page fault since 6.9", "BUG: unable to handle page fault for address: ffffed1018000000\nOops: Oops: 0000 [#1] PREEMPT\n",
			Fault{Kind: PageFault, Addr: 0xffffed1018000000, HasAddr: true, HasCode: true}},
		{"arm64", "Unable to handle kernel NULL pointer dereference at virtual address 0000000000000018\nMem abort info:\n",
			Fault{Kind: PageFault, Addr: 0x18, HasAddr: true}},
		{"general protection", "Oops: general protection fault, probably for non-canonical address 0xdffffc0000000002: 0000 [#1] PREEMPT SMP KASAN\nKASAN: null-ptr-deref in range\n",
			Fault{Kind: GeneralProtection, Addr: 0xdffffc0000000002, HasAddr: true, HasCode: true}},
		{"general protection with a selector", "general protection fault: 0018 [#1] SMP\n", Fault{Kind: GeneralProtection, Error: 0x18, HasCode: true}},
		{"division", "divide error: 0000 [#1] SMP\n", Fault{Kind: Divide}},
		{"division, 5.8 and 5.9", "divide_error: 0000 [#1] PREEMPT SMP KASAN\n", Fault{Kind: Divide}},
		{"BUG", "------------[ cut here ]------------\nkernel BUG at mm/slub.c:419!\ninvalid opcode: 0000 [#1] PREEMPT SMP NOPTI\n", Fault{Kind: Bug, Detail: "mm/slub.c:419"}},
		{"BUG without its place", "Kernel BUG at [verbose debug info unavailable]\ninvalid opcode: 0000 [#1]\n", Fault{Kind: Bug}},
		{"invalid opcode", "invalid opcode: 0000 [#1] PREEMPT SMP NOPTI\n", Fault{Kind: InvalidOpcode}},
		{"WARN", "WARNING: CPU: 0 PID: 1 at kernel/fork.c:12 copy_process+0x1/0x2\n", Fault{Kind: Warning, Detail: "kernel/fork.c:12"}},
		{"WARN since 6.16", "WARNING: kernel/fork.c:12 at copy_process+0x1/0x2, CPU#0: sh/1\n", Fault{Kind: Warning, Detail: "kernel/fork.c:12"}},
		{"lockdep is no trap", "WARNING: Nested lock was not taken\n6.1.0 #1\n", Fault{}},
		{"lockdep before a fault", "WARNING: possible circular locking dependency detected\ndivide error: 0000 [#1] SMP\n", Fault{Kind: Divide}},
		{"double fault", "traps: PANIC: double fault, error_code: 0x0\n", Fault{Kind: DoubleFault}},
		{"guard page with a hashed address", "BUG: TASK stack guard page was hit at 000000006309ef27 (stack is 1..2)\nOops: stack guard page: 0000 [#1]\n", Fault{Kind: StackGuard}},
		{"KFENCE", "BUG: KFENCE: use-after-free read in c_kfence+0x1/0x2\n", Fault{Kind: Sanitizer, Detail: "KFENCE: use-after-free read"}},
		{"kCFI", "CFI failure at f+0x1/0x2 (target: g+0x0/0x1; expected type: 0x1)\n", Fault{Kind: CFI, Detail: "f+0x1/0x2"}},
		{"missing endbr64", "traps: Missing ENDBR: f+0x0/0x10\n", Fault{Kind: ControlProtection, Detail: "indirect jump or call to f+0x0/0x10, which has no endbr64"}},
		{"stack protector", "Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: c_stackprot+0x66/0x70 [crashme]\n",
			Fault{Kind: StackProtector, Detail: "c_stackprot+0x66/0x70"}},
		{"int3", "int3: 0000 [#1] SMP\n", Fault{Kind: Breakpoint}},
		{"stack segment", "stack segment: 0000 [#1] SMP\n", Fault{Kind: StackSegment}},
		{"soft lockup", "watchdog: BUG: soft lockup - CPU#0 stuck for 44s! [sh:1]\n", Fault{Kind: Interrupt}},
		{"no crash", "usb 1-1: new device\n", Fault{}},
		{"address that is cut", "BUG: unable to handle page fault for address: \n", Fault{Kind: PageFault}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if have := ParseFault(tt.text); have != tt.want {
				t.Errorf("have %+v\nwant %+v", have, tt.want)
			}
		})
	}
}
