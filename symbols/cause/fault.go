package cause

// Kind is what kind of trap it was.
type Kind uint8

// The kinds. The zero value knows nothing.
const (
	Unknown Kind = iota
	PageFault
	GeneralProtection
	StackSegment
	DoubleFault
	Divide
	InvalidOpcode     // of no BUG() or WARN() that the kernel knows
	Bug               // BUG()
	Warning           // WARN()
	CFI               // an indirect call that kCFI refused
	Breakpoint        // int3
	ControlProtection // IBT or shadow stack
	StackGuard        // a page fault on the guard page of a stack
	Sanitizer         // a page fault that KFENCE provoked
	StackProtector    // a canary was overwritten; no trap, but a call of panic()
	Interrupt         // nothing trapped: a watchdog or a debugger looked
)

// Fault is what the CPU or the kernel's text said about a trap.
type Fault struct {
	Kind    Kind
	Addr    uint64 // that could not be accessed
	HasAddr bool
	Error   uint64 // the CPU's error code
	HasCode bool
	Detail  string // what the kernel added: file:line of a BUG(), the finding of KFENCE
}

// Bits of a page fault's error code.
// Source: linux arch/x86/include/asm/trap_pf.h.
const (
	pfPresent  = 1 << 0 // the page is there, the access is not allowed
	pfWrite    = 1 << 1
	pfUser     = 1 << 2
	pfReserved = 1 << 3
	pfExecute  = 1 << 4
	pfKey      = 1 << 5
)

func (f *Fault) bit(b uint64) bool { return f.HasCode && f.Error&b != 0 }

// executed reports whether the CPU said that it could not fetch an instruction.
func (f *Fault) executed() bool { return f.bit(pfExecute) }

// canary words what the stack protector found.
// Source: linux kernel/panic.c __stack_chk_fail.
func (f *Fault) canary() string {
	return "call of __stack_chk_fail at " + f.Detail + ": the canary below the return address was overwritten"
}

// refusal says why a page fault happened although the address has nothing odd.
// Source: linux arch/x86/mm/fault.c, show_fault_oops.
func (f *Fault) refusal(user bool, op Op) string {
	switch {
	case !f.HasCode || f.Kind != PageFault:
		return ""
	case f.bit(pfReserved):
		return "a reserved bit is set in the page table"
	case f.bit(pfKey):
		return "refused by a protection key"
	case !f.bit(pfPresent):
		return "not mapped"
	case op == Execute && user:
		return "which the kernel may not execute (SMEP)"
	case op == Execute:
		return "the page is not executable"
	case user && !f.bit(pfWrite):
		return "touched without stac (SMAP)"
	case user:
		return "touched without stac (SMAP), or the page is read-only"
	case f.bit(pfWrite):
		return "the page is read-only"
	}
	return "protection violation"
}
