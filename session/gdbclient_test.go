package session

import (
	"context"
	"net"
	"testing"

	"ktrap/rsp"
	"ktrap/rsp/rsptest"
)

// withStub opens a session with a gdb port on a scripted QEMU.
func withStub(t *testing.T, m *rsptest.Machine, f func(ctx context.Context, s *Session)) {
	t.Helper()
	if m.CPUs == nil {
		m.CPUs = []rsptest.CPU{{Regs: rsptest.NewRegs()}}
	}
	o := &Options{Stub: rsptest.ListenUnix(t, m.Handle), Listen: "localhost:0", NoTraps: true}
	err := Run(t.Context(), o, func(ctx context.Context, s *Session) error {
		f(ctx, s)
		return nil
	})
	if err != nil {
		t.Errorf("session: %v", err)
	}
}

// joinAsGDB connects to the gdb port as gdb does.
func joinAsGDB(ctx context.Context, t *testing.T, s *Session) (*rsp.Client, net.Conn) {
	t.Helper()
	conn, err := net.Dial("tcp", s.ListenAddr())
	if err != nil {
		t.Fatal(err)
	}
	c := rsp.NewClient(conn, nil)
	ran := make(chan struct{})
	go func() {
		defer close(ran)
		_ = c.Run() // ends with the connection
	}()
	t.Cleanup(func() { conn.Close(); <-ran })
	if _, err := c.Handshake(ctx); err != nil {
		t.Fatal(err)
	}
	return c, conn
}

func TestAGDBThatDiesInAStepThatNeverEndsDoesNotHoldTheSession(t *testing.T) {
	m := &rsptest.Machine{Run: func(*rsptest.Machine, string) string { return "" }}
	withStub(t, m, func(ctx context.Context, s *Session) {
		c, conn := joinAsGDB(ctx, t, s)
		if err := c.Insert(ctx, rsp.SoftwareBreak, 0xffffffff81000000, 1); err != nil {
			t.Fatal(err)
		}
		events, done := s.Subscribe()
		defer done()
		if err := c.Resume([]byte("vCont;s:p1.1")); err != nil {
			t.Fatal(err)
		}
		conn.Close()
		for e := range events {
			if e.Kind == ClientHas {
				return // it left, and the session ends now: Run returns
			}
		}
	})
}

func TestAGDBCannotChangeHowMemoryIsReadForEverybody(t *testing.T) {
	withStub(t, &rsptest.Machine{}, func(ctx context.Context, s *Session) {
		c, _ := joinAsGDB(ctx, t, s)
		for packet, want := range map[string]bool{
			"Qqemu.PhyMemMode:0": true, "Qqemu.PhyMemMode:1": false, "Qqemu.sstep=0x1": false, "Qqemu.sstep=0x7": true,
		} {
			if _, err := c.Do(ctx, rsp.AnyThread, []byte(packet)); (err == nil) != want {
				t.Errorf("%s: %v, taken should be %v", packet, err, want)
			}
		}
	})
}

func TestAConnectionThatSaysNothingDoesNotStopTheGuest(t *testing.T) {
	m := &rsptest.Machine{Run: func(*rsptest.Machine, string) string { return "" }}
	withStub(t, m, func(ctx context.Context, s *Session) {
		if err := s.Continue(ctx); err != nil {
			t.Fatal(err)
		}
		conn, err := net.Dial("tcp", s.ListenAddr())
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		for range 100 { // a loop's turn each: time enough for a wrong interrupt
			if !s.Running() {
				t.Fatal("a silent connection has stopped the guest")
			}
		}
	})
}
