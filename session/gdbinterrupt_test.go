package session

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"ktrap/rsp"
)

// heard is a gdb of which the test hears what it is told.
type heard struct {
	*gdbClient
	r *rsp.Reader
}

// joinHeard puts such a gdb among the clients, as it is after its handshake.
func joinHeard(t *testing.T, s *Session) heard {
	t.Helper()
	near, far := net.Pipe()
	if err := far.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	g := heard{s.newGDB(near, 9), rsp.NewReader(far, 0)}
	t.Cleanup(func() { g.server.Close(); far.Close() })
	g.do(t, func() { s.gdbs[g.gdbClient], g.saw = struct{}{}, s.stopCount })
	return g
}

// do runs f on the loop.
func (g heard) do(t *testing.T, f func()) {
	t.Helper()
	if err := g.s.call(f); err != nil {
		t.Fatal(err)
	}
}

// resume is gdb's continue.
func (g heard) resume(ctx context.Context, t *testing.T) {
	t.Helper()
	var now moment
	g.do(t, func() { now = g.moment() })
	go g.gdbClient.resume(ctx, "vCont;c", &now)
}

// told waits for a stop of this kind, "T05".
func (g heard) told(t *testing.T, want string) {
	t.Helper()
	for {
		m, err := g.r.Next()
		if err != nil {
			t.Fatalf("not told %s: %v", want, err)
		}
		if m.Kind != rsp.Packet || strings.HasPrefix(string(m.Body), "O") { // an acknowledgement, or text
			continue
		}
		if !strings.HasPrefix(string(m.Body), want) {
			t.Errorf("told %q, not %s", m.Body, want)
		}
		return
	}
}

// wantsNoMore requires that its Ctrl-C has been answered.
func (g heard) wantsNoMore(t *testing.T) {
	t.Helper()
	g.do(t, func() {
		if g.wants {
			t.Error("it would be interrupted again")
		}
	})
}

func TestAnInterruptIsNotForgottenWhenAnotherClientResumesBeforeItsStopIsTold(t *testing.T) {
	for _, again := range []bool{false, true} { // the stop, or that nothing was resumed
		withStub(t, runs(), func(ctx context.Context, s *Session) {
			g := joinHeard(t, s)
			g.do(t, func() { g.waits = true; g.interrupt() }) // the guest has just stopped
			if err := s.Continue(ctx); err != nil {           // another client
				t.Fatal(err)
			}
			go g.deliver(nil, again)
			g.told(t, "T02")
			g.wantsNoMore(t)
		})
	}
}

func TestAnInterruptThatMeetsAnotherStopIsNotForgottenWhenGDBPassesOverThat(t *testing.T) {
	m, _ := twoCPUs("")
	withStub(t, m, func(ctx context.Context, s *Session) {
		g := joinHeard(t, s)
		g.do(t, func() { g.waits = true; g.interrupt() }) // the guest has just hit a breakpoint
		go g.deliver(nil, false)
		g.told(t, "T05")
		g.resume(ctx, t)
		g.told(t, "T02")
		g.wantsNoMore(t)
	})
}

func TestAnInterruptIsAnsweredByAStopThatGDBAlwaysShows(t *testing.T) {
	withStub(t, runs(), func(ctx context.Context, s *Session) {
		g := joinHeard(t, s)
		g.do(t, func() { g.saw += 7; g.interrupt() }) // another client has let the guest run meanwhile
		g.resume(ctx, t)
		g.told(t, "T00")
		g.wantsNoMore(t)
	})
}

func TestAnInterruptIsNotForgottenWhenModulesAreToBeToldFirst(t *testing.T) {
	withStub(t, runs(), func(ctx context.Context, s *Session) {
		g := joinHeard(t, s)
		g.do(t, func() { g.due, g.waits = true, true; g.interrupt() })
		if err := s.Continue(ctx); err != nil { // another client is quicker
			t.Fatal(err)
		}
		go g.tellModules(false)
		g.told(t, "T02")
		g.wantsNoMore(t)
	})
}

func TestTheInterruptOfAGDBThatHasLeftStopsNobody(t *testing.T) {
	withStub(t, runs(), func(ctx context.Context, s *Session) {
		g := joinHeard(t, s)
		g.do(t, func() { g.waits = true; g.interrupt() })
		g.gone(ctx)
		if err := s.Continue(ctx); err != nil {
			t.Fatal(err)
		}
		g.deliver(nil, false) // had begun when the stop came
		if !s.Running() {
			t.Error("the guest of another client stands")
		}
	})
}
