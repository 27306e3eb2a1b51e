package session

import (
	"testing"

	"ktrap/session/trap"
	"ktrap/symbols/cause"
	"ktrap/symbols/cfi"
	"ktrap/symbols/oops"
)

func TestFaultIsThatOfTheStopWithTheKernelsWords(t *testing.T) {
	point := func(name string) *trap.Point {
		for _, p := range trap.Points() {
			if p.Name == name {
				return &p
			}
		}
		t.Fatalf("no point %s", name)
		return nil
	}
	said := func(text string) *oops.Oops { return &oops.Oops{Report: []byte(text)} }
	tests := []struct {
		name string
		open trap.Open
		said *oops.Oops
		want cause.Fault
	}{
		{"page fault without text", trap.Open{Point: point("page_fault_oops"), Fault: 0x10, Error: 2}, nil,
			cause.Fault{Kind: cause.PageFault, Addr: 0x10, HasAddr: true, Error: 2, HasCode: true}},
		{"guard page whose address the text hides", trap.Open{Point: point("page_fault_oops"), Fault: 0xffffc90000122ff8, Error: 2},
			said("BUG: TASK stack guard page was hit at 000000006309ef27\n"),
			cause.Fault{Kind: cause.StackGuard, Addr: 0xffffc90000122ff8, HasAddr: true, Error: 2, HasCode: true}},
		{"protection fault whose address the kernel knows", trap.Open{Point: point("die_addr"), Fault: 0xdead000000000100},
			said("general protection fault, probably for non-canonical address 0xdead000000000100: 0000 [#1]\n"),
			cause.Fault{Kind: cause.GeneralProtection, Addr: 0xdead000000000100, HasAddr: true, HasCode: true}},
		{"protection fault whose address nobody knows", trap.Open{Point: point("die_addr")}, said("general protection fault: 0000 [#1]\n"),
			cause.Fault{Kind: cause.GeneralProtection, HasCode: true}},
		{"BUG", trap.Open{Point: point("die")}, said("kernel BUG at a.c:1!\n"), cause.Fault{Kind: cause.Bug, Detail: "a.c:1", HasCode: true}},
		{"warning with the text of something else", trap.Open{Point: point("__warn")}, said("kernel BUG at a.c:1!\n"), cause.Fault{Kind: cause.Warning}},
		{"KFENCE without text", trap.Open{Point: point("kfence_report_error"), Fault: 0x1000}, nil,
			cause.Fault{Kind: cause.Sanitizer, Addr: 0x1000, HasAddr: true}},
		{"report that was not seen to begin", trap.Open{}, said("divide error: 0000 [#1]\n"), cause.Fault{Kind: cause.Divide}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if have := faultOf(&tt.open, tt.said); have != tt.want {
				t.Errorf("have %+v\nwant %+v", have, tt.want)
			}
		})
	}
}

func TestErrorCodeOfAPageFaultIsTaken(t *testing.T) {
	for _, p := range trap.Points() {
		if p.Name != "page_fault_oops" {
			continue
		}
		h := trap.Hit{Point: &p}
		h.Regs.Set(cfi.RSI, 3)
		h.Regs.Set(cfi.RDX, 0x1000)
		var e trap.Engine
		if o := e.Hit(&h).Capture; o == nil || o.Error != 3 || o.Fault != 0x1000 {
			t.Errorf("have %+v", o)
		}
	}
}
