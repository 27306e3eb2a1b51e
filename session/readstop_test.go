package session

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"ktrap/rsp"
	"ktrap/rsp/rsptest"
	"ktrap/session/gdbview"
	"ktrap/session/machine"
)

// asker notes what a stub is asked.
type asker struct {
	mu    sync.Mutex
	asked []string
}

func (a *asker) note(_ *rsptest.Machine, body string) (string, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, body)
	return "", false
}

// take gives what was asked since it was last called.
func (a *asker) take() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	defer func() { a.asked = nil }()
	return a.asked
}

func TestAStopIsToldWithinOneTurnAndNeverWithWhatWasTrueBefore(t *testing.T) {
	k := newToy(t)
	var stub asker
	k.Override = stub.note
	area, sp := k.syms["percpu_area"], k.syms["sh_stack"]+4096-8*16
	next := func() {}
	k.Run = func(*rsptest.Machine, string) string { next(); return k.goTo("toy_write", 0) }
	k.with(t, func(ctx context.Context, s *Session) {
		l := k.joinBreaking(ctx, t, s)
		stopped := func(who int) (asked []string) {
			t.Helper()
			stub.take()
			l.resume(t)
			if got := <-l.stops; got.Thread.TID != who {
				t.Errorf("task %d has stopped, want %d", got.Thread.TID, who)
			}
			asked = stub.take()
			return asked[slices.Index(asked, "vCont;c")+1:]
		}
		stopped(42) // ktrap learns what to read ahead
		stopped(42) // and where CPU 0 has its own data

		asked := stopped(42)
		stack := fmt.Sprintf("m%x,100", sp&^63)
		if asked = slices.DeleteFunc(asked, func(q string) bool { return q == stack }); len(asked) != 3 || asked[0] != "g" ||
			asked[1] != fmt.Sprintf("m%x,8", area+k.syms["current_task"]) || !strings.HasPrefix(asked[2], "m") {
			t.Errorf("asked %q, want the registers, who runs, and the task that ran last", asked)
		}
		var raw [16]byte
		for range 2 { // the first may come before the stack
			stub.take()
			if err := l.ReadMemory(ctx, rsp.AnyThread, sp, raw[:]); err != nil {
				t.Error(err)
			}
		}
		if again := stub.take(); len(again) != 0 {
			t.Errorf("the stack is known, and %q is asked", again)
		}
		ranBefore := asked[2]

		next = func() { k.put(area+k.syms["current_task"], k.syms["kthreadd"]) }
		if asked := stopped(2); len(asked) < 4 || asked[2] != ranBefore {
			t.Errorf("asked %q, want the task that ran last, and the one that runs", asked)
		}
		next = func() { // of the two that have run, the one before the last
			k.put(area+k.syms["current_task"], k.syms["sh"])
		}
		if asked := slices.DeleteFunc(stopped(42), func(q string) bool { return q == stack }); len(asked) != 4 || asked[3] != ranBefore {
			t.Errorf("asked %q, want both that have run", asked)
		}
		next = func() { // the CPUs have changed their places
			rsptest.PutReg(k.CPUs[0].Regs, "gs_base", area+512)
			k.put(area+512+k.syms["current_task"], k.syms["sh"])
		}
		if asked := stopped(42); !strings.Contains(strings.Join(asked, " "), fmt.Sprintf("m%x,8", area+512+k.syms["current_task"])) {
			t.Errorf("asked %q", asked)
		}
	})
}

func TestWhatCannotBeReadAheadIsReadWhenItIsAskedFor(t *testing.T) {
	k := newToy(t)
	k.Run = func(*rsptest.Machine, string) string { return k.goTo("toy_write", 0) }
	k.with(t, func(ctx context.Context, s *Session) {
		l := k.joinBreaking(ctx, t, s)
		l.resume(t)
		<-l.stops
		refused := 0 // each question once, but for whole pages
		seen := map[string]bool{}
		k.Override = func(_ *rsptest.Machine, body string) (string, bool) {
			if body[0] != 'm' || seen[body] || strings.HasSuffix(body, ",800") {
				return "", false
			}
			seen[body] = true
			refused++
			return "E14", true
		}
		l.resume(t)
		if got := <-l.stops; got.Thread.TID != 42 {
			t.Errorf("task %d has stopped", got.Thread.TID)
		}
		if refused == 0 {
			t.Error("nothing was read ahead")
		}
	})
}

func TestAStubThatIsLostWhileAStopIsReadHasNotStopped(t *testing.T) {
	m := &rsptest.Machine{CPUs: []rsptest.CPU{{Regs: rsptest.NewRegs()}}}
	ran := false
	m.Run = func(*rsptest.Machine, string) string { ran = true; return "T05thread:p01.01;" }
	o := &Options{NoTraps: true, Stub: rsptest.ListenUnix(t, func(st *rsptest.Stub, msg rsp.Message) {
		if ran && msg.Kind == rsp.Packet && string(msg.Body) == "g" {
			st.Close()
			return
		}
		m.Handle(st, msg)
	})}
	_ = Run(t.Context(), o, func(ctx context.Context, s *Session) error { // it ends without a stub
		if err := s.Continue(ctx); err != nil {
			t.Error(err)
		}
		if stop, err := s.Wait(ctx); err == nil {
			t.Errorf("told of a stop that is none: %+v", stop.Stop)
		}
		return nil
	})
}

func TestAStepThatEndsWithoutAnInstructionIsDoneAgain(t *testing.T) {
	for _, c := range []struct {
		moves bool // at its second try
		tries int
	}{{true, 2}, {false, 4}} {
		m, _ := twoCPUs("")
		var stub asker
		m.Override = stub.note
		tries := 0
		m.Run = func(m *rsptest.Machine, body string) string {
			if tries++; c.moves && tries == 2 {
				rsptest.PutReg(m.CPUs[1].Regs, "rip", 0xffffffff81000005)
			}
			return "T05thread:p01.02;"
		}
		withStub(t, m, func(ctx context.Context, s *Session) {
			l := joinListening(ctx, t, s)
			cpu1 := rsp.ThreadID{TID: gdbview.CPU + 1}
			if _, err := l.ReadRegisters(ctx, cpu1); err != nil {
				t.Fatal(err)
			}
			stub.take()
			if err := l.Resume(fmt.Appendf(nil, "vCont;s:%v", cpu1)); err != nil {
				t.Fatal(err)
			}
			if r := <-l.stops; r.Signal != 5 || r.Thread.TID != cpu1.TID {
				t.Errorf("gdb is told %+v", r)
			}
			n := 0
			for _, body := range stub.take() {
				if strings.HasPrefix(body, "vCont;s:p1.2") {
					n++
				}
			}
			if n != c.tries || len(l.stops) > 0 {
				t.Errorf("stepped %d times, want %d, and %d more stops", n, c.tries, len(l.stops))
			}
		})
	}
}

func TestAStepBehindOneOffABreakpointIsDoneAgainToo(t *testing.T) {
	m, _ := twoCPUs("")
	rsptest.PutReg(m.CPUs[0].Regs, "rip", uint64(text))
	var stub asker
	m.Override = stub.note
	m.Run = func(m *rsptest.Machine, body string) string {
		switch body {
		case "vCont;s:p1.1":
			rsptest.PutReg(m.CPUs[0].Regs, "rip", uint64(text)+4)
			fallthrough
		case "vCont;c":
			return "T05thread:p01.01;"
		}
		return "T05thread:p01.02;" // and no instruction, ever
	}
	withStub(t, m, func(ctx context.Context, s *Session) {
		l := joinListening(ctx, t, s)
		if err := l.Insert(ctx, rsp.SoftwareBreak, uint64(text), 1); err != nil {
			t.Fatal(err)
		}
		l.resume(t)
		<-l.stops // CPU 0 is at the breakpoint
		cpu1 := rsp.ThreadID{TID: gdbview.CPU + 1}
		if _, err := l.ReadRegisters(ctx, cpu1); err != nil {
			t.Fatal(err)
		}
		stub.take()
		if err := l.Resume(fmt.Appendf(nil, "vCont;s:%v", cpu1)); err != nil {
			t.Fatal(err)
		}
		<-l.stops
		asked := stub.take()
		if n := strings.Count(strings.Join(asked, " ")+" ", "vCont;s:p1.2 "); n != 4 {
			t.Errorf("CPU 1 was stepped %d times: %q", n, asked)
		}
	})
}

func TestAStopThatSomebodyElseHasMadeIsReadAnew(t *testing.T) {
	for _, last := range []string{"vCont;c", "vCont;s:2a"} {
		k := newToy(t)
		k.Run = func(*rsptest.Machine, string) string { return k.goTo("toy_write", 0) }
		k.with(t, func(ctx context.Context, s *Session) {
			l := k.joinBreaking(ctx, t, s)
			for _, packet := range []string{"vCont;c", "vCont;c", last} {
				if err := l.Resume([]byte(packet)); err != nil {
					t.Fatal(err)
				}
				<-l.stops
			}
			heard := make(chan Stop, 1)
			if err := s.call(func() { s.stops[heard] = struct{}{} }); err != nil {
				t.Fatal(err)
			}
			k.put(k.syms["percpu_area"]+k.syms["current_task"], k.syms["kthreadd"]) // cont and stop in a monitor window
			s.send(machine.StubStop{Reply: rsp.StopReply{Kind: rsp.Stopped, Signal: 2, Thread: rsp.ThreadID{PID: 1, TID: 1}}})
			<-heard
			reply, err := joinListening(ctx, t, s).Do(ctx, rsp.AnyThread, []byte("?"))
			if stop, bad := rsp.ParseStopReply(reply); err != nil || bad != nil || stop.Thread.TID != 2 {
				t.Errorf("%s: kthreadd (2) runs, and a gdb that connects is told %s, %v", last, reply, err)
			}
		})
	}
}
