package orc

import "ktrap/symbols/cfi"

// entry is struct orc_entry. The bits of flags differ by version.
type entry struct {
	spOff, bpOff int16
	flags        uint16
}

// base is what ORC means by a register number.
type base uint8

const (
	undefined base = iota
	prevSP
	dx
	di
	bp
	sp
	r10
	r13
	bpIndirect
	spIndirect
	ax
	invalid
)

// The register numbers of V4; those of the versions before are the values of
// base itself, up to spIndirect.
var basesV4 = [...]base{undefined, ax, dx, sp, bp, di, r10, r13, prevSP, spIndirect, bpIndirect}

func baseOf(n uint16, v Version) base {
	switch {
	case v == V4 && int(n) < len(basesV4):
		return basesV4[n]
	case v != V4 && n <= uint16(spIndirect):
		return base(n)
	}
	return invalid
}

// kind decodes the type, end and signal bits.
func (e entry) kind(v Version) (k cfi.Kind, signal bool) {
	if v >= V3 {
		return kindV3(e.flags >> 8 & 7), e.flags>>11&1 != 0
	}
	end := e.flags >> 10 & 1
	if v == V2 {
		end, signal = e.flags>>11&1, e.flags>>10&1 != 0
	}
	if e.flags&0xf == uint16(undefined) {
		if end != 0 {
			return cfi.End, signal
		}
		return cfi.Undefined, signal
	}
	switch e.flags >> 8 & 3 {
	case 0:
		return cfi.Call, signal
	case 1:
		return cfi.FullRegs, signal || v != V2
	case 2:
		return cfi.PartialRegs, signal || v != V2
	}
	return cfi.Undefined, false
}

func kindV3(t uint16) cfi.Kind {
	switch t {
	case 1:
		return cfi.End
	case 2:
		return cfi.Call
	case 3:
		return cfi.FullRegs
	case 4:
		return cfi.PartialRegs
	}
	return cfi.Undefined
}

// row translates the entry. An entry that makes no sense is undefined code.
func (e entry) row(v Version) cfi.Row {
	k, signal := e.kind(v)
	if k == cfi.Undefined || k == cfi.End {
		return cfi.Row{Kind: k, Signal: signal}
	}
	cfa, ok := e.cfa(v)
	if !ok {
		return cfi.Row{Kind: cfi.Undefined}
	}
	r := cfi.Row{CFA: cfa, Kind: k, Signal: signal}
	switch k {
	case cfi.FullRegs:
		r.Rules = cfi.PtRegs()
	case cfi.PartialRegs:
		r.Rules = cfi.IretFrame()
	default:
		r.Rules[cfi.RIP] = cfi.Rule{Kind: cfi.AtCFA, Off: -8}
		r.Rules[cfi.RSP] = cfi.Rule{Kind: cfi.IsCFA}
		r.Rules[cfi.RBP] = e.bp(v)
	}
	return r
}

// cfa is where the previous stack pointer, pt_regs or iret frame lies.
// Source: linux arch/x86/kernel/unwind_orc.c, unwind_next_frame.
func (e entry) cfa(v Version) (cfi.CFARule, bool) {
	off := int64(e.spOff)
	switch baseOf(e.flags&0xf, v) {
	case sp:
		return cfi.CFARule{Reg: cfi.RSP, Off: off}, true
	case bp:
		return cfi.CFARule{Reg: cfi.RBP, Off: off}, true
	case spIndirect:
		if v == V1Pre512 {
			return cfi.CFARule{Reg: cfi.RSP, Off: off, Deref: true}, true
		}
		return cfi.CFARule{Reg: cfi.RSP, Deref: true, After: off}, true
	case bpIndirect:
		return cfi.CFARule{Reg: cfi.RBP, Off: off, Deref: true}, true
	// The rest stand for the register's value alone, without the offset.
	case r10:
		return cfi.CFARule{Reg: cfi.R10}, true
	case r13:
		return cfi.CFARule{Reg: cfi.R13}, true
	case di:
		return cfi.CFARule{Reg: cfi.RDI}, true
	case dx:
		return cfi.CFARule{Reg: cfi.RDX}, true
	case ax:
		return cfi.CFARule{Reg: cfi.RAX}, true
	}
	return cfi.CFARule{}, false
}

// bp is the rule for the caller's rbp, the only register ORC restores at calls.
func (e entry) bp(v Version) cfi.Rule {
	switch baseOf(e.flags>>4&0xf, v) {
	case undefined:
		return cfi.Rule{Kind: cfi.Same}
	case prevSP:
		return cfi.Rule{Kind: cfi.AtCFA, Off: int64(e.bpOff)}
	case bp:
		return cfi.Rule{Kind: cfi.AtReg, Reg: cfi.RBP, Off: int64(e.bpOff)}
	}
	return cfi.Rule{}
}
