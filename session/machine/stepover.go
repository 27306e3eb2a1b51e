package machine

import (
	"cmp"
	"maps"
	"slices"

	"ktrap/rsp"
	"ktrap/symbols/addr"
)

// mostTries bounds how often a step is tried. A loop of one instruction moves no CPU
// however often that is stepped.
const mostTries = 4

// goOn resumes the guest, first stepping each CPU whose hit has been dealt
// with off its breakpoint. A CPU that stands at a breakpoint and was never
// reported is left there: it will report itself. The CPUs take their turns by
// number, so that the same events always have the same effects.
func (m *Machine) goOn() []Effect {
	for _, t := range slices.SortedFunc(maps.Keys(m.handled), compareThreads) {
		pc := m.handled[t]
		if !m.Points.Code(pc) || m.resume.stepsThread(t) {
			delete(m.handled, t)
			continue
		}
		m.stepping, m.tries = t, 0
		if m.told {
			m.state = Checking
			return []Effect{CheckPC{Thread: t}}
		}
		return m.stepNow(t, pc)
	}
	m.state, m.told = Running, false
	m.sent++
	out := []Effect{ResumeStub{Packet: m.resume.Packet}}
	return append(out, m.pump()...)
}

// stepOver steps the CPU off the breakpoint that it still stands at. One that is
// elsewhere by now must not be stepped: after a reset only the first CPU runs, and
// the step of another would not end before that one woke it, which it then cannot.
// Once it was stepped it is elsewhere, but for QEMU (7.2, TCG), which ends the step
// of a CPU that is kicked at that moment without an instruction.
func (m *Machine) stepOver(at PC) []Effect {
	pc, handled := m.handled[m.stepping]
	moved := at.Err == nil && (at.PC != pc || m.tries > 0 && !at.Unmoved) || m.tries >= mostTries
	if moved {
		delete(m.handled, m.stepping)
	}
	if at.Err == nil && m.stepping == m.stop.Thread {
		m.at = at.PC
	}
	if moved || !handled || m.held || m.resume == nil {
		m.state = Stopped
		return m.pump()
	}
	return m.stepNow(m.stepping, pc)
}

func (m *Machine) stepNow(t rsp.ThreadID, pc addr.Addr) []Effect {
	m.state = SteppingOver
	m.tries++
	return []Effect{StepStub{Thread: t, PC: pc}}
}

func compareThreads(a, b rsp.ThreadID) int {
	return cmp.Or(cmp.Compare(a.PID, b.PID), cmp.Compare(a.TID, b.TID))
}

// Forget drops what is known of CPUs at breakpoints: their registers were written.
func (m *Machine) Forget() { clear(m.handled) }

// Handled gives the CPUs that are to be stepped off a breakpoint, each with its pc.
func (m *Machine) Handled() map[rsp.ThreadID]addr.Addr { return maps.Clone(m.handled) }

// Left says that a CPU does not stand at its breakpoint any more.
func (m *Machine) Left(t rsp.ThreadID) { delete(m.handled, t) }
