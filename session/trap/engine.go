package trap

import (
	"strings"

	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
	"ktrap/symbols/oops"
)

// Hit is one CPU at one point, or at the return address of one.
type Hit struct {
	CPU     int
	Point   *Point // nil at a return address
	PC      addr.Addr
	Regs    cfi.Regs
	Return  addr.Addr // the word at rsp: where the function was called from
	Caller  string    // the function that address lies in
	Current addr.Addr // the current task, 0 if unknown
	Comm    string    // and its name
}

// Arg is the value of an argument register, 0 if unknown.
func (h *Hit) Arg(r cfi.Reg) uint64 { v, _ := h.Regs.Get(r); return v }

// Open is a report that has begun on a CPU and whose text is not complete.
type Open struct {
	Class   oops.Class
	Point   *Point
	CPU     int       // where the task is that reports, as far as is known
	Current addr.Addr // that task, 0 if unknown
	PtRegs  addr.Addr // pt_regs of the fault, 0 if the report has none
	Fault   uint64    // faulting address if HasFault
	Error   uint64    // the CPU's error code if HasError
	Task    addr.Addr // the task that the report is about if HasTask, 0 for the one that reports
	Nested  int       // reports that began inside this one
	N       int       // counts reports from 1 on, over all CPUs
	// BackAt and BackSP say when the function has returned: pc and the stack
	// pointer after the return.
	BackAt addr.Addr
	BackSP uint64
	// Context is what the caller captured when the report began.
	Context any
}

// Do says what to do about a hit. The zero value means: go on.
type Do struct {
	Capture  *Open     // take the context of this report now
	Complete *Open     // the text of this report is complete now
	Confirm  bool      // report only if the log holds a new report's text
	Panicked bool      // the completed report takes the machine down
	Watch    addr.Addr // set a breakpoint at this return address
	Unwatch  addr.Addr // and remove it from this one
	Reset    bool      // the guest is about to restart
	Followup bool      // a panic that an already reported crash has led to
}

// Engine pairs the two points of reports, per CPU. The zero value is ready.
// It is owned by whoever inspects stops; it has no lock.
type Engine struct {
	open map[int]*Open
	last map[int]past // what was last completed on each CPU
	late map[int]past // what was given up there, and whose end is no news
	n    int
}

// Hit takes one hit and says what to do.
func (e *Engine) Hit(h *Hit) Do {
	if e.open == nil {
		e.open, e.last, e.late = make(map[int]*Open), make(map[int]past), make(map[int]past)
	}
	e.follow(h)
	if h.Point == nil {
		return e.returned(h)
	}
	if h.Point.Only != nil && !h.Point.Only(h) {
		return Do{}
	}
	switch h.Point.Role {
	case Context:
		return e.begins(h)
	case Text:
		return e.ends(h)
	case CatchAll:
		return e.caught(h)
	case Reset:
		return Do{Reset: true}
	}
	return Do{}
}

// Watching reports whether some open report waits for a return to pc.
func (e *Engine) Watching(pc addr.Addr) bool {
	for _, o := range e.open {
		if o.BackAt == pc {
			return true
		}
	}
	return false
}

// OpenOn returns the report under way on a CPU, nil if there is none.
func (e *Engine) OpenOn(cpu int) *Open { return e.open[cpu] }

// Abandon gives up the report under way on a CPU: its text will not come.
func (e *Engine) Abandon(cpu int) *Open {
	o := e.open[cpu]
	delete(e.open, cpu)
	return o
}

// Oldest returns the report that has been under way longest, nil if none is.
func (e *Engine) Oldest() *Open {
	var first *Open
	for _, o := range e.open {
		if first == nil || o.N < first.N {
			first = o
		}
	}
	return first
}

// GiveUp completes the report under way on a CPU with what there is: the guest
// hangs in it, or is gone. Should its end come after all, that is no second one.
func (e *Engine) GiveUp(cpu int) Do {
	do := e.finish(cpu)
	e.late[cpu] = past{do.Complete.Class, do.Complete.Current}
	do.Confirm = do.Complete.Point.Returns // as in returned
	return do
}

func (e *Engine) begins(h *Hit) Do {
	o := e.open[h.CPU]
	if o == nil {
		if h.Point.Class == oops.Panic && e.consequence(h) {
			return Do{Followup: true}
		}
		return e.start(h)
	}
	switch {
	case o.Point.Spurious && h.Point.Class == oops.KFENCE:
		// the fault was KFENCE's own: its report takes the place of the oops
		unwatch := e.drop(h.CPU)
		do := e.start(h)
		do.Unwatch = unwatch
		return do
	case h.Point.Class == oops.Panic && o.Class != oops.Panic:
		// panic inside a report: its text is complete, and it will not return
		do := e.finish(h.CPU)
		do.Panicked = true
		return do
	case h.Point.Class == oops.Die && o.Class != oops.Die && o.Class != oops.Panic:
		// the report itself has faulted: hand out what there is, begin the worse one
		first := e.finish(h.CPU)
		do := e.start(h)
		do.Complete, do.Unwatch = first.Complete, first.Unwatch
		return do
	}
	o.Nested++
	return Do{}
}

// consequence recognises a panic that only ends what has been reported: the
// fatal end of an oops, panic_on_warn, and the watchdogs' panics.
func (e *Engine) consequence(h *Hit) bool {
	if _, ok := pastOf(e.last, h); !ok {
		return false
	}
	caller, _, _ := strings.Cut(h.Caller, ".") // oops_end.cold is oops_end
	switch caller {
	case "oops_end", "make_task_dead", "do_exit", "check_panic_on_warn", "__warn", "end_report",
		"watchdog_timer_fn", "watchdog", "panic_on_rcu_stall", "nmi_panic", "exc_double_fault", "panic":
		return true
	}
	return false
}

func (e *Engine) start(h *Hit) Do {
	p := h.Point
	e.n++
	o := &Open{Class: p.Class, Point: p, CPU: h.CPU, Current: h.Current, N: e.n}
	delete(e.late, h.CPU)
	if p.HasRegs {
		o.PtRegs = addr.Addr(h.Arg(p.Regs))
	}
	if p.HasFault {
		o.Fault = h.Arg(p.Fault)
	}
	if p.HasError {
		o.Error = h.Arg(p.Error)
	}
	if p.HasTask {
		o.Task = addr.Addr(h.Arg(p.Task))
	}
	e.open[h.CPU] = o
	do := Do{Capture: o}
	if (p.Returns || p.Spurious) && h.Return.Kernel() {
		o.BackAt, o.BackSP = h.Return, h.Regs.SP()+8
		do.Watch = h.Return
	}
	return do
}

func (e *Engine) ends(h *Hit) Do {
	o := e.open[h.CPU]
	if o != nil && o.Class == h.Point.Class {
		if h.Point.Name == "oops_end" && uint32(h.Arg(cfi.RDX)) == 0 {
			return Do{Unwatch: e.drop(h.CPU)} // a die notifier (kprobes, kgdb) has swallowed it
		}
		return e.finish(h.CPU)
	}
	if cpu, ok := pastOf(e.late, h); ok && e.late[cpu].class == h.Point.Class {
		delete(e.late, cpu)
		return Do{}
	}
	if h.Point.Class == oops.Panic {
		return Do{} // later text points of a panic that has been reported
	}
	do := e.start(h)
	done := e.finish(h.CPU)
	do.Complete = done.Complete
	return do
}

// caught handles a catch-all: a report that is open on this CPU ends here or
// will come to its own end; anything else was not seen to begin.
func (e *Engine) caught(h *Hit) Do {
	if o := e.open[h.CPU]; o != nil {
		if !o.Point.Caught {
			return Do{}
		}
		return e.finish(h.CPU)
	}
	do := e.start(h)
	done := e.finish(h.CPU)
	do.Complete, do.Confirm = done.Complete, true
	return do
}

func (e *Engine) returned(h *Hit) Do {
	o := e.open[h.CPU]
	if o == nil || o.BackAt != h.PC || o.BackSP != h.Regs.SP() {
		return Do{} // another task passes by
	}
	if o.Point.Spurious {
		return Do{Unwatch: e.drop(h.CPU)}
	}
	do := e.finish(h.CPU)
	// These are called for every bad access or refused lock, also when the
	// kernel prints nothing: the text decides whether there was a report.
	do.Confirm = true
	return do
}

func (e *Engine) finish(cpu int) Do {
	o := e.open[cpu]
	e.last[cpu] = past{o.Class, o.Current}
	return Do{Complete: o, Unwatch: e.drop(cpu)}
}

// drop forgets the report under way on a CPU and returns the address that no
// report waits for any longer, 0 if there is none.
func (e *Engine) drop(cpu int) addr.Addr {
	o := e.Abandon(cpu)
	if e.Watching(o.BackAt) {
		return 0
	}
	return o.BackAt
}
