package machine

import (
	"errors"
	"testing"

	"ktrap/rsp"
)

// surprise is what no order of things forbids: somebody else stops the guest,
// QEMU ends, an answer comes that nobody waits for.
func (w *world) surprise() {
	switch w.rand.IntN(4) {
	case 0:
		w.foreignStop()
	case 1:
		w.halt()
		w.step(StubStop{rsp.StopReply{Kind: rsp.Exited}})
		if w.running {
			w.fatalf("QEMU has ended and the guest runs")
		}
	default:
		w.lateAnswer()
	}
}

// foreignStop is a monitor window's stop, whatever the guest is doing.
func (w *world) foreignStop() {
	s := rsp.StopReply{Kind: rsp.Stopped, Signal: sigInt, Thread: w.cpu()}
	if w.rand.IntN(3) == 0 {
		s.Signal = sigTrap
	}
	if w.owed == "" {
		w.hit = w.guest == runs && s.Signal == sigTrap
	}
	w.halt()
	w.step(StubStop{s})
}

// lateAnswer is an answer that is not owed.
func (w *world) lateAnswer() {
	answers := map[string]Event{
		"pc":      PC{PC: modelPCs[w.rand.IntN(len(modelPCs))]},
		"verdict": Verdict{Show: w.rand.IntN(2) == 0},
		"job":     JobDone{Show: w.rand.IntN(2) == 0, Thread: w.cpu()},
		"resume":  StubRefused{Err: rsp.ErrUnsupported},
	}
	what := []string{"pc", "verdict", "job", "resume"}[w.rand.IntN(len(answers))]
	if what == w.owed || what == "pc" && w.owed == "check" || what == "resume" && w.guest != stands {
		return
	}
	state, owed := w.m.State(), w.owed
	w.step(answers[what])
	if w.m.State() != state || w.owed != owed {
		w.fatalf("an answer that nobody waits for has changed something")
	}
}

func TestAStopOfAnotherCPUDoesNotEndAStepOffABreakpoint(t *testing.T) {
	run(t, withPoints(), []step{
		{cont, []string{"resume vCont;c"}},
		{trapStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: trap}, []string{"inspect p1.1"}},
		{Verdict{}, []string{"step p1.1"}},
		{trapStop(cpu1), []string{"pc p1.2"}},
		{PC{PC: trap}, []string{"inspect p1.2"}},
		{Verdict{}, []string{"check p1.1"}},
		{PC{PC: trap}, []string{"step p1.1"}}, // still there, as is the other now
		{trapStop(cpu0), []string{"check p1.1"}},
		{PC{PC: off}, []string{"check p1.2"}},
		{PC{PC: trap}, []string{"step p1.2"}},
		{trapStop(cpu1), []string{"check p1.2"}},
		{PC{PC: off}, []string{"resume vCont;c"}},
	})
}

func TestARefusalThatAnswersNoResumeDoesNotStartASecondJob(t *testing.T) {
	run(t, withPoints(), []step{
		{Job{ID: 6}, []string{"job 6 ran=false"}},
		{Job{ID: 7}, nil},
		{StubRefused{Err: errors.New("late")}, nil},
		{JobDone{}, []string{"job 7 ran=false"}},
	})
}

func TestWhatComesAfterTheStubsEndChangesNothing(t *testing.T) {
	run(t, withPoints(), []step{
		{Job{ID: 6}, []string{"job 6 ran=false"}},
		{StubLost{Err: errors.New("gone")}, []string{"lost"}},
		{JobDone{Show: true, Thread: cpu0, Report: "hang"}, nil},
		{Verdict{Show: true}, nil},
		{PC{PC: trap}, nil},
		{trapStop(cpu0), nil},
		{Interrupt{}, nil},
		{StubLost{}, nil},
	})
}

func TestACPUThatLeftItsBreakpointIsNotSteppedOffIt(t *testing.T) {
	m := withPoints()
	run(t, m, []step{
		{cont, []string{"resume vCont;c"}},
		{trapStop(cpu1), []string{"pc p1.2"}},
		{PC{PC: trap}, []string{"inspect p1.2"}},
		{Verdict{Show: true, Report: "panic"}, []string{"announce panic"}},
	})
	if at := m.Handled(); len(at) != 1 || at[cpu1] != trap {
		t.Fatalf("handled %v", at)
	}
	m.Left(cpu1)
	run(t, m, []step{{cont, []string{"resume vCont;c"}}})
}
