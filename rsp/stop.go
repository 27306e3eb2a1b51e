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

// reasonKeys are the keys that stand for a reason on the wire.
var reasonKeys = [...]string{
	SWBreak: "swbreak", HWBreak: "hwbreak", Watch: "watch", RWatch: "rwatch",
	AWatch: "awatch", Library: "library", ReplayLog: "replaylog",
}

// reasonOf returns the reason that key stands for.
func reasonOf(key string) (Reason, bool) {
	for r, k := range reasonKeys {
		if k == key && k != "" {
			return Reason(r), true
		}
	}
	return NoReason, false
}

// watches reports whether the reason carries the address of the access.
func (r Reason) watches() bool { return r == Watch || r == RWatch || r == AWatch }

// otherEvents are the further keys that explain a stop; what they carry has no
// meaning for a kernel and is kept as text.
var otherEvents = map[string]bool{
	"fork": true, "vfork": true, "vforkdone": true, "exec": true, "clone": true,
	"create": true, "syscall_entry": true, "syscall_return": true,
}

// String names the reason as the wire does.
func (r Reason) String() string {
	switch {
	case r == NoReason:
		return "none"
	case int(r) < len(reasonKeys):
		return reasonKeys[r]
	}
	return "other"
}

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
	Signal    uint8    // or the exit status
	Thread    ThreadID // zero when not said
	Reason    Reason
	Detail    string // what the stub adds to Reason, "begin" for replaylog
	WatchAddr uint64 // with Watch, RWatch, AWatch
	Regs      []ExpeditedReg
	Extra     []StopField // what else was said, in order
}

// selects reports whether the stub's selected thread is now that of the stop, as
// gdb takes for granted. QEMU tells of a watchpoint on another path.
// Source: gdb remote.c, record_currthread; QEMU gdbstub.c, gdb_vm_state_change.
func (s *StopReply) selects() bool {
	return s.Kind == Stopped && s.Reason == NoReason && s.Thread.TID > 0
}
