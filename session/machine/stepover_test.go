package machine

import (
	"errors"
	"slices"
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
		{PC{PC: trap}, []string{"step p1.1"}},
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
			{PC{PC: trap}, []string{"step p1.1"}},
		})
	}
	run(t, m, []step{
		{trapStop(cpu0), []string{"check p1.1"}},
		{PC{PC: trap}, []string{"resume vCont;c"}},
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
	if again(m.Step(stepOne)) {
		t.Error("the first time is not again")
	}
	run(t, m, []step{{trapStop(cpu1), []string{"pc p1.2"}}})
	if !again(m.Step(PC{PC: 0x1234, Unmoved: true})) {
		t.Error("the step was not sent again")
	}
	run(t, m, []step{
		{trapStop(cpu1), []string{"pc p1.2"}},
		{PC{PC: 0x1238}, []string{"announce T05"}},
	})
	if again(m.Step(stepOne)) {
		t.Error("another step is not the same again")
	}
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

func again(effects []Effect) bool {
	return slices.ContainsFunc(effects, func(e Effect) bool { r, ok := e.(ResumeStub); return ok && r.Again })
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

func TestWhatAnotherCPUTellsLateDoesNotEndAStep(t *testing.T) {
	m := withPoints()
	run(t, m, []step{
		{cont, []string{"resume vCont;c"}},
		{trapStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: mine}, []string{"announce T05"}},
	})
	m.Points.DropOwner("gdb1")
	run(t, m, []step{
		{stepOne, []string{"resume vCont;s:p1.2;c"}},
		{trapStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: mine}, []string{"resume vCont;s:p1.2;c"}}, // its breakpoint is gone
		{trapStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: trap}, []string{"inspect p1.1"}},
	})
}
