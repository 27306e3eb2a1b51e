package machine

import (
	"errors"
	"fmt"
	"reflect"
	"testing"

	"ktrap/rsp"
	"ktrap/symbols/addr"
)

var (
	cpu0 = rsp.ThreadID{PID: 1, TID: 1}
	cpu1 = rsp.ThreadID{PID: 1, TID: 2}

	cont = Resume{ID: 1, Packet: []byte("vCont;c")}
	trap = addr.Addr(0xffffffff81000010)
	mine = addr.Addr(0xffffffff81000020)
	off  = trap + 4
)

func trapStop(t rsp.ThreadID) StubStop {
	return StubStop{rsp.StopReply{Kind: rsp.Stopped, Signal: sigTrap, Thread: t}}
}

func intStop(t rsp.ThreadID) StubStop {
	return StubStop{rsp.StopReply{Kind: rsp.Stopped, Signal: sigInt, Thread: t}}
}

// step is one event and the effects it must have, by name.
type step struct {
	ev   Event
	want []string
}

// name prints an effect without the parts a table need not repeat.
func name(e Effect) string {
	switch e := e.(type) {
	case ResumeStub:
		return "resume " + string(e.Packet)
	case StepStub:
		return fmt.Sprintf("step %v", e.Thread)
	case ReadPC:
		return fmt.Sprintf("pc %v", e.Thread)
	case Inspect:
		if e.Hit.Late {
			return fmt.Sprintf("inspect late %v", e.Hit.Thread)
		}
		if e.Hit.Stray {
			return fmt.Sprintf("inspect stray %v", e.Hit.Thread)
		}
		return fmt.Sprintf("inspect %v", e.Hit.Thread)
	case InterruptStub:
		return "interrupt"
	case RunJob:
		return fmt.Sprintf("job %d ran=%v", e.ID, e.Ran)
	case Announce:
		switch {
		case e.Stop.Lost:
			return "lost"
		case e.Stop.Report != nil:
			return fmt.Sprintf("announce %v", e.Stop.Report)
		}
		return fmt.Sprintf("announce T%02d", e.Stop.Reply.Signal)
	case CheckPC:
		return "check " + e.Thread.String()
	case Refuse:
		return fmt.Sprintf("refuse %d", e.ID)
	}
	return fmt.Sprintf("%T", e)
}

func run(t *testing.T, m *Machine, steps []step) {
	t.Helper()
	for i, s := range steps {
		var got []string
		for _, e := range m.Step(s.ev) {
			got = append(got, name(e))
		}
		if !reflect.DeepEqual(got, s.want) {
			t.Fatalf("step %d: %#v\n got %q\nwant %q (state %v)", i, s.ev, got, s.want, m.State())
		}
	}
}

func withPoints() *Machine {
	m := New()
	m.Points.Add(Point{Addr: trap, Size: 1}, Traps)
	m.Points.Add(Point{Addr: mine, Size: 1}, "gdb1")
	return m
}

func TestATrapIsInspectedBeforeAnyClientHears(t *testing.T) {
	run(t, withPoints(), []step{
		{cont, []string{"resume vCont;c"}},
		{trapStop(cpu1), []string{"pc p1.2"}},
		{PC{PC: trap}, []string{"inspect p1.2"}},
		{Verdict{Show: true, Report: "crash"}, []string{"announce crash"}},
	})
}

func TestALoggedTrapIsSteppedOverAndTheOldResumeGoesOn(t *testing.T) {
	run(t, withPoints(), []step{
		{Resume{ID: 1, Packet: []byte("vCont;C05")}, []string{"resume vCont;C05"}},
		{trapStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: trap}, []string{"inspect p1.1"}},
		{Verdict{}, []string{"step p1.1"}},
		{trapStop(cpu0), []string{"check p1.1"}},
		{PC{PC: off}, []string{"resume vCont;C05"}},
	})
}

func TestClientsThatAreConsultedLookWhileItRunsForAllOthers(t *testing.T) {
	m := withPoints()
	run(t, m, []step{
		{cont, []string{"resume vCont;c"}},
		{trapStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: trap}, []string{"inspect p1.1"}},
		{Verdict{Consult: true}, []string{"machine.Consult"}},
		{Resume{ID: 2, Packet: []byte("vCont;c")}, []string{"refuse 2"}},
		{Job{ID: 3}, []string{"job 3 ran=false"}}, // what they look with
		{GoOn{}, nil},
		{JobDone{}, []string{"check p1.1"}},
		{PC{PC: trap}, []string{"step p1.1"}},
		{trapStop(cpu0), []string{"check p1.1"}},
		{PC{PC: off}, []string{"resume vCont;c"}},
		{GoOn{}, nil},
		{trapStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: trap}, []string{"inspect p1.1"}},
		{Verdict{Consult: true}, []string{"machine.Consult"}},
		{GoOn{Instead: &Resume{Packet: []byte("vCont;s:p1.2")}}, []string{"check p1.1"}},
		{PC{PC: trap}, []string{"step p1.1"}},
		{trapStop(cpu0), []string{"check p1.1"}},
		{PC{PC: off}, []string{"resume vCont;s:p1.2"}},
	})
}

func TestAnInterruptEndsAConsultation(t *testing.T) {
	m := withPoints()
	run(t, m, []step{
		{cont, []string{"resume vCont;c"}},
		{trapStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: trap}, []string{"inspect p1.1"}},
		{Verdict{Consult: true}, []string{"machine.Consult"}},
		{Interrupt{}, []string{"announce T02"}},
		{GoOn{}, nil},
		{cont, []string{"check p1.1"}},
		{PC{PC: trap}, []string{"step p1.1"}},
	})
	if !m.Runs() || m.Consults() {
		t.Errorf("runs %v, consults %v", m.Runs(), m.Consults())
	}
}

func TestAnotherCPUAtATrapIsNeverSteppedOverUnreported(t *testing.T) {
	m := withPoints()
	run(t, m, []step{
		{cont, []string{"resume vCont;c"}},
		{trapStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: trap}, []string{"inspect p1.1"}},
		// CPU 1 reached the trap too, but the stub reported CPU 0 only.
		{Verdict{}, []string{"step p1.1"}},
		{trapStop(cpu0), []string{"check p1.1"}},
		{PC{PC: off}, []string{"resume vCont;c"}},
		// it fires by itself, because nobody stepped it off
		{trapStop(cpu1), []string{"pc p1.2"}},
		{PC{PC: trap}, []string{"inspect p1.2"}},
	})
}

func TestAnInterruptDuringInspectionIsHeldAndShown(t *testing.T) {
	run(t, withPoints(), []step{
		{cont, []string{"resume vCont;c"}},
		{trapStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: trap}, []string{"inspect p1.1"}},
		{Interrupt{}, nil},
		{Verdict{}, []string{"announce T05"}},
	})
}

func TestInterruptsAreSentOncePerRun(t *testing.T) {
	run(t, withPoints(), []step{
		{cont, []string{"resume vCont;c"}},
		{Interrupt{}, []string{"interrupt"}},
		{Interrupt{}, nil},
		{intStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: 0x1234}, []string{"announce T02"}},
		{Interrupt{}, nil},
	})
}

func TestAJobStopsARunningGuestAndNobodyNotices(t *testing.T) {
	run(t, withPoints(), []step{
		{cont, []string{"resume vCont;c"}},
		{Job{ID: 7, Quiesce: true}, []string{"interrupt"}},
		{intStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: 0x1234}, []string{"job 7 ran=true"}},
		{JobDone{}, []string{"resume vCont;c"}},
	})
}

func TestAJobWaitsForTheTrapThatCameFirst(t *testing.T) {
	run(t, withPoints(), []step{
		{cont, []string{"resume vCont;c"}},
		{Job{ID: 7, Quiesce: true}, []string{"interrupt"}},
		{trapStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: trap}, []string{"inspect p1.1"}},
		{Verdict{}, []string{"job 7 ran=true"}},
		{JobDone{}, []string{"step p1.1"}},
		{trapStop(cpu0), []string{"check p1.1"}},
		{PC{PC: off}, []string{"resume vCont;c"}},
	})
}

func TestAClientsInterruptDuringAJobBecomesAStop(t *testing.T) {
	run(t, withPoints(), []step{
		{cont, []string{"resume vCont;c"}},
		{Job{ID: 7, Quiesce: true}, []string{"interrupt"}},
		{intStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: 0x1234}, []string{"job 7 ran=true"}},
		{Interrupt{}, nil},
		{JobDone{}, []string{"announce T02"}},
	})
}

func TestAJobThatMustNotStopTheGuestIsRefusedWhileItRuns(t *testing.T) {
	run(t, withPoints(), []step{
		{Job{ID: 6}, []string{"job 6 ran=false"}},
		{JobDone{}, nil},
		{cont, []string{"resume vCont;c"}},
		{Job{ID: 7}, []string{"refuse 7"}},
	})
}

func TestAResumeDuringAJobWaitsForItsEnd(t *testing.T) {
	run(t, withPoints(), []step{
		{Job{ID: 6}, []string{"job 6 ran=false"}},
		{cont, nil},
		{JobDone{}, []string{"resume vCont;c"}},
	})
}

func TestASecondResumeIsRefused(t *testing.T) {
	run(t, withPoints(), []step{
		{cont, []string{"resume vCont;c"}},
		{Resume{ID: 9, Packet: []byte("vCont;c")}, []string{"refuse 9"}},
	})
}

func TestAClientsOwnBreakpointIsAnnouncedAtOnceAndSteppedOverLater(t *testing.T) {
	run(t, withPoints(), []step{
		{cont, []string{"resume vCont;c"}},
		{trapStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: mine}, []string{"announce T05"}},
		{cont, []string{"check p1.1"}},
		{PC{PC: mine}, []string{"step p1.1"}},
		{trapStop(cpu0), []string{"check p1.1"}},
		{PC{PC: off}, []string{"resume vCont;c"}},
	})
}

func TestAHitThatIsToldOfWhenItsBreakpointIsGoneIsLate(t *testing.T) {
	m := withPoints()
	run(t, m, []step{
		{cont, []string{"resume vCont;c"}},
		{trapStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: mine}, []string{"announce T05"}},
	})
	m.Points.DropOwner("gdb1")
	run(t, m, []step{
		{cont, []string{"resume vCont;c"}},
		{trapStop(cpu1), []string{"pc p1.2"}},
		{PC{PC: mine}, []string{"inspect late p1.2"}},
		{Verdict{}, []string{"resume vCont;c"}},
		{trapStop(cpu1), []string{"pc p1.2"}},
		{PC{PC: 0x1234}, []string{"inspect stray p1.2"}},
	})
}

func TestAStepThatAnotherCPUsStopOvertakesEndsLate(t *testing.T) {
	run(t, withPoints(), []step{
		{stepOne, []string{"resume vCont;s:p1.2;c"}},
		{trapStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: 0x1234}, []string{"announce T05"}},
		{cont, []string{"resume vCont;c"}},
		{trapStop(cpu1), []string{"pc p1.2"}},
		{PC{PC: 0x5678}, []string{"inspect late p1.2"}},
		{Verdict{}, []string{"resume vCont;c"}},
		{trapStop(cpu1), []string{"pc p1.2"}},
		{PC{PC: 0x5678}, []string{"inspect stray p1.2"}},
	})
}

func TestACPUThatHasLeftItsBreakpointByAResetIsNotStepped(t *testing.T) {
	run(t, withPoints(), []step{
		{cont, []string{"resume vCont;c"}},
		{trapStop(cpu1), []string{"pc p1.2"}},
		{PC{PC: trap}, []string{"inspect p1.2"}},
		{Verdict{Show: true, Report: "crash"}, []string{"announce crash"}},
		{cont, []string{"check p1.2"}},
		{PC{PC: 0xfff0}, []string{"resume vCont;c"}},
	})
}

func TestAnInterruptDuringTheCheckStopsBeforeTheResume(t *testing.T) {
	run(t, withPoints(), []step{
		{cont, []string{"resume vCont;c"}},
		{trapStop(cpu1), []string{"pc p1.2"}},
		{PC{PC: mine}, []string{"announce T05"}},
		{cont, []string{"check p1.2"}},
		{Interrupt{}, nil},
		{PC{PC: mine}, []string{"announce T02"}},
		{cont, []string{"check p1.2"}},
		{PC{Err: errors.New("no reply")}, []string{"step p1.2"}},
	})
}

func TestAClientThatStepsOffItselfIsNotSteppedTwice(t *testing.T) {
	one := Resume{ID: 2, Packet: []byte("vCont;s:p1.1;c"), Steps: true, Only: []rsp.ThreadID{cpu0}}
	run(t, withPoints(), []step{
		{cont, []string{"resume vCont;c"}},
		{trapStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: mine}, []string{"announce T05"}},
		{one, []string{"resume vCont;s:p1.1;c"}},
		{trapStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: mine + 4}, []string{"announce T05"}},
		{cont, []string{"resume vCont;c"}},
	})
}

func TestABreakpointSharedWithATrapIsShownEvenIfTheTrapGoesOn(t *testing.T) {
	m := withPoints()
	m.Points.Add(Point{Addr: trap, Size: 1}, "gdb1")
	run(t, m, []step{
		{cont, []string{"resume vCont;c"}},
		{trapStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: trap}, []string{"inspect p1.1"}},
		{Verdict{}, []string{"announce T05"}},
	})
}

func TestABreakpointLeftByAKilledDebuggerIsHandedToInspection(t *testing.T) {
	run(t, withPoints(), []step{
		{cont, []string{"resume vCont;c"}},
		{trapStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: 0xffffffff81999999}, []string{"inspect stray p1.1"}},
		{Verdict{}, []string{"resume vCont;c"}},
	})
}

func TestTheStubsEndReachesEveryWaiter(t *testing.T) {
	m := withPoints()
	run(t, m, []step{
		{cont, []string{"resume vCont;c"}},
		{Job{ID: 7, Quiesce: true}, []string{"interrupt"}},
		{StubLost{Err: errors.New("gone")}, []string{"refuse 7", "lost"}},
		{Resume{ID: 3}, []string{"refuse 3"}},
		{Job{ID: 8}, []string{"refuse 8"}},
	})
	if m.Runs() {
		t.Error("a lost guest is said to run")
	}
}

func TestAnInterruptWhileSteppingOverStopsBeforeTheRealResume(t *testing.T) {
	run(t, withPoints(), []step{
		{cont, []string{"resume vCont;c"}},
		{trapStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: trap}, []string{"inspect p1.1"}},
		{Verdict{}, []string{"step p1.1"}},
		{Interrupt{}, []string{"interrupt"}},
		{trapStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: trap + 5}, []string{"announce T02"}},
	})
}

func TestAPointLivesAsLongAsItsLastOwner(t *testing.T) {
	var p Points
	at := Point{Addr: trap, Size: 1}
	if !p.Add(at, Traps) || p.Add(at, "gdb1") {
		t.Fatal("only the first owner inserts")
	}
	if known, last := p.Drop(at, "gdb1"); !known || last {
		t.Fatal("the trap still wants it")
	}
	if known, _ := p.Drop(at, "gdb1"); known {
		t.Fatal("a second drop is unknown")
	}
	if gone := p.DropOwner(Traps); len(gone) != 1 || gone[0] != at {
		t.Fatalf("gone = %v", gone)
	}
	if p.Code(trap) {
		t.Fatal("nothing should stand there")
	}
}

func TestAWatchpointHitByTheStepOffABreakpointIsShown(t *testing.T) {
	watch := trapStop(cpu0)
	watch.Reply.Reason, watch.Reply.WatchAddr = rsp.Watch, 0x1000
	run(t, withPoints(), []step{
		{cont, []string{"resume vCont;c"}},
		{trapStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: trap}, []string{"inspect p1.1"}},
		{Verdict{}, []string{"step p1.1"}},
		{watch, []string{"pc p1.1"}},
		{PC{PC: trap + 4}, []string{"announce T05"}},
	})
}

func TestAStopThatSomebodyElseMakesDuringAJobChangesNothing(t *testing.T) {
	run(t, withPoints(), []step{
		{Job{ID: 6}, []string{"job 6 ran=false"}},
		{intStop(cpu0), nil},
		{JobDone{}, nil},
		{cont, []string{"resume vCont;c"}},
	})
}

func TestAJobMayEndInAStop(t *testing.T) {
	run(t, withPoints(), []step{
		{cont, []string{"resume vCont;c"}},
		{Job{ID: 7, Quiesce: true}, []string{"interrupt"}},
		{intStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: 0x1234}, []string{"job 7 ran=true"}},
		{JobDone{Show: true, Thread: cpu1, Report: "hang"}, []string{"announce hang"}},
		{cont, []string{"resume vCont;c"}},
	})
}

func TestAnInterruptOfAClientAfterAQuietOneIsItsOwn(t *testing.T) {
	run(t, withPoints(), []step{
		{cont, []string{"resume vCont;c"}},
		{Job{ID: 7, Quiesce: true}, []string{"interrupt"}},
		{trapStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: trap}, []string{"inspect p1.1"}},
		{Verdict{}, []string{"job 7 ran=true"}},
		{JobDone{}, []string{"step p1.1"}},
		{trapStop(cpu0), []string{"check p1.1"}},
		{PC{PC: off}, []string{"resume vCont;c"}},
		// somebody pauses the guest in a monitor window
		{intStop(cpu0), []string{"pc p1.1"}},
		{PC{PC: 0x1234}, []string{"announce T02"}},
	})
}

func TestCPUsStepOffTheirBreakpointsInTheOrderOfTheirNumbers(t *testing.T) {
	for range 20 { // an order that is not defined is right now and then
		m := withPoints()
		cpus := []rsp.ThreadID{{PID: 1, TID: 10}, {PID: 1, TID: 3}, {PID: 1, TID: 7}, {PID: 1, TID: 1}}
		for _, c := range cpus {
			m.handled[c] = trap
		}
		run(t, m, []step{
			{cont, []string{"step p1.1"}},
			{trapStop(cpus[3]), []string{"check p1.1"}},
			{PC{PC: off}, []string{"step p1.3"}},
			{trapStop(cpus[1]), []string{"check p1.3"}},
			{PC{PC: off}, []string{"step p1.7"}},
			{trapStop(cpus[2]), []string{"check p1.7"}},
			{PC{PC: off}, []string{"step p1.a"}},
			{trapStop(cpus[0]), []string{"check p1.a"}},
			{PC{PC: off}, []string{"resume vCont;c"}},
		})
	}
}

func TestHardwarePointsAreCounted(t *testing.T) {
	var p Points
	p.Add(Point{Kind: Software, Addr: trap, Size: 1}, Traps)
	p.Add(Point{Kind: Hardware, Addr: trap, Size: 1}, Traps)
	p.Add(Point{Kind: Hardware, Addr: trap, Size: 1}, "gdb1") // the same one
	p.Add(Point{Kind: WatchWrite, Addr: mine, Size: 8}, "gdb1")
	if n := p.Hardware(); n != 2 {
		t.Errorf("%d, want 2", n)
	}
}
