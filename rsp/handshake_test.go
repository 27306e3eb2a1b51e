package rsp_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ktrap/rsp"
	"ktrap/rsp/rsptest"
)

func TestTheHandshakeSetsQEMUUp(t *testing.T) {
	c, s := start(t, twoCPUs().Handle, nil)
	f, err := c.Handshake(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !f.QEMU || !f.Multiprocess || f.NoAck || f.Ran || f.PacketSize != 0x1000 || f.Stop.Thread != cpu1 || !strings.Contains(string(f.TargetXML), "i386-64bit.xml") {
		t.Errorf("features %+v", f)
	}
	wantSeen(t, s, "qSupported:multiprocess+;vContSupported+;xmlRegisters=i386", "qXfer:features:read:target.xml:0,ffb",
		"qqemu.sstepbits", "Qqemu.sstep=0x7", "Qqemu.PhyMemMode:0", "?", "qRcmd,696e666f2076657273696f6e")
	if raw, err := c.ReadRegister(t.Context(), cpu2, 0); err != nil || raw[0] != 0x22 {
		t.Errorf("p needs target.xml: %x, %v", raw, err)
	}
}

func TestTheStopOfQEMUAtConnectIsSwallowed(t *testing.T) {
	for name, when := range map[string]string{"before anything is sent": "connect", "behind the first request": "request"} {
		m := twoCPUs()
		var s *rsptest.Stub
		m.Override = func(_ *rsptest.Machine, body string) (string, bool) {
			if strings.HasPrefix(body, "qSupported") && when == "request" {
				s.Reply("T02thread:01;")
			}
			return "", false
		}
		c, stub := start(t, m.Handle, &rsp.ClientOptions{OnStop: func(s rsp.StopReply) { t.Errorf("%s: told %+v", name, s) }})
		if s = stub; when == "connect" {
			s.Reply("T02thread:p01.01;")
		}
		f, err := c.Handshake(t.Context())
		if err != nil || f.Stop.Signal != 5 || !f.QEMU || !f.Ran {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
}

// What QEMU 10.0.13 and 7.2 say; 8.1 and newer send no stop at connect.
func TestAMachineThatRanIsKnownByTheMonitorWhereTheStubDoesNotSaySo(t *testing.T) {
	for name, c := range map[string]struct {
		version, status string
		ran             bool
	}{
		"10.0, ran":                 {"10.0.13 (Debian 1:10.0.13+ds-0+deb13u1)", "VM status: paused", true},
		"8.1, ran":                  {"8.1.0", "VM status: paused", true},
		"10.0, not begun":           {"10.0.13", "VM status: paused (prelaunch)", false},
		"10.0, at a breakpoint":     {"10.0.13", "VM status: paused (debug)", false},
		"7.2, stopped by somebody":  {"7.2.22Debian 1:7.2+dfsg-7+deb12u18", "VM status: paused", false},
		"8.0, likewise":             {"8.0.5", "VM status: paused", false},
		"a version nobody can read": {"unknown", "VM status: paused", false},
	} {
		m := twoCPUs()
		m.Monitor = func(cmd string) string {
			return map[string]string{"info version": c.version, "info status": c.status}[cmd] + "\r\n"
		}
		client, _ := start(t, m.Handle, nil)
		if f, err := client.Handshake(t.Context()); err != nil || f.Ran != c.ran || client.Features().Ran != c.ran {
			t.Errorf("%s: ran %v, %v", name, f.Ran, err)
		}
	}
}

func TestAStubWithoutAMonitorIsNoFailure(t *testing.T) {
	m := twoCPUs()
	m.Override = func(_ *rsptest.Machine, body string) (string, bool) { return "", strings.HasPrefix(body, "qRcmd,") }
	c, _ := start(t, m.Handle, nil)
	if f, err := c.Handshake(t.Context()); err != nil || f.Ran {
		t.Errorf("ran %v, %v", f.Ran, err)
	}
}

func TestAStubThatSaysNothingIsHeldBySomebodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := start(t, func(*rsptest.Stub, rsp.Message) {}, nil)
		begin := time.Now()
		_, err := c.Handshake(t.Context())
		if !errors.Is(err, rsp.ErrNoAnswer) || !strings.Contains(err.Error(), "another debugger holds the stub") {
			t.Errorf("error %v", err)
		}
		if waited := time.Since(begin); waited != 3*time.Second {
			t.Errorf("waited %v", waited)
		}
	})
}

func TestACancelledHandshakeBlamesNobody(t *testing.T) {
	c, _ := start(t, func(*rsptest.Stub, rsp.Message) {}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Handshake(ctx); !errors.Is(err, context.Canceled) || errors.Is(err, rsp.ErrNoAnswer) {
		t.Errorf("error %v", err)
	}
}

func TestNoAckModeIsTakenWhereOffered(t *testing.T) {
	m := twoCPUs()
	m.Override = func(_ *rsptest.Machine, body string) (string, bool) {
		return "PacketSize=1000;QStartNoAckMode+", strings.HasPrefix(body, "qSupported")
	}
	c, s := start(t, m.Handle, nil)
	f, err := c.Handshake(t.Context())
	if err != nil || !f.NoAck {
		t.Fatalf("%+v, %v", f, err)
	}
	acks := s.Acks()
	if _, err := c.ReadRegisters(t.Context(), rsp.ThreadID{TID: 2}); err != nil {
		t.Fatal(err)
	}
	if s.Acks() != acks || acks != 2 {
		t.Errorf("%d acknowledgements, then %d; want 2 for qSupported and QStartNoAckMode", acks, s.Acks())
	}
}

func TestAStubThatKnowsAlmostNothingWillDo(t *testing.T) {
	c, s := start(t, rsptest.Answers(map[string]string{"?": "S05", "g": "00"}), nil)
	f, err := c.Handshake(t.Context())
	if err != nil || f.QEMU || f.Multiprocess || f.PacketSize != 400 || f.Stop.Signal != 5 {
		t.Fatalf("%+v, %v", f, err)
	}
	if err := c.Detach(t.Context()); !errors.Is(err, rsp.ErrUnsupported) {
		t.Errorf("detach: %v", err)
	}
	if got := s.Seen(); !slices.Contains(got, "D") {
		t.Errorf("stub saw %q", got)
	}
}

func TestAnAbsurdPacketSizeIsBounded(t *testing.T) {
	for size, want := range map[string]int{"1": 64, "ffffffff": 1 << 20, "fffffffffffff": 400, "-5": 400, "zz": 400} {
		c, _ := start(t, rsptest.Answers(map[string]string{
			"qSupported:multiprocess+;vContSupported+;xmlRegisters=i386": "PacketSize=" + size, "?": "S05"}), nil)
		if f, err := c.Handshake(t.Context()); err != nil || f.PacketSize != want {
			t.Errorf("PacketSize=%s: %d, %v, want %d", size, f.PacketSize, err, want)
		}
	}
}

func TestDetachNamesTheProcessAndEndsAllRequests(t *testing.T) {
	m := twoCPUs()
	c, s := start(t, m.Handle, nil)
	if _, err := c.Handshake(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Detach(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Do(t.Context(), cpu1, []byte("g")); !errors.Is(err, rsp.ErrClosed) {
		t.Errorf("request after detach: %v", err)
	}
	if seen := s.Seen(); seen[len(seen)-1] != "D;1" {
		t.Errorf("last packet %q", seen[len(seen)-1])
	}
}
