package machine

import (
	"ktrap/rsp"
	"ktrap/symbols/addr"
)

// QEMU (7.2, TCG) tells of one stop, however many CPUs stop at a time, and may tell of
// another when nobody waits for it any more: as soon as the guest runs again.

// lateAt is where a CPU was late, and which breakpoint that was of those once there.
type lateAt struct {
	pc    addr.Addr
	leave int
}

// late reports whether a stop has a cause that is gone by now: a breakpoint, or a step
// that another CPU's stop has overtaken. Of one CPU a breakpoint that is gone is believed
// once, or the guest would stop there for ever and nobody hear of it.
func (m *Machine) late(pc addr.Addr) bool {
	t := m.stop.Thread
	was, again := m.passed[t]
	return m.unended[t] || m.Points.Gone(pc) && !(again && was == lateAt{pc, m.Points.gone[pc]})
}

// pass remembers that a late stop was believed.
func (m *Machine) pass(pc addr.Addr) { m.passed[m.stop.Thread] = lateAt{pc, m.Points.gone[pc]} }

// noteSteps remembers which CPUs were to step when another one stopped the guest.
func (m *Machine) noteSteps() {
	if m.supposed {
		m.supposed = false
		m.unended[m.stop.Thread] = true
		return
	}
	delete(m.unended, m.stop.Thread)
	if m.sent == 0 { // a CPU is just stepped off a breakpoint before
		return
	}
	for _, t := range m.Stepped() {
		if t != m.stop.Thread {
			m.unended[t] = true
		}
	}
}

// unfinished reports whether the step that a client has asked for is still to be done
// when its end is told: the CPU has not moved.
func (m *Machine) unfinished(at PC) bool {
	return m.goesOn(at) && at.Unmoved && m.resume.stepsThread(m.stop.Thread)
}

// overtakes reports whether the late word of a CPU came instead of the end of another
// one's step, which may be done: QEMU tells of one stop only.
func (m *Machine) overtakes(at PC) bool {
	return m.goesOn(at) && len(m.resume.Only) == 1 && !m.resume.stepsThread(m.stop.Thread) && !m.Points.Code(at.PC)
}

// goesOn reports whether a step may be begun anew at a stop that says nothing else.
func (m *Machine) goesOn(at PC) bool {
	return m.Steps() && !m.held && m.sent < mostTries && at.Err == nil && m.stop.Signal == sigTrap && m.stop.Reason == rsp.NoReason
}
