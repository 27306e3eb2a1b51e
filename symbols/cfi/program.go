package cfi

// Call frame instructions. The first three carry an operand in their low bits.
// Source: DWARF 5, section 7.24, and the extensions of GNU.
const (
	opAdvanceLoc = 0x40
	opOffset     = 0x80
	opRestore    = 0xc0

	opNop              = 0x00
	opSetLoc           = 0x01
	opAdvanceLoc1      = 0x02
	opAdvanceLoc2      = 0x03
	opAdvanceLoc4      = 0x04
	opOffsetExtended   = 0x05
	opRestoreExtended  = 0x06
	opUndefined        = 0x07
	opSameValue        = 0x08
	opRegister         = 0x09
	opRememberState    = 0x0a
	opRestoreState     = 0x0b
	opDefCFA           = 0x0c
	opDefCFARegister   = 0x0d
	opDefCFAOffset     = 0x0e
	opDefCFAExpression = 0x0f
	opExpression       = 0x10
	opOffsetExtendedSF = 0x11
	opDefCFASF         = 0x12
	opDefCFAOffsetSF   = 0x13
	opValOffset        = 0x14
	opValOffsetSF      = 0x15
	opValExpression    = 0x16
	opGNUArgsSize      = 0x2e
	opGNUNegOffset     = 0x2f
)

// maxStates bounds DW_CFA_remember_state; compilers nest it once or twice.
const maxStates = 64

// columns are the registers that rows are made of; programs also speak of
// others (xmm), which are skipped.
type columns [NumRegs]Rule

// state is what a program works on: the row so far.
type state struct {
	cfa  CFARule
	regs columns
}

// program runs call frame instructions up to a pc.
type program struct {
	*cie
	cursor
	state
	loc, target uint64
	initial     columns // after the CIE's part, for DW_CFA_restore
	saved       []state
}

// run gives the row of function f at pc.
func run(info *cie, f *fde, pc uint64) (Row, bool) {
	p := program{cie: info, loc: f.low, target: pc, state: state{regs: abiRules()}}
	if !p.exec(info.program) {
		return Row{}, false
	}
	p.initial = p.regs
	if !p.exec(f.program) {
		return Row{}, false
	}
	row := Row{CFA: p.cfa, Rules: p.regs, Signal: info.signal}
	if info.ra >= uint64(NumRegs) {
		return Row{}, false
	}
	row.Rules[RIP] = p.regs[info.ra]
	if row.Rules[RIP].Kind == Unknown {
		row.Kind = End // an undefined return address marks the outermost frame
	}
	return row, true
}

// abiRules are the rules of registers that a program does not mention.
// Source: System V AMD64 psABI, callee-saved registers.
func abiRules() (c columns) {
	for _, r := range [...]Reg{RBX, RBP, R12, R13, R14, R15} {
		c[r] = Rule{Kind: Same}
	}
	c[RSP] = Rule{Kind: IsCFA}
	return c
}

// exec runs instructions until they pass the target, and reports whether they
// were well-formed.
func (p *program) exec(code []byte) bool {
	p.cursor = cursor{data: code}
	for len(p.data) > 0 && p.loc <= p.target {
		op := byte(p.uint(1))
		ok := true
		switch low := uint64(op & 0x3f); op & 0xc0 {
		case opAdvanceLoc:
			p.advance(low)
		case opOffset:
			p.set(low, Rule{Kind: AtCFA, Off: p.factored()})
		case opRestore:
			p.restore(low)
		default:
			ok = p.extended(op)
		}
		if !ok || p.bad {
			return false
		}
	}
	return true
}

// extended runs an instruction without operand in its opcode.
func (p *program) extended(op byte) bool {
	switch op {
	case opNop:
	case opSetLoc:
		p.loc = p.uint(p.addrSize)
	case opAdvanceLoc1:
		p.advance(p.uint(1))
	case opAdvanceLoc2:
		p.advance(p.uint(2))
	case opAdvanceLoc4:
		p.advance(p.uint(4))
	case opRestoreExtended:
		p.restore(p.uleb())
	case opRememberState:
		p.saved = append(p.saved, p.state)
		return len(p.saved) <= maxStates
	case opRestoreState:
		if len(p.saved) == 0 {
			return false
		}
		p.state = p.saved[len(p.saved)-1]
		p.saved = p.saved[:len(p.saved)-1]
	case opGNUArgsSize:
		p.uleb()
	default:
		return p.defineCFA(op) || p.defineRule(op)
	}
	return true
}

func (p *program) defineCFA(op byte) bool {
	switch op {
	case opDefCFA:
		p.cfa = CFARule{Reg: p.reg(), Off: int64(p.uleb())}
	case opDefCFASF:
		p.cfa = CFARule{Reg: p.reg(), Off: p.factoredSigned()}
	case opDefCFARegister:
		p.cfa.Reg, p.cfa.Expr = p.reg(), nil
	case opDefCFAOffset:
		p.cfa.Off, p.cfa.Expr = int64(p.uleb()), nil
	case opDefCFAOffsetSF:
		p.cfa.Off, p.cfa.Expr = p.factoredSigned(), nil
	case opDefCFAExpression:
		p.cfa = CFARule{Expr: p.expr()}
	default:
		return false
	}
	return true
}

func (p *program) defineRule(op byte) bool {
	r := p.uleb()
	switch op {
	case opUndefined:
		p.set(r, Rule{})
	case opSameValue:
		p.set(r, Rule{Kind: Same})
	case opRegister:
		p.set(r, Rule{Kind: InReg, Reg: p.reg()})
	case opOffsetExtended:
		p.set(r, Rule{Kind: AtCFA, Off: p.factored()})
	case opOffsetExtendedSF:
		p.set(r, Rule{Kind: AtCFA, Off: p.factoredSigned()})
	case opGNUNegOffset:
		p.set(r, Rule{Kind: AtCFA, Off: -p.factored()})
	case opValOffset:
		p.set(r, Rule{Kind: IsCFA, Off: p.factored()})
	case opValOffsetSF:
		p.set(r, Rule{Kind: IsCFA, Off: p.factoredSigned()})
	case opExpression:
		p.set(r, Rule{Kind: AtExpr, Expr: p.expr()})
	case opValExpression:
		p.set(r, Rule{Kind: IsExpr, Expr: p.expr()})
	default:
		return false
	}
	return true
}

func (p *program) advance(n uint64) { p.loc += n * p.codeAlign }

func (p *program) factored() int64 { return int64(p.uleb()) * p.dataAlign }

func (p *program) factoredSigned() int64 { return p.sleb() * p.dataAlign }

// reg reads a register that a value is computed from, which has to be one that
// rows know.
func (p *program) reg() Reg {
	n := p.uleb()
	if n >= uint64(NumRegs) {
		p.bad = true
		return 0
	}
	return Reg(n)
}

// expr reads an expression; an empty one is malformed.
func (p *program) expr() []byte {
	b := p.block()
	p.bad = p.bad || len(b) == 0
	return b
}

func (p *program) set(n uint64, r Rule) {
	if n < uint64(NumRegs) {
		p.regs[n] = r
	}
}

func (p *program) restore(n uint64) {
	if n < uint64(NumRegs) {
		p.regs[n] = p.initial[n]
	}
}
