package oops

// Oops is one crash as the kernel printed it.
type Oops struct {
	Class     Class
	Title     string   // wording of the public syzbot dashboard
	AltTitles []string // other titles the same crash may be filed under
	Type      string   // crash type of the dashboard, such as KASAN-READ; empty if it has none
	Guilty    string   // the function the title names; empty if none, "corrupted" if it is lost

	Corrupted       bool // cut, interleaved with something else, or without any frame
	CorruptedReason string
	Suppressed      bool // known noise of the test system, not a kernel bug
	Panicked        bool // the log holds a kernel panic
	Minor           bool // news, but the kernel copes: out of memory
	Bare            bool // reports of this kind need no stack to be whole

	Task
	RIP    Frame   // where the fault was taken; zero if no register block was printed
	Frames []Frame // main stack, innermost first, RIP lines of nested blocks included
	Traces []Trace // every stack of the report in order, the main one among them
	Main   int     // index of the main stack in Traces, -1 if there is none
	Blocks []Block // register blocks outside of any stack, such as the one behind the end mark

	Executor *Executor // nil if the crashing task was no test process

	Head       string // the line that opened the crash, prefix off
	Time       string // its time as printed, without brackets; empty if there is none
	Start, End int    // byte range of the crash in the text given
	Report     []byte // the lines of the crash, prefixes and foreign lines off
	ReportText []byte // Report as the dashboard shows it: with the lines before it, without frames marked ?
}

// Task is what the CPU line says about who was running.
type Task struct {
	CPU     int // -1 if unknown
	PID     int // -1 if unknown
	Comm    string
	Tainted string // taint letters, empty if not tainted
	Kernel  string // release and version as printed
}

// Executor is the test program's process that caused the crash.
type Executor struct{ Proc, ID int }

// Frame is one place in code as printed in a trace, a register block or a report head.
type Frame struct {
	Func      string // as printed, with suffixes like .constprop.0; empty if only an address is known
	Off, Size uint64
	Module    string // empty for vmlinux
	BuildID   string // of the module, where the kernel prints it
	Addr      uint64 // where the kernel prints it, else 0
	File      string // already decoded text carries file:line
	Line      int
	Reliable  bool   // printed without '?'
	Inlined   bool   // already decoded text marks inlined frames
	Exact     bool   // an instruction pointer, not a return address
	Context   string // stack the frame was found on: "IRQ", "TASK", "NMI", ...; empty if not said
	Raw       string // the text of the line, prefix off
}

// Kind says where in a report a stack comes from.
type Kind string

// The kinds of stacks.
const (
	CallTrace  Kind = "call trace"
	AllocTrace Kind = "allocated"
	FreeTrace  Kind = "freed"
	OtherTrace Kind = "other" // lock chains, origins, work creation and the like
)

// Trace is one stack with the register blocks printed inside it.
type Trace struct {
	Kind   Kind
	Title  string // the line that introduces it, prefix off
	Task   Task   // of the CPU line before it, fields -1 if none
	Frames []Frame
	Blocks []Block
}

// Block is one printed register set.
type Block struct {
	At   int   // index in Frames of the frame this block gives registers for, -1 if it stands alone
	RIP  Frame // zero for registers of user mode
	User bool  // registers of user mode
	Regs []Register
	Code string // bytes of the Code: line, as printed
}

// Register is one printed register.
type Register struct {
	Name  string // lower case: rax, eflags, cr2, x0
	Value uint64
}

// Reg gives a register by its lower-case name.
func (b *Block) Reg(name string) (uint64, bool) {
	for _, r := range b.Regs {
		if r.Name == name {
			return r.Value, true
		}
	}
	return 0, false
}
