package session

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"ktrap/rsp"
	"ktrap/rsp/rsptest"
	"ktrap/session/gdbview"
)

// listener is a gdb whose stops are heard.
type listener struct {
	*rsp.Client
	stops chan rsp.StopReply
}

func joinListening(ctx context.Context, t *testing.T, s *Session) listener {
	t.Helper()
	conn, err := net.Dial("tcp", s.ListenAddr())
	if err != nil {
		t.Fatal(err)
	}
	l := listener{stops: make(chan rsp.StopReply, 8)}
	l.Client = rsp.NewClient(conn, &rsp.ClientOptions{OnStop: func(r rsp.StopReply) { l.stops <- r }})
	ran := make(chan struct{})
	go func() {
		defer close(ran)
		_ = l.Run() // ends with the connection
	}()
	t.Cleanup(func() { conn.Close(); <-ran })
	if _, err := l.Handshake(ctx); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l listener) resume(t *testing.T) {
	t.Helper()
	if err := l.Resume([]byte("vCont;c")); err != nil {
		t.Fatal(err)
	}
}

// twoCPUs is a stub whose guest does as run says, and how often it was resumed.
func twoCPUs(run string) (*rsptest.Machine, *atomic.Int32) {
	var resumes atomic.Int32
	m := &rsptest.Machine{CPUs: []rsptest.CPU{{Regs: rsptest.NewRegs()}, {Regs: rsptest.NewRegs()}}}
	m.Run = func(_ *rsptest.Machine, body string) string {
		if strings.HasPrefix(body, "vCont;c") {
			resumes.Add(1)
		}
		return run
	}
	return m, &resumes
}

func TestAGDBThatOthersHaveLeftBehindIsToldInsteadOfResumed(t *testing.T) {
	m, resumes := twoCPUs("T02thread:p01.02;")
	withStub(t, m, func(ctx context.Context, s *Session) {
		first, second := joinListening(ctx, t, s), joinListening(ctx, t, s)
		first.resume(t)
		if r := <-first.stops; r.Signal != 2 || r.Thread.TID != gdbview.CPU+1 {
			t.Errorf("the first: %+v", r)
		}
		second.resume(t)
		if r := <-second.stops; r.Signal != sigNone || r.Thread.TID != gdbview.CPU+1 || resumes.Load() != 1 {
			t.Errorf("the second: %+v, %d resumes", r, resumes.Load())
		}
		second.resume(t)
		if r := <-second.stops; r.Signal != 2 || resumes.Load() != 2 {
			t.Errorf("the second, again: %+v, %d resumes", r, resumes.Load())
		}
	})
}

func TestAResumeThatAStopOvertakesTellsOfTheStop(t *testing.T) {
	m, resumes := twoCPUs("T02thread:p01.02;")
	withStub(t, m, func(ctx context.Context, s *Session) {
		first := joinListening(ctx, t, s)
		first.resume(t)
		<-first.stops
		for _, when := range []moment{{runs: true}, {}} { // the packet came while the guest ran, or stood elsewhere
			near, far := net.Pipe()
			g := s.newGDB(near, 9)
			go g.resume(ctx, "vCont;c", &when)
			for r := rsp.NewReader(far, 0); ; {
				m, err := r.Next()
				if err != nil {
					t.Fatal(err)
				}
				if strings.HasPrefix(string(m.Body), "T") {
					break
				}
			}
			g.server.Close()
			far.Close()
		}
		if resumes.Load() != 1 {
			t.Errorf("%d resumes", resumes.Load())
		}
	})
}

func TestAGDBConnectsAlthoughTheLastResumeWasRefused(t *testing.T) {
	m, _ := twoCPUs("E22")
	withStub(t, m, func(ctx context.Context, s *Session) {
		first := joinListening(ctx, t, s)
		first.resume(t)
		if r := <-first.stops; r.Kind != rsp.Stopped {
			t.Errorf("the first: %+v", r)
		}
		second := joinListening(ctx, t, s)
		if _, err := second.ReadRegisters(ctx, rsp.AnyThread); err != nil {
			t.Errorf("the second: %v", err)
		}
	})
}

func TestGDBsThatWaitTogetherAreToldTogether(t *testing.T) {
	m, resumes := twoCPUs("")
	withStub(t, m, func(ctx context.Context, s *Session) {
		first, second := joinListening(ctx, t, s), joinListening(ctx, t, s)
		first.resume(t)
		for !s.Running() {
			if ctx.Err() != nil {
				t.Fatal(ctx.Err())
			}
		}
		if _, err := second.ReadRegisters(ctx, rsp.AnyThread); err == nil {
			t.Error("registers were read of a guest that runs")
		}
		second.resume(t)
		if err := second.Interrupt(); err != nil {
			t.Fatal(err)
		}
		for name, l := range map[string]listener{"first": first, "second": second} {
			if r := <-l.stops; r.Signal != 2 {
				t.Errorf("the %s: %+v", name, r)
			}
		}
		if resumes.Load() != 1 {
			t.Errorf("%d resumes", resumes.Load())
		}
	})
}
