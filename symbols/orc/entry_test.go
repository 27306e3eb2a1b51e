package orc

import (
	"reflect"
	"testing"

	"ktrap/symbols/cfi"
)

// call is the row of a call with the given CFA and rule for rbp.
func call(c cfi.CFARule, bp cfi.Rule) cfi.Row {
	r := cfi.Row{CFA: c}
	r.Rules[cfi.RIP] = cfi.Rule{Kind: cfi.AtCFA, Off: -8}
	r.Rules[cfi.RSP] = cfi.Rule{Kind: cfi.IsCFA}
	r.Rules[cfi.RBP] = bp
	return r
}

func TestEntryRow(t *testing.T) {
	same := cfi.Rule{Kind: cfi.Same}
	atSP := func(off int64) cfi.CFARule { return cfi.CFARule{Reg: cfi.RSP, Off: off} }
	regs := func(k cfi.Kind, off int64, rules [cfi.NumRegs]cfi.Rule) cfi.Row {
		return cfi.Row{Kind: k, CFA: atSP(off), Rules: rules, Signal: true}
	}
	undefined := cfi.Row{Kind: cfi.Undefined}
	tests := []struct {
		name    string
		version Version
		entry   entry
		want    cfi.Row
	}{
		{"v1 leaf", V1, entry{8, 0, 0x005}, call(atSP(8), same)},
		{"v1 saved rbp", V1, entry{24, -16, 0x015}, call(atSP(24), cfi.Rule{Kind: cfi.AtCFA, Off: -16})},
		{"v1 frame pointer", V1, entry{16, -16, 0x014}, call(cfi.CFARule{Reg: cfi.RBP, Off: 16}, cfi.Rule{Kind: cfi.AtCFA, Off: -16})},
		{"v1 rbp saved at rbp", V1, entry{16, 0, 0x045}, call(atSP(16), cfi.Rule{Kind: cfi.AtReg, Reg: cfi.RBP})},
		{"v1 stack switch adds after the load", V1, entry{16, 0, 0x009},
			call(cfi.CFARule{Reg: cfi.RSP, Deref: true, After: 16}, same)},
		{"before 5.12 it adds before the load", V1Pre512, entry{16, 0, 0x009},
			call(cfi.CFARule{Reg: cfi.RSP, Off: 16, Deref: true}, same)},
		{"v1 realigned stack", V1, entry{-8, 0, 0x008}, call(cfi.CFARule{Reg: cfi.RBP, Off: -8, Deref: true}, same)},
		{"v1 r10 stands alone", V1, entry{8, 0, 0x006}, call(cfi.CFARule{Reg: cfi.R10}, same)},
		{"v1 r13", V1, entry{0, 0, 0x007}, call(cfi.CFARule{Reg: cfi.R13}, same)},
		{"v1 rdi", V1, entry{0, 0, 0x003}, call(cfi.CFARule{Reg: cfi.RDI}, same)},
		{"v1 rdx", V1, entry{0, 0, 0x002}, call(cfi.CFARule{Reg: cfi.RDX}, same)},
		{"v1 pt_regs", V1, entry{0, 0, 0x105}, regs(cfi.FullRegs, 0, cfi.PtRegs())},
		{"v1 iret frame", V1, entry{8, 0, 0x205}, regs(cfi.PartialRegs, 8, cfi.IretFrame())},
		{"v1 undefined", V1, entry{0, 0, 0x000}, undefined},
		{"v1 end", V1, entry{0, 0, 0x400}, cfi.Row{Kind: cfi.End}},
		{"v1 impossible type", V1, entry{8, 0, 0x305}, undefined},
		{"v1 impossible register", V1, entry{8, 0, 0x00c}, undefined},
		{"v1 PREV_SP is no base", V1, entry{8, 0, 0x001}, undefined},

		{"v2 end", V2, entry{0, 0, 0x800}, cfi.Row{Kind: cfi.End}},
		{"v2 end with signal", V2, entry{0, 0, 0xc00}, cfi.Row{Kind: cfi.End, Signal: true}},
		{"v2 pt_regs of an int3 point behind it", V2, entry{0, 0, 0x105},
			cfi.Row{Kind: cfi.FullRegs, CFA: atSP(0), Rules: cfi.PtRegs()}},
		{"v2 pt_regs", V2, entry{0, 0, 0x505}, regs(cfi.FullRegs, 0, cfi.PtRegs())},

		{"v3 undefined", V3, entry{8, 0, 0x005}, undefined},
		{"v3 end", V3, entry{0, 0, 0x100}, cfi.Row{Kind: cfi.End}},
		{"v3 call", V3, entry{8, 0, 0x205}, call(atSP(8), same)},
		{"v3 pt_regs", V3, entry{0, 0, 0xb05}, regs(cfi.FullRegs, 0, cfi.PtRegs())},
		{"v3 iret frame", V3, entry{0, 0, 0xc05}, regs(cfi.PartialRegs, 0, cfi.IretFrame())},
		{"v3 impossible type", V3, entry{0, 0, 0x705}, undefined},

		{"v4 leaf", V4, entry{8, 0, 0x203}, call(atSP(8), same)},
		{"v4 frame pointer", V4, entry{16, -16, 0x284}, call(cfi.CFARule{Reg: cfi.RBP, Off: 16}, cfi.Rule{Kind: cfi.AtCFA, Off: -16})},
		{"v4 rax", V4, entry{0, 0, 0x201}, call(cfi.CFARule{Reg: cfi.RAX}, same)},
		{"v4 stack switch", V4, entry{8, 0, 0x209}, call(cfi.CFARule{Reg: cfi.RSP, Deref: true, After: 8}, same)},
		{"v4 realigned stack", V4, entry{-8, 0, 0x20a}, call(cfi.CFARule{Reg: cfi.RBP, Off: -8, Deref: true}, same)},
		{"v4 impossible register", V4, entry{8, 0, 0x20b}, undefined},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.entry.row(tt.version); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}
