package machine

import (
	"ktrap/rsp"
	"ktrap/symbols/addr"
)

// Event is something that happened. The set is closed.
type Event interface{ event() }

// Resume asks for the guest to run or step.
type Resume struct {
	ID     int            // given back in Refuse
	Packet []byte         // vCont;... as the stub understands it
	Steps  bool           // the packet steps at least one CPU
	Only   []rsp.ThreadID // the CPUs it steps
}

func (r *Resume) stepsThread(t rsp.ThreadID) bool {
	for _, o := range r.Only {
		if o == t {
			return true
		}
	}
	return false
}

// Interrupt is a client's Ctrl-C.
type Interrupt struct{}

// StubStop is a stop reply from the stub.
type StubStop struct{ Reply rsp.StopReply }

// StubRefused says that the stub would not resume: the guest stands where it stood.
type StubRefused struct{ Err error }

// PC answers the effects ReadPC and CheckPC.
type PC struct {
	PC      addr.Addr
	Err     error
	Unmoved bool // no register has changed since the CPU was told to step
}

// Verdict answers the effect Inspect: show the stop, or go on, at once or when
// some clients have had a look.
type Verdict struct {
	Show    bool
	Report  any // handed to the clients untouched
	Consult bool
}

// GoOn says that the clients asked by Consult have had their look. One of them
// may have changed its mind about what it had asked the guest to do.
type GoOn struct{ Instead *Resume }

// Job is work that needs a standing guest.
type Job struct {
	ID      int
	Quiesce bool // stop a running guest for it and resume afterwards
}

// JobDone says that the job of the last RunJob has ended. With Show the guest
// does not go on: clients hear of a stop on that thread.
type JobDone struct {
	Show   bool
	Thread rsp.ThreadID
	Report any // handed to the clients untouched
}

// StubLost says that the stub's connection has ended.
type StubLost struct{ Err error }

func (Resume) event()      {}
func (Interrupt) event()   {}
func (StubStop) event()    {}
func (StubRefused) event() {}
func (PC) event()          {}
func (Verdict) event()     {}
func (Job) event()         {}
func (JobDone) event()     {}
func (GoOn) event()        {}
func (StubLost) event()    {}

// Effect is something to do. The set is closed.
type Effect interface{ effect() }

// ResumeStub sends a resume packet.
type ResumeStub struct{ Packet []byte }

// StepStub steps one CPU off its breakpoint while all others stand.
type StepStub struct {
	Thread rsp.ThreadID
	PC     addr.Addr
}

// InterruptStub sends the interrupt byte.
type InterruptStub struct{}

// ReadPC asks for the pc of a thread that has stopped; answered by PC.
type ReadPC struct{ Thread rsp.ThreadID }

// CheckPC asks for the pc of a CPU that stood at a breakpoint; answered by PC.
type CheckPC struct{ Thread rsp.ThreadID }

// Hit is a CPU at a breakpoint of ktrap's own.
type Hit struct {
	Thread rsp.ThreadID
	PC     addr.Addr
	Stray  bool // in nobody's list: left behind by a debugger that was killed
	Late   bool // a stray stop that has a cause by now gone: a breakpoint, or a step that another CPU's stop overtook
}

// Inspect starts the trap worker; answered by Verdict.
type Inspect struct{ Hit Hit }

// RunJob starts a job; answered by JobDone.
type RunJob struct {
	Job
	Ran bool // the guest runs on when the job is done
}

// Stop is what clients hear.
type Stop struct {
	Reply  rsp.StopReply
	PC     addr.Addr
	Report any
	Lost   bool
	Err    error // the stub would not resume
}

// Announce tells every client that the guest stands.
type Announce struct{ Stop Stop }

// Consult lets some clients look while the guest stands, before it goes on as it
// was told to: for all others it runs. Answered by GoOn.
type Consult struct{ Stop Stop }

// Refuse answers a Resume or a Job that cannot be.
type Refuse struct {
	ID  int
	Err error
}

func (ResumeStub) effect()    {}
func (StepStub) effect()      {}
func (InterruptStub) effect() {}
func (ReadPC) effect()        {}
func (CheckPC) effect()       {}
func (Inspect) effect()       {}
func (RunJob) effect()        {}
func (Announce) effect()      {}
func (Consult) effect()       {}
func (Refuse) effect()        {}
