// Package cfi holds the one unwind row that every source yields: ORC and
// .debug_frame both become a [Row], and one evaluator (session/unwind) walks
// all of them.
package cfi

// Row says how to go from a frame to its caller at one pc.
type Row struct {
	CFA    CFARule
	Rules  [NumRegs]Rule // the caller's registers; Rules[RIP] is the return address
	Kind   Kind
	Signal bool // the caller was interrupted, it did not call: its pc is exact
}

// Kind says what stands at the CFA.
type Kind uint8

// The kinds of frame.
const (
	Call        Kind = iota // a return address below the CFA
	FullRegs                // a whole pt_regs at the CFA; the caller was interrupted
	PartialRegs             // an iret frame (ip cs flags sp ss) at the CFA
	End                     // the outermost frame
	Undefined               // this code cannot be unwound
)

// CFARule computes the canonical frame address: Reg+Off, then if Deref the
// word there plus After. A non-nil Expr (DWARF expression) replaces all that.
type CFARule struct {
	Reg   Reg
	Off   int64
	Deref bool
	After int64
	Expr  []byte
}

// Rule says where the caller's value of one register is.
type Rule struct {
	Kind RuleKind
	Reg  Reg    // for InReg and AtReg
	Off  int64  // for AtCFA, IsCFA, InReg and AtReg
	Expr []byte // for AtExpr and IsExpr
}

// RuleKind selects the meaning of a [Rule].
type RuleKind uint8

// The rule kinds; the zero value is Unknown.
const (
	Unknown RuleKind = iota // the caller's value is lost
	Same                    // unchanged
	AtCFA                   // saved at CFA+Off
	IsCFA                   // is CFA+Off
	InReg                   // is Reg+Off
	AtReg                   // saved at Reg+Off (callee's value of Reg)
	AtExpr                  // saved where Expr points
	IsExpr                  // is the value of Expr
)

// Table gives the row for a pc, if the table covers it.
// Units: the pc is in the address space the table was built for.
type Table interface {
	Row(pc uint64) (Row, bool)
}
