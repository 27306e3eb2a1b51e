package rsp

// StopKind says what a stop reply reports.
type StopKind uint8

// Kinds of stop replies; the zero value is none.
const (
	Stopped    StopKind = iota + 1 // S, T: the machine stopped with Signal
	Exited                         // W: ended, Signal is the exit status
	Terminated                     // X: killed by Signal
	NoResumed                      // N: no resumed thread is left
)

// Reason is why a machine stopped, as far as the stub says. QEMU says it for
// watchpoints only: a breakpoint is recognised by its address.
type Reason uint8

// Reasons of a stop.
const (
	NoReason   Reason = iota
	SWBreak           // swbreak
	HWBreak           // hwbreak
	Watch             // watch: written
	RWatch            // rwatch: read
	AWatch            // awatch: accessed
	Library           // library: the list of modules changed
	ReplayLog         // replaylog: an end of the recording was reached
	OtherEvent        // fork, syscall_entry and the like; see StopReply.Extra
)

// ExpeditedReg is a register that came with a stop.
type ExpeditedReg struct {
	N     int    // number in the stub's order
	Value []byte // in target byte order
}

// StopField is a pair of a stop reply that has no field of its own.
type StopField struct{ Key, Value string }

// StopReply is why the machine stands still.
type StopReply struct {
	Kind      StopKind
	Signal    uint8
	Thread    ThreadID // zero when not said
	Reason    Reason
	WatchAddr uint64 // with Watch, RWatch, AWatch
	Regs      []ExpeditedReg
	Extra     []StopField
}

// ParseStopReply reads the body of a stop reply.
// Errors: *SyntaxError; the reply is then zero, and never zero otherwise.
func ParseStopReply(body []byte) (StopReply, error) {
	return StopReply{}, &SyntaxError{Msg: "not written yet"}
}

// Append appends the body of a packet that says s.
func (s StopReply) Append(dst []byte) []byte { return dst }
