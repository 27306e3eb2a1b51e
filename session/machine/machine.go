// Package machine decides what happens to the guest: who may resume it, what a
// stop means, when a CPU must first be stepped over a breakpoint, and when the
// clients hear of it. It is pure: [Machine.Step] turns one event into effects
// and touches neither sockets nor clocks; package session runs the effects.
//
// A life in a few lines:
//
//	Stopped --Resume--> (SteppingOver --stop--> Checking --pc-->)* Running
//	Running --stop reply--> Locating --pc--> trap?  Inspecting : Stopped + Announce
//	Inspecting --verdict--> resume what was asked for, or Stopped + Announce,
//	                        or Stopped + Consult until GoOn
//	Running --Job--> interrupt, run the job while stopped, resume silently
package machine

import (
	"ktrap/rsp"
	"ktrap/symbols/addr"
)

// State says what the guest is doing, as far as ktrap knows.
type State uint8

// The states.
const (
	Stopped      State = iota // the guest stands; clients may look and touch
	Running                   // resumed; the next word is the stub's
	Checking                  // is the CPU off its breakpoint? its pc is being read
	SteppingOver              // one CPU steps off a breakpoint before the real resume
	Locating                  // a stop came; its pc is being read
	Inspecting                // a trap was hit; the worker looks, clients wait
	Working                   // a job runs while the guest stands
	Lost                      // the stub is gone
)

//go:generate go tool stringer -type State

// Machine is the session's run control.
type Machine struct {
	Points Points

	state    State
	resume   *Resume                    // what the guest was told to do; nil when told to stand
	kept     *Resume                    // likewise, while clients are consulted; resume is nil then
	handled  map[rsp.ThreadID]addr.Addr // CPUs whose hit at this pc has been dealt with
	unended  map[rsp.ThreadID]bool      // CPUs whose step another CPU's stop has overtaken
	stop     rsp.StopReply              // the stop being located or inspected
	at       addr.Addr                  // its pc
	held     bool                       // a client's interrupt waits for the guest to stand
	quiet    bool                       // the interrupt under way is ours, for a job
	asked    bool                       // an interrupt was sent and no stop has come since
	stepping rsp.ThreadID               // the CPU in Checking and SteppingOver
	tries    int                        // how often it was stepped there
	sent     int                        // how often the resume was given to the stub
	told     bool                       // a CPU that was at a breakpoint may have moved since
	supposed bool                       // the stop being located is the end of a step, which nobody has told
	passed   map[rsp.ThreadID]lateAt    // where a CPU was late last, while nobody heard
	jobs     []Job                      // waiting for the guest to stand
}

// New returns a machine whose guest stands, as it does after the handshake.
func New() *Machine {
	return &Machine{
		handled: make(map[rsp.ThreadID]addr.Addr), unended: make(map[rsp.ThreadID]bool), passed: make(map[rsp.ThreadID]lateAt),
	}
}

// Stands tells the stop at which the guest was found, before any event.
func (m *Machine) Stands(at rsp.StopReply) { m.stop = at }

// State returns the present state.
func (m *Machine) State() State { return m.state }

// Runs reports whether clients see the guest as running.
func (m *Machine) Runs() bool { return (m.resume != nil || m.kept != nil) && m.state != Lost }

// Consults reports whether the guest waits for clients that have a look.
func (m *Machine) Consults() bool { return m.kept != nil }

// Steps reports whether the guest was told to step, which a job waits for.
func (m *Machine) Steps() bool { return m.resume != nil && m.resume.Steps }

// Stepped lists the CPUs that the guest was told to step by one instruction.
func (m *Machine) Stepped() []rsp.ThreadID {
	if m.resume == nil {
		return nil
	}
	return m.resume.Only
}

// Step takes one event and returns what to do, in order.
func (m *Machine) Step(ev Event) []Effect {
	if m.state == Lost {
		return m.refuse(ev, rsp.ErrClosed)
	}
	switch ev := ev.(type) {
	case Resume:
		return m.onResume(ev)
	case Interrupt:
		return m.onInterrupt()
	case StubStop:
		return m.onStop(ev.Reply)
	case StubRefused:
		return m.onRefused(ev)
	case PC:
		return m.onPC(ev)
	case Verdict:
		return m.onVerdict(ev)
	case Job:
		m.jobs = append(m.jobs, ev)
		return m.pump()
	case JobDone:
		return m.onJobDone(ev)
	case GoOn:
		return m.onGoOn(ev)
	case StubLost:
		m.state, m.resume, m.kept = Lost, nil, nil
		var out []Effect
		for _, j := range m.jobs {
			out = append(out, Refuse{ID: j.ID, Err: rsp.ErrClosed})
		}
		m.jobs = nil
		return append(out, Announce{Stop: Stop{Lost: true}})
	}
	return nil
}

func (m *Machine) onResume(r Resume) []Effect {
	if m.resume != nil || m.kept != nil {
		return []Effect{Refuse{ID: r.ID, Err: rsp.ErrRunning}}
	}
	m.resume = &r
	m.held, m.sent = false, 0
	if m.state != Stopped { // a job is at work: it goes on when the job is done
		return nil
	}
	return m.goOn()
}

func (m *Machine) onInterrupt() []Effect {
	switch m.state {
	case Running, SteppingOver:
		m.held = true
		return m.interrupt()
	case Locating, Inspecting, Checking:
		m.held = true
	case Working:
		m.held = m.resume != nil || m.kept != nil
	case Stopped:
		m.held = m.kept != nil
		return m.pump()
	}
	return nil
}

// interrupt asks the stub to stop the guest, once per run.
func (m *Machine) interrupt() []Effect {
	if m.asked {
		return nil
	}
	m.asked = true
	return []Effect{InterruptStub{}}
}

func (m *Machine) onStop(s rsp.StopReply) []Effect {
	m.asked = false
	busy := m.state == Locating || m.state == Inspecting || m.state == Working || m.state == Checking
	switch {
	case s.Kind != rsp.Stopped: // QEMU ends; whoever is at work hears of it with the connection
		m.resume, m.kept, m.held, m.quiet = nil, nil, false, false
		out := []Effect{Announce{Stop: Stop{Reply: s}}}
		if busy {
			return out
		}
		m.state = Stopped
		return append(out, m.pump()...)
	case busy:
		return nil // somebody else stopped what stands already
	}
	// A watchpoint that the step has hit is news, a finished step is not.
	if m.state == SteppingOver {
		ended := m.stepEnded(s)
		m.unended[m.stepping] = !ended
		switch {
		case !ended:
			m.told = true // the step may be done nevertheless
		case !m.held:
			m.state = Checking
			return []Effect{CheckPC{Thread: m.stepping}}
		default:
			s.Signal = sigInt // the step is ours: what the client sees is its interrupt
		}
	}
	m.stop, m.supposed = s, false
	m.state = Locating
	return []Effect{ReadPC{Thread: s.Thread}}
}

// stepEnded reports whether a stop is the end of the step off a breakpoint, not
// something that happened meanwhile. A stub need not say which CPU stopped.
func (m *Machine) stepEnded(s rsp.StopReply) bool {
	return s.Signal == sigTrap && s.Reason == rsp.NoReason && (s.Thread == m.stepping || s.Thread == rsp.AnyThread)
}

// onRefused takes a refusal for what was sent last, if that was a resume.
func (m *Machine) onRefused(ev StubRefused) []Effect {
	if m.state != Running && m.state != SteppingOver {
		return nil
	}
	m.asked = false
	out := m.announce(nil)
	out[0] = Announce{Stop: Stop{Reply: m.stop, PC: m.at, Err: ev.Err}}
	return out
}

func (m *Machine) onPC(ev PC) []Effect {
	if m.state == Checking {
		return m.stepOver(ev)
	}
	if m.state != Locating {
		return nil
	}
	m.at = ev.PC
	late, supposed := m.late(ev.PC), m.supposed
	m.noteSteps()
	if late && m.sent == 0 && m.goesOn(ev) && !m.Points.Code(ev.PC) { // no step was begun yet
		m.pass(ev.PC)
		m.state = Stopped
		return m.goOn()
	}
	if late && m.overtakes(ev) {
		m.pass(ev.PC)
		m.stop, m.supposed = rsp.StopReply{Kind: rsp.Stopped, Signal: sigTrap, Thread: m.resume.Only[0]}, true
		return []Effect{ReadPC{Thread: m.stop.Thread}}
	}
	if m.stop.Signal == sigTrap && m.Points.Code(ev.PC) {
		m.handled[m.stop.Thread] = ev.PC
	}
	if m.unfinished(ev) {
		m.state = Stopped
		return m.goOn()
	}
	if supposed && ev.Unmoved && ev.Err == nil && m.held { // nothing has happened: what the client sees is its interrupt
		m.stop.Signal = sigInt
	}
	inspect := ev.Err == nil && m.stop.Signal == sigTrap && (m.ours(ev.PC) || m.stray(ev.PC))
	if inspect {
		m.state = Inspecting
		if late {
			m.pass(ev.PC)
		}
		return []Effect{Inspect{Hit: Hit{Thread: m.stop.Thread, PC: ev.PC, Stray: !m.ours(ev.PC), Late: late}}}
	}
	if m.quiet && !m.held && m.stop.Signal == sigInt {
		m.quiet = false
		m.state = Stopped
		return m.pump()
	}
	return m.announce(nil)
}

// ours reports whether ktrap itself, not a client, wants to look at a hit here.
func (m *Machine) ours(pc addr.Addr) bool {
	return m.Points.Owned(pc, Traps) || m.Points.Owned(pc, Hooks)
}

// stray reports a breakpoint that nobody here has set: a continue ended with
// SIGTRAP, without a watchpoint, at a pc that is in no list. A debugger that
// was killed leaves such breakpoints behind in QEMU.
func (m *Machine) stray(pc addr.Addr) bool {
	return m.resume != nil && !m.resume.Steps && m.stop.Reason == rsp.NoReason && !m.Points.Code(pc)
}

func (m *Machine) onVerdict(v Verdict) []Effect {
	if m.state != Inspecting {
		return nil
	}
	m.state = Stopped
	if v.Show || m.held || m.clientPoint(m.at) {
		return m.announce(v.Report)
	}
	if m.stepsHere() {
		return m.announce(nil)
	}
	if v.Consult && m.resume != nil {
		m.resume, m.kept, m.told = nil, m.resume, true
		return append([]Effect{Consult{Stop: Stop{Reply: m.stop, PC: m.at}}}, m.pump()...)
	}
	return m.pump()
}

func (m *Machine) onGoOn(ev GoOn) []Effect {
	if m.kept == nil {
		return nil // interrupted meanwhile
	}
	m.resume, m.kept = m.kept, nil
	if ev.Instead != nil {
		m.resume, m.sent = ev.Instead, 0
	}
	if m.state != Stopped { // a job is at work: it goes on when the job is done
		return nil
	}
	return m.pump()
}

// clientPoint reports whether a client has its own breakpoint where a trap is:
// the trap's business may be done, the client's is not.
func (m *Machine) clientPoint(pc addr.Addr) bool {
	for _, o := range m.Points.OwnersAt(pc) {
		if o != Traps && o != Hooks {
			return true
		}
	}
	return false
}

// stepsHere reports whether a client's step has come to its end where a trap is.
func (m *Machine) stepsHere() bool { return m.resume != nil && m.resume.stepsThread(m.stop.Thread) }

// announce makes the stop visible: nothing is to be resumed any more.
func (m *Machine) announce(report any) []Effect {
	m.state, m.resume, m.kept, m.held, m.quiet, m.told = Stopped, nil, nil, false, false, true
	clear(m.passed)
	out := []Effect{Announce{Stop: Stop{Reply: m.stop, PC: m.at, Report: report}}}
	return append(out, m.pump()...)
}

func (m *Machine) onJobDone(d JobDone) []Effect {
	if m.state != Working {
		return nil
	}
	m.state = Stopped
	if d.Show {
		m.stop, m.at = rsp.StopReply{Kind: rsp.Stopped, Signal: sigTrap, Thread: d.Thread}, 0
		return m.announce(d.Report)
	}
	return m.pump()
}

// pump does what is due next: a waiting job, or the resume that was asked for.
func (m *Machine) pump() []Effect {
	switch {
	case len(m.jobs) > 0 && m.state == Stopped:
		j := m.jobs[0]
		m.jobs = m.jobs[1:]
		if m.resume != nil && !j.Quiesce {
			return append([]Effect{Refuse{ID: j.ID, Err: rsp.ErrRunning}}, m.pump()...)
		}
		m.state, m.quiet = Working, false
		return []Effect{RunJob{Job: j, Ran: m.resume != nil}}
	case len(m.jobs) > 0 && m.state == Running && !m.resume.Steps:
		if !m.jobs[0].Quiesce {
			j := m.jobs[0]
			m.jobs = m.jobs[1:]
			return append([]Effect{Refuse{ID: j.ID, Err: rsp.ErrRunning}}, m.pump()...)
		}
		m.quiet = true
		return m.interrupt()
	case m.state == Stopped && (m.resume != nil || m.kept != nil) && m.held: // a client has interrupted meanwhile
		m.stop = rsp.StopReply{Kind: rsp.Stopped, Signal: sigInt, Thread: m.stop.Thread}
		return m.announce(nil)
	case m.state == Stopped && m.resume != nil:
		return m.goOn()
	}
	return nil
}

func (m *Machine) refuse(ev Event, err error) []Effect {
	switch ev := ev.(type) {
	case Resume:
		return []Effect{Refuse{ID: ev.ID, Err: err}}
	case Job:
		return []Effect{Refuse{ID: ev.ID, Err: err}}
	}
	return nil
}

// Signals as the remote protocol numbers them.
const (
	sigInt  = 2
	sigTrap = 5
)
