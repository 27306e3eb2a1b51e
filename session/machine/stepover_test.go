package machine

import (
	"errors"
	"testing"

	"ktrap/rsp"
	"ktrap/symbols/addr"
)

var stepOne = Resume{ID: 1, Packet: []byte("vCont;s:p1.2;c"), Steps: true, Only: []rsp.ThreadID{cpu1}}

func TestAStepOffABreakpointThatMovesNothingIsDoneAgain(t *testing.T) {
	run(t, withPoints(), []step{
		{cont, []string{"resume vCont;c"}},
		{trapStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: trap}, []string{"inspect p1.1"}},
		{Verdict{}, []string{"step p1.1"}},
		{trapStop(cpu0), []string{"check p1.1"}},
		{PC{PC: trap, Unmoved: true}, []string{"step p1.1"}},
		{trapStop(cpu0), []string{"check p1.1"}},
		{PC{PC: off}, []string{"resume vCont;c"}},
	})
}

func TestALoopOfOneInstructionIsNotSteppedOffForEver(t *testing.T) {
	m := withPoints()
	run(t, m, []step{
		{cont, []string{"resume vCont;c"}},
		{trapStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: trap}, []string{"inspect p1.1"}},
		{Verdict{}, []string{"step p1.1"}},
	})
	for range mostTries - 1 {
		run(t, m, []step{
			{trapStop(cpu0), []string{"check p1.1"}},
			{PC{PC: trap, Unmoved: true}, []string{"step p1.1"}},
		})
	}
	run(t, m, []step{
		{trapStop(cpu0), []string{"check p1.1"}},
		{PC{PC: trap, Unmoved: true}, []string{"resume vCont;c"}},
	})
}

func TestAnInterruptedStepOffABreakpointIsFinishedByTheNextResume(t *testing.T) {
	for _, c := range []struct {
		at   addr.Addr
		want string
	}{{trap, "step p1.1"}, {off, "resume vCont;c"}} {
		run(t, withPoints(), []step{
			{cont, []string{"resume vCont;c"}},
			{trapStop(cpu0), []string{"pc p1.1"}},
			{PC{PC: trap}, []string{"inspect p1.1"}},
			{Verdict{}, []string{"step p1.1"}},
			{Interrupt{}, []string{"interrupt"}},
			{trapStop(cpu0), []string{"pc p1.1"}},
			{PC{PC: c.at}, []string{"announce T02"}},
			{cont, []string{"check p1.1"}},
			{PC{PC: c.at}, []string{c.want}},
		})
	}
}

func TestAStepOfAClientThatMovesNothingIsDoneAgain(t *testing.T) {
	m := withPoints()
	run(t, m, []step{
		{stepOne, []string{"resume vCont;s:p1.2;c"}},
		{trapStop(cpu1), []string{"pc p1.2"}},
		{PC{PC: 0x1234, Unmoved: true}, []string{"resume vCont;s:p1.2;c"}},
		{trapStop(cpu1), []string{"pc p1.2"}},
		{PC{PC: 0x1238}, []string{"announce T05"}},
		{stepOne, []string{"resume vCont;s:p1.2;c"}},
	})
	for range mostTries - 1 {
		run(t, m, []step{
			{trapStop(cpu1), []string{"pc p1.2"}},
			{PC{PC: 0x1234, Unmoved: true}, []string{"resume vCont;s:p1.2;c"}},
		})
	}
	run(t, m, []step{
		{trapStop(cpu1), []string{"pc p1.2"}},
		{PC{PC: 0x1234, Unmoved: true}, []string{"announce T05"}},
	})
}

func TestWhatEndsAStepEvenIfNothingHasMoved(t *testing.T) {
	watch := trapStop(cpu1)
	watch.Reply.Reason = rsp.Watch
	for _, c := range []struct {
		stop StubStop
		want string
	}{{watch, "announce T05"}, {intStop(cpu1), "announce T02"}} {
		run(t, withPoints(), []step{
			{stepOne, []string{"resume vCont;s:p1.2;c"}},
			{c.stop, []string{"pc p1.2"}},
			{PC{PC: 0x1234, Unmoved: true}, []string{c.want}},
		})
	}
	run(t, withPoints(), []step{
		{stepOne, []string{"resume vCont;s:p1.2;c"}},
		{Interrupt{}, []string{"interrupt"}},
		{trapStop(cpu1), []string{"pc p1.2"}},
		{PC{PC: 0x1234, Unmoved: true}, []string{"announce T05"}},
	})
	run(t, withPoints(), []step{
		{stepOne, []string{"resume vCont;s:p1.2;c"}},
		{trapStop(cpu1), []string{"pc p1.2"}},
		{PC{Err: errors.New("no reply"), Unmoved: true}, []string{"announce T05"}},
	})
}

// wasAt is a machine whose first CPU stands where a breakpoint was.
func wasAt(t *testing.T) *Machine {
	m := withPoints()
	run(t, m, []step{
		{cont, []string{"resume vCont;c"}},
		{trapStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: mine}, []string{"announce T05"}},
	})
	m.Points.DropOwner("gdb1")
	return m
}

func TestWhatAnotherCPUTellsLateDoesNotEndAStep(t *testing.T) {
	run(t, wasAt(t), []step{
		{stepOne, []string{"resume vCont;s:p1.2;c"}},
		{trapStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: mine}, []string{"pc p1.2"}}, // its breakpoint is gone: has the other been stepped?
		{PC{PC: 0x1234, Unmoved: true}, []string{"resume vCont;s:p1.2;c"}},
		{trapStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: trap}, []string{"inspect p1.1"}},
	})
}

func TestAStepThatAnotherCPUsLateWordHidesIsToldOnce(t *testing.T) {
	m := wasAt(t)
	run(t, m, []step{
		{stepOne, []string{"resume vCont;s:p1.2;c"}},
		{trapStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: mine}, []string{"pc p1.2"}},
		{PC{PC: 0x1238}, []string{"announce T05"}},
	})
	if m.stop.Thread != cpu1 {
		t.Errorf("the step of %v has ended", m.stop.Thread)
	}
	run(t, m, []step{
		{cont, []string{"resume vCont;c"}},
		{trapStop(cpu1), []string{"pc p1.2"}}, // QEMU tells of that step now
		{PC{PC: 0x1238}, []string{"inspect late p1.2"}},
		{Verdict{}, []string{"resume vCont;c"}},
	})
}

func TestAStepThatNamesNoCPUIsNotDoneAgain(t *testing.T) {
	for _, packet := range []string{"bs", "vCont;s"} {
		run(t, wasAt(t), []step{
			{Resume{ID: 2, Packet: []byte(packet), Steps: true}, []string{"resume " + packet}},
			{trapStop(cpu0), []string{"pc p1.1"}},
			{PC{PC: mine}, []string{"announce T05"}},
		})
	}
}

func TestACPUIsLateOnceAtAPlace(t *testing.T) {
	m := wasAt(t)
	late := []step{
		{trapStop(cpu1), []string{"pc p1.2"}},
		{PC{PC: mine}, []string{"inspect late p1.2"}},
		{Verdict{}, []string{"resume vCont;c"}},
	}
	shown := []step{
		{trapStop(cpu1), []string{"pc p1.2"}},
		{PC{PC: mine}, []string{"inspect stray p1.2"}},
		{Verdict{Show: true}, []string{"announce T05"}},
	}
	for range 2 {
		run(t, m, []step{{cont, []string{"resume vCont;c"}}})
		run(t, m, late)
		run(t, m, shown)
	}
}

func TestAStepOffABreakpointThatAnotherCPUOvertakesMayBeDone(t *testing.T) {
	run(t, withPoints(), []step{
		{cont, []string{"resume vCont;c"}},
		{trapStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: trap}, []string{"inspect p1.1"}},
		{Verdict{}, []string{"step p1.1"}},
		{trapStop(cpu1), []string{"pc p1.2"}},
		{PC{PC: trap}, []string{"inspect p1.2"}},
		{Verdict{}, []string{"check p1.1"}},
		{PC{PC: off}, []string{"check p1.2"}},
		{PC{PC: trap}, []string{"step p1.2"}},
	})
}

func TestAStepThatEndsAtATrapEndsThere(t *testing.T) {
	run(t, withPoints(), []step{
		{stepOne, []string{"resume vCont;s:p1.2;c"}},
		{trapStop(cpu1), []string{"pc p1.2"}},
		{PC{PC: trap}, []string{"inspect p1.2"}},
		{Verdict{}, []string{"announce T05"}},
	})
}

func TestTheStopAfterAnInterruptedCheckIsWhereTheCPUIs(t *testing.T) {
	m := withPoints()
	run(t, m, []step{
		{cont, []string{"resume vCont;c"}},
		{trapStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: trap}, []string{"inspect p1.1"}},
		{Verdict{}, []string{"step p1.1"}},
		{trapStop(cpu0), []string{"check p1.1"}},
		{Interrupt{}, nil},
		{PC{PC: off}, []string{"announce T02"}},
	})
	if m.at != off {
		t.Errorf("announced at %v", m.at)
	}
}

func TestARepeatedInstructionIsHitAtEachTurn(t *testing.T) {
	run(t, withPoints(), []step{
		{cont, []string{"resume vCont;c"}},
		{trapStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: trap}, []string{"inspect p1.1"}},
		{Verdict{}, []string{"step p1.1"}},
		{trapStop(cpu0), []string{"check p1.1"}},
		{PC{PC: trap}, []string{"resume vCont;c"}}, // its registers have changed
	})
}
