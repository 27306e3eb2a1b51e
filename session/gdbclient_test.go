package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"ktrap/rsp"
	"ktrap/rsp/rsptest"
	"ktrap/session/machine"
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
		if err := c.Resume(fmt.Appendf(nil, "vCont;s:%v", c.Features().Stop.Thread)); err != nil {
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

func TestMemoryIsSentAsBytesToAGDBThatAsksSo(t *testing.T) {
	data := []byte("$#*}\x00\xffbytes")
	m := &rsptest.Machine{Mem: []rsptest.Segment{{Addr: uint64(text), Data: data}}}
	withStub(t, m, func(ctx context.Context, s *Session) {
		c, _ := joinAsGDB(ctx, t, s)
		ask := func(packet string) (string, error) {
			b, err := c.Do(ctx, rsp.AnyThread, []byte(packet))
			return string(b), err
		}
		if got, err := ask(fmt.Sprintf("x%x,%x", uint64(text), len(data))); got != "b"+string(data) {
			t.Errorf("%q, %v", got, err)
		}
		if got, err := ask("x10,4"); err == nil {
			t.Errorf("where nothing is mapped: %q", got)
		}
		if got, err := ask("x0,0"); got == "OK" || err != nil { // the question of LLDB 14
			t.Errorf("no bytes: %q, %v", got, err)
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

func TestThereIsRoomForSoManyGDBsAndNoMore(t *testing.T) {
	withStub(t, &rsptest.Machine{}, func(ctx context.Context, s *Session) {
		events, done := s.Subscribe()
		defer done()
		for range maxClients {
			joinAsGDB(ctx, t, s)
		}
		conn, err := net.Dial("tcp", s.ListenAddr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Error("one more was heard")
		}
		for e := range events {
			if e.Kind == ClientHas && strings.HasPrefix(e.Text, "gdb") && strings.Contains(e.Text, " turned away: ") {
				return
			}
		}
	})
}

func TestAGDBThatDoesNotReadIsDroppedAndHoldsNobody(t *testing.T) {
	withStub(t, &rsptest.Machine{}, func(ctx context.Context, s *Session) {
		events, done := s.Subscribe()
		defer done()
		near, far := net.Pipe()
		defer far.Close()
		slow := s.newGDB(near, 9)
		slow.server = rsp.NewServer(near, &rsp.ServerOptions{Backlog: 1 << 10})
		defer slow.server.Close()
		for range 50 { // each would wait for ever if the loop did
			if err := s.call(func() { slow.print("a hundred bytes and no reader" + strings.Repeat(".", 70)) }); err != nil {
				t.Fatal(err)
			}
		}
		c, _ := joinAsGDB(ctx, t, s)
		if _, err := c.ReadRegisters(ctx, rsp.AnyThread); err != nil {
			t.Errorf("another client: %v", err)
		}
		dropped := 0
		for more := true; more; {
			select {
			case e := <-events:
				if e.Kind == ClientHas && strings.Contains(e.Text, "gdb9 dropped: ") && errors.Is(e.Err, rsp.ErrBacklog) {
					dropped++
				}
			default:
				more = false
			}
		}
		if dropped != 1 {
			t.Errorf("it was said %d times", dropped)
		}
	})
}

func TestAGDBThatAsksAheadIsAnsweredInOrder(t *testing.T) {
	withStub(t, &rsptest.Machine{}, func(ctx context.Context, s *Session) {
		conn, err := net.Dial("tcp", s.ListenAddr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		var wire []byte
		want := []string{"OK", "QC1312d00", "E22", "OK", "OK", "1"}
		for _, body := range []string{"Z0,1000,1", "qC", "z0,2000,1", "qRcmd,00", "z0,1000,1", "qAttached"} {
			wire = rsp.AppendPacket(wire, []byte(body))
		}
		if _, err := conn.Write(wire); err != nil {
			t.Fatal(err)
		}
		r := rsp.NewReader(conn, 0)
		for _, want := range want {
			m, err := r.Next()
			for err == nil && m.Kind == rsp.Ack {
				m, err = r.Next()
			}
			if err != nil || string(m.Body) != want {
				t.Errorf("got %q, %v, want %s", m.Body, err, want)
			}
		}
	})
}

func TestAPacketThatAResumeOvertakesIsAnsweredAsOneThatCameAfterIt(t *testing.T) {
	withStub(t, runs(), func(ctx context.Context, s *Session) {
		near, far := net.Pipe()
		defer far.Close()
		g := s.newGDB(near, 9)
		defer g.server.Close()
		r := rsp.NewReader(far, 0)
		answer := func(packet string, now moment) string {
			go g.packet(ctx, packet, &now)
			m, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			return string(m.Body)
		}
		if err := s.Continue(ctx); err != nil { // another client
			t.Fatal(err)
		}
		for _, packet := range []string{"Z0,1000,1", "z0,1000,1", "m1000,8", "M1000,1:a5", "g", "qXfer:threads:read::0,ffff", "qfThreadInfo", "qSymbol::"} {
			if got, want := answer(packet, moment{}), answer(packet, moment{runs: true}); got != want {
				t.Errorf("%s: %q, and %q a moment later", packet, got, want)
			}
		}
	})
}

func TestAHungJobDoesNotKeepTheGuest(t *testing.T) {
	m := &rsptest.Machine{CPUs: []rsptest.CPU{{Regs: rsptest.NewRegs()}}}
	free := make(chan struct{})
	m.Override = func(_ *rsptest.Machine, body string) (string, bool) {
		if strings.HasPrefix(body, "D;") {
			close(free)
		}
		return "", false
	}
	o := &Options{Stub: rsptest.ListenUnix(t, ranBefore(m)), NoTraps: true}
	var held sync.WaitGroup
	err := Run(t.Context(), o, func(ctx context.Context, s *Session) error {
		s.leaving = time.Millisecond
		begun := make(chan struct{})
		held.Go(func() {
			err := s.Do(ctx, func(ctx context.Context, v *Stopped) error {
				err := v.Insert(ctx, code(text), machine.User)
				close(begun)
				<-free // whatever ctx says
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
		<-begun
		return nil
	})
	held.Wait()
	if err != nil || !m.Detached || len(m.Breaks) > 0 {
		t.Errorf("error %v, detached %v, left behind %q", err, m.Detached, m.Breaks)
	}
}
