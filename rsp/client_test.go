package rsp_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ktrap/rsp"
	"ktrap/rsp/rsptest"
)

// start connects a client to a stub that h scripts. It ends with the test.
func start(t *testing.T, h rsptest.Handler, o *rsp.ClientOptions) (*rsp.Client, *rsptest.Stub) {
	t.Helper()
	s := rsptest.NewStub(t, h)
	c := rsp.NewClient(s.Conn, o)
	var wg sync.WaitGroup
	wg.Go(func() { c.Run() })
	t.Cleanup(func() {
		c.Close()
		wg.Wait()
	})
	return c, s
}

// twoCPUs is a machine with a different rax on each CPU.
func twoCPUs() *rsptest.Machine {
	m := &rsptest.Machine{CPUs: []rsptest.CPU{{Regs: rsptest.NewRegs(), Info: "CPU#0 [running]"}, {Regs: rsptest.NewRegs(), Info: "CPU#1 [halted ]"}}}
	rsptest.PutReg(m.CPUs[0].Regs, "rax", 0x11)
	rsptest.PutReg(m.CPUs[1].Regs, "rax", 0x22)
	return m
}

func wantSeen(t *testing.T, s *rsptest.Stub, want ...string) {
	t.Helper()
	if got := s.Seen(); !slices.Equal(got, want) {
		t.Errorf("stub saw %q\nwant %q", got, want)
	}
}

var (
	cpu1 = rsp.ThreadID{PID: 1, TID: 1}
	cpu2 = rsp.ThreadID{PID: 1, TID: 2}
)

func TestHgIsSentOnlyWhenTheSelectionDiffers(t *testing.T) {
	c, s := start(t, twoCPUs().Handle, nil)
	for _, id := range []rsp.ThreadID{cpu1, cpu1, rsp.AnyThread, cpu2, cpu2, cpu1} {
		if _, err := c.Do(t.Context(), id, []byte("g")); err != nil {
			t.Fatal(err)
		}
	}
	wantSeen(t, s, "Hgp1.1", "g", "g", "g", "Hgp1.2", "g", "g", "Hgp1.1", "g")
}

func TestAfterAStopItsThreadIsSelectedAndNoOther(t *testing.T) {
	for reply, again := range map[string]bool{ // cpu2 must be selected again
		"T05thread:p01.02;":            false,
		"T05thread:p01.01;":            true,
		"T05thread:02;":                true, // no such thread to a client that talks of processes
		"T05thread:p01.02;watch:1234;": true, // QEMU sends it without having selected anything
		"T05":                          true,
		"S05":                          true,
	} {
		t.Run(reply, func(t *testing.T) {
			stops := make(chan rsp.StopReply, 1)
			m := twoCPUs()
			m.Run = func(*rsptest.Machine, string) string { return reply }
			c, s := start(t, m.Handle, &rsp.ClientOptions{OnStop: func(s rsp.StopReply) { stops <- s }})
			want := []string{"Hgp1.2"}
			for i := range 2 {
				if _, err := c.Do(t.Context(), cpu2, []byte("g")); err != nil {
					t.Fatal(err)
				}
				if err := c.Resume([]byte("vCont;c")); err != nil {
					t.Fatal(err)
				}
				if stop := <-stops; stop.Signal != 5 {
					t.Fatalf("stop %+v", stop)
				}
				if i > 0 && again {
					want = append(want, "Hgp1.2")
				}
				want = append(want, "g", "vCont;c")
			}
			wantSeen(t, s, want...)
		})
	}
}

func TestTheSelectionIsForgottenWhenTheUserSelectsByHand(t *testing.T) {
	c, s := start(t, twoCPUs().Handle, nil)
	for _, r := range []struct {
		t    rsp.ThreadID
		body string
	}{{cpu1, "g"}, {rsp.AnyThread, "Hgp1.2"}, {cpu1, "g"}} {
		if _, err := c.Do(t.Context(), r.t, []byte(r.body)); err != nil {
			t.Fatal(err)
		}
	}
	wantSeen(t, s, "Hgp1.1", "g", "Hgp1.2", "Hgp1.1", "g")
}

func TestAThreadThatDoesNotExistFailsItsRequestOnly(t *testing.T) {
	c, s := start(t, twoCPUs().Handle, nil)
	_, err := c.ReadRegisters(t.Context(), rsp.ThreadID{PID: 1, TID: 9})
	if e, ok := errors.AsType[*rsp.Error](err); !ok || e.Code != 0x22 || !strings.Contains(err.Error(), "select thread p1.9") {
		t.Errorf("error %v", err)
	}
	if g, err := c.ReadRegisters(t.Context(), cpu2); err != nil || g[0] != 0x22 {
		t.Errorf("next request: %v", err)
	}
	wantSeen(t, s, "Hgp1.9", "Hgp1.2", "g")
}

func TestManyUsersGetTheirOwnReplies(t *testing.T) {
	echo := func(s *rsptest.Stub, m rsp.Message) {
		if m.Kind == rsp.Packet {
			s.Reply("+" + string(m.Body))
		}
	}
	c, _ := start(t, echo, nil)
	var wg sync.WaitGroup
	for u := range 8 {
		wg.Go(func() {
			for i := range 50 {
				body := fmt.Sprintf("q%d.%d", u, i)
				got, err := c.Do(t.Context(), rsp.AnyThread, []byte(body))
				if err != nil || string(got) != "+"+body {
					t.Errorf("%s: %q, %v", body, got, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestACancelledRequestDoesNotShiftTheReplies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := start(t, func(s *rsptest.Stub, m rsp.Message) {
			if m.Kind != rsp.Packet {
				return
			}
			time.Sleep(20 * time.Second) // of the bubble's clock
			s.Reply("reply to " + string(m.Body))
		}, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if got, err := c.Do(ctx, rsp.AnyThread, []byte("q1")); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("%q, %v", got, err)
		}
		got, err := c.Do(t.Context(), rsp.AnyThread, []byte("q2"))
		if err != nil || string(got) != "reply to q2" {
			t.Fatalf("%q, %v", got, err)
		}
	})
}

func TestARequestCancelledInTheQueueIsNeverSent(t *testing.T) {
	hold := make(chan struct{})
	c, s := start(t, func(s *rsptest.Stub, m rsp.Message) {
		if m.Kind == rsp.Packet {
			<-hold
			s.Reply("OK")
		}
	}, nil)
	first := make(chan error, 1)
	c.Go(rsp.AnyThread, []byte("q1"), func(_ []byte, err error) { first <- err })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Do(ctx, rsp.AnyThread, []byte("q2")); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	close(hold)
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	if _, err := c.Do(t.Context(), rsp.AnyThread, []byte("q3")); err != nil {
		t.Fatal(err)
	}
	wantSeen(t, s, "q1", "q3")
}

func TestNothingIsSentWhileTheMachineRuns(t *testing.T) {
	stops := make(chan rsp.StopReply, 1)
	m := twoCPUs()
	m.Run = func(*rsptest.Machine, string) string { return "" }
	c, s := start(t, m.Handle, &rsp.ClientOptions{OnStop: func(s rsp.StopReply) { stops <- s }})
	if err := c.Resume([]byte("vCont;c")); err != nil || !c.Running() {
		t.Fatalf("resume: %v, running %v", err, c.Running())
	}
	if _, err := c.Do(t.Context(), cpu1, []byte("g")); !errors.Is(err, rsp.ErrRunning) {
		t.Errorf("Do: %v", err)
	}
	if err := c.Resume([]byte("vCont;c")); !errors.Is(err, rsp.ErrRunning) {
		t.Errorf("second resume: %v", err)
	}
	if err := c.Atomically(t.Context(), func(*rsp.Batch) error { return nil }); !errors.Is(err, rsp.ErrRunning) {
		t.Errorf("batch: %v", err)
	}
	if err := c.Interrupt(); err != nil {
		t.Fatal(err)
	}
	if stop := <-stops; stop.Signal != 2 || c.Running() {
		t.Errorf("stop %+v, running %v", stop, c.Running())
	}
	if err := c.Interrupt(); !errors.Is(err, rsp.ErrStopped) {
		t.Errorf("interrupt of a machine that stands: %v", err)
	}
	wantSeen(t, s, "vCont;c", "^C")
}

func TestAnInterruptBehindAQueuedResumeIsKept(t *testing.T) {
	hold := make(chan struct{})
	stops := make(chan rsp.StopReply, 1)
	m := twoCPUs()
	m.Run = func(*rsptest.Machine, string) string { return "" }
	m.Override = func(_ *rsptest.Machine, body string) (string, bool) {
		if body == "qC" {
			<-hold
		}
		return "", false
	}
	c, s := start(t, m.Handle, &rsp.ClientOptions{OnStop: func(s rsp.StopReply) { stops <- s }})
	c.Go(rsp.AnyThread, []byte("qC"), func([]byte, error) {})
	if err := errors.Join(c.Resume([]byte("vCont;c")), c.Interrupt()); err != nil {
		t.Fatal(err)
	}
	close(hold)
	if stop := <-stops; stop.Signal != 2 {
		t.Errorf("stop %+v", stop)
	}
	if err := c.Resume([]byte("vCont;s")); err != nil { // this one is not interrupted
		t.Fatal(err)
	}
	if err := c.Interrupt(); err != nil {
		t.Fatal(err)
	}
	<-stops
	wantSeen(t, s, "qC", "vCont;c", "^C", "vCont;s", "^C")
}

func TestAResumeThatTheStubRefusesLeavesTheMachineStanding(t *testing.T) {
	for reply, want := range map[string]string{"E22": "stub says E22", "": "unsupported packet"} {
		refused := make(chan error, 1)
		c, _ := start(t, rsptest.Answers(map[string]string{"vCont;c": reply}), &rsp.ClientOptions{OnRefused: func(err error) { refused <- err }})
		if err := c.Resume([]byte("vCont;c")); err != nil {
			t.Fatal(err)
		}
		if err := <-refused; err.Error() != want || c.Running() {
			t.Errorf("reply %q: %v, running %v", reply, err, c.Running())
		}
	}
}

func TestOutputWhileTheMachineRunsIsNoStop(t *testing.T) {
	var out []string
	stops := make(chan rsp.StopReply, 1)
	c, _ := start(t, func(s *rsptest.Stub, m rsp.Message) {
		if m.Kind == rsp.Packet {
			s.Reply("O68690a")
			s.Notify("Stop:T05")
			s.Reply("T05thread:1;")
		}
	}, &rsp.ClientOptions{
		OnStop:   func(s rsp.StopReply) { stops <- s },
		OnOutput: func(text []byte) { out = append(out, string(text)) },
		OnNotify: func(body []byte) { out = append(out, "%"+string(body)) },
	})
	if err := c.Resume([]byte("c")); err != nil {
		t.Fatal(err)
	}
	<-stops
	if want := []string{"hi\n", "%Stop:T05"}; !slices.Equal(out, want) {
		t.Errorf("output %q, want %q", out, want)
	}
}

func TestWhatHarmsQEMUIsRefused(t *testing.T) {
	c, s := start(t, twoCPUs().Handle, nil)
	for _, body := range []string{"k", "vKill;1", "bs", "bc", "QNonStop:1", "QStartNoAckMode", "vCont;c", "c", "s", "C05"} {
		if _, err := c.Do(t.Context(), rsp.AnyThread, []byte(body)); !errors.Is(err, rsp.ErrRefused) {
			t.Errorf("%s: %v", body, err)
		}
	}
	for _, body := range []string{"bs", "bc", "g", "D;1"} {
		if err := c.Resume([]byte(body)); !errors.Is(err, rsp.ErrRefused) {
			t.Errorf("resume with %s: %v", body, err)
		}
	}
	wantSeen(t, s)
}

func TestReverseStepsPassWhenTheStubReplaysARecording(t *testing.T) {
	stops := make(chan rsp.StopReply, 1)
	m := twoCPUs()
	m.Override = func(_ *rsptest.Machine, body string) (string, bool) {
		if strings.HasPrefix(body, "qSupported") {
			return "PacketSize=1000;ReverseStep+;ReverseContinue+", true
		}
		return "T05replaylog:begin;", body == "bs"
	}
	c, _ := start(t, m.Handle, &rsp.ClientOptions{OnStop: func(s rsp.StopReply) { stops <- s }})
	if _, err := c.Handshake(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Resume([]byte("bs")); err != nil {
		t.Fatal(err)
	}
	if stop := <-stops; stop.Reason != rsp.ReplayLog {
		t.Errorf("stop %+v", stop)
	}
}
