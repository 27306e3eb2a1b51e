package machine

import (
	"testing"

	"ktrap/rsp"
)

func TestACPUIsLateAgainAtABreakpointThatHasComeAndGoneAgain(t *testing.T) {
	m := withPoints()
	p := Point{Addr: off + 0x40, Size: 1} // where a report ends
	run(t, m, []step{{cont, []string{"resume vCont;c"}}})
	for range 2 {
		m.Points.Add(p, Traps)
		run(t, m, []step{
			{trapStop(cpu0), []string{"pc p1.1"}},
			{PC{PC: p.Addr}, []string{"inspect p1.1"}},
		})
		m.Points.Drop(p, Traps)
		run(t, m, []step{
			{Verdict{}, []string{"resume vCont;c"}},
			{trapStop(cpu1), []string{"pc p1.2"}},
			{PC{PC: p.Addr}, []string{"inspect late p1.2"}},
			{Verdict{}, []string{"resume vCont;c"}},
		})
	}
}

func TestALateWordBeforeAStepIsSentDoesNotEndTheStep(t *testing.T) {
	for name, late := range map[string]rsp.ThreadID{"of the CPU to be stepped": cpu1, "of another": {PID: 1, TID: 3}} {
		t.Run(name, func(t *testing.T) {
			m := withPoints()
			run(t, m, []step{
				{cont, []string{"resume vCont;c"}},
				{trapStop(cpu0), []string{"pc p1.1"}},
				{PC{PC: trap}, []string{"inspect p1.1"}},
				{Verdict{Show: true}, []string{"announce T05"}},
			})
			m.Points.DropOwner("gdb1")
			run(t, m, []step{
				{stepOne, []string{"check p1.1"}},
				{PC{PC: trap}, []string{"step p1.1"}},
				{trapStop(late), []string{"pc " + late.String()}},
				{PC{PC: mine}, []string{"check p1.1"}},
				{PC{PC: off}, []string{"resume vCont;s:p1.2;c"}},
				{trapStop(cpu1), []string{"pc p1.2"}},
				{PC{PC: 0x1238}, []string{"announce T05"}},
			})
		})
	}
}

func TestAnInterruptWhileTheEndOfAStepIsSupposedIsToldAsOne(t *testing.T) {
	run(t, wasAt(t), []step{
		{stepOne, []string{"resume vCont;s:p1.2;c"}},
		{trapStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: mine}, []string{"pc p1.2"}},
		{Interrupt{}, nil},
		{PC{PC: 0x1234, Unmoved: true}, []string{"announce T02"}},
	})
}

func TestAHitIsNotInspectedAgainWhenItsCPUHasNotMoved(t *testing.T) {
	m := withPoints()
	run(t, m, []step{
		{cont, []string{"resume vCont;c"}},
		{trapStop(cpu1), []string{"pc p1.2"}},
		{PC{PC: trap}, []string{"inspect p1.2"}},
		{Verdict{Show: true, Report: "oops"}, []string{"announce oops"}},
	})
	m.Points.DropOwner("gdb1")
	run(t, m, []step{
		{stepOne, []string{"resume vCont;s:p1.2;c"}},
		{trapStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: mine}, []string{"pc p1.2"}},
		{Interrupt{}, nil},
		{PC{PC: trap, Unmoved: true}, []string{"announce T02"}},
	})
}

func TestAStepOffABreakpointThatAnotherStopHasOvertakenIsNobodysNewsLater(t *testing.T) {
	interrupted := StubStop{Reply: rsp.StopReply{Kind: rsp.Stopped, Signal: sigInt, Thread: cpu1}}
	for name, overtaken := range map[string][]step{
		"by an interrupt": {
			{Interrupt{}, []string{"interrupt"}},
			{interrupted, []string{"pc p1.2"}},
			{PC{PC: mine}, []string{"announce T02"}},
			{cont, []string{"check p1.1"}},
			{PC{PC: off}, []string{"resume vCont;c"}},
		},
		"by a client's breakpoint": {
			{trapStop(cpu1), []string{"pc p1.2"}},
			{PC{PC: mine}, []string{"announce T05"}},
			{cont, []string{"check p1.1"}},
			{PC{PC: off}, []string{"check p1.2"}},
			{PC{PC: off}, []string{"resume vCont;c"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := withPoints()
			run(t, m, []step{
				{cont, []string{"resume vCont;c"}},
				{trapStop(cpu0), []string{"pc p1.1"}},
				{PC{PC: trap}, []string{"inspect p1.1"}},
				{Verdict{}, []string{"step p1.1"}},
			})
			run(t, m, overtaken)
			run(t, m, []step{
				{trapStop(cpu0), []string{"pc p1.1"}},
				{PC{PC: off + 2}, []string{"inspect late p1.1"}},
				{Verdict{}, []string{"resume vCont;c"}},
			})
		})
	}
}
