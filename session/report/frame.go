package report

// Kind says how control came to a frame.
type Kind string

// The kinds of frames.
const (
	Fault    Kind = "fault"              // where the crash happened: an exact pc with its registers
	Call     Kind = "call"               // called the frame before it: pc is a return address
	Boundary Kind = "exception boundary" // interrupted by the exception whose entry is the frame before it: an exact pc
	User     Kind = "user"               // user mode, from where the kernel was entered; always last
)

// Frame is one level of a stack: a physical frame, or a function that the
// compiler inlined into one.
// Shape: the inline levels of a physical frame come first, innermost first, and
// the level that owns the code last; all of them share Addr.
// Units: Offset and Size are those that the kernel prints, func+0xoffset/0xsize;
// inline levels have none.
type Frame struct {
	Kind     Kind      `json:"kind"`
	Func     string    `json:"func"` // empty if only the address is known
	Offset   uint64    `json:"offset"`
	Size     uint64    `json:"size"`
	Module   string    `json:"module"` // empty for vmlinux
	Addr     Hex       `json:"addr"`   // pc of the physical frame
	File     string    `json:"file"`
	Line     int       `json:"line"` // 0 if unknown
	Inlined  bool      `json:"inlined"`
	CallFile string    `json:"call_file,omitempty"` // inlined levels: where the call was written
	CallLine int       `json:"call_line,omitempty"`
	Reliable bool      `json:"reliable"` // false: found by scanning; the kernel prints a question mark
	Context  string    `json:"context"`  // stack it lies on: TASK, IRQ, NMI, ...; empty if unknown
	Note     string    `json:"note,omitempty"`
	Regs     Registers `json:"registers,omitempty"` // at a boundary, as far as saved
}

// Exact reports whether the address is an instruction pointer, not a return
// address.
func (f *Frame) Exact() bool { return f.Kind != Call }
