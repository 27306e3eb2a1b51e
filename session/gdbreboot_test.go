package session

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"ktrap/rsp"
	"ktrap/rsp/rsptest"
	"ktrap/symbols/addr"
)

// raw is a gdb of which every word is seen.
type raw struct {
	t    *testing.T
	conn net.Conn
	r    *rsp.Reader
}

func joinRaw(t *testing.T, s *Session) *raw {
	t.Helper()
	conn, err := net.Dial("tcp", s.ListenAddr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &raw{t, conn, rsp.NewReader(conn, 0)}
	for _, p := range []string{"QStartNoAckMode", "qOffsets", "qXfer:libraries:read::0,1000"} {
		c.send(p)
		c.next()
	}
	return c
}

func (c *raw) send(packet string) {
	c.t.Helper()
	if _, err := c.conn.Write(rsp.AppendPacket(nil, []byte(packet))); err != nil {
		c.t.Fatal(err)
	}
}

// next is the next reply; output is given with it.
func (c *raw) next() (reply, said string) {
	c.t.Helper()
	for {
		m, err := c.r.Next()
		switch {
		case err != nil:
			c.t.Fatal(err)
		case m.Kind != rsp.Packet:
		case len(m.Body) > 1 && m.Body[0] == 'O' && string(m.Body) != "OK":
			said += string(m.Body)
		default:
			return string(m.Body), said
		}
	}
}

// reboots lets the kernel be found at a place so far away.
func reboots(ctx context.Context, t *testing.T, s *Session, by addr.Slide) {
	t.Helper()
	err := s.Quiesced(ctx, func(ctx context.Context, v *Stopped) error {
		w, k := *v.World, *v.World.Kernel
		k.Slide += by
		w.Kernel = &k
		v.World = &w
		for _, f := range v.found {
			if err := f(ctx, v); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAGDBIsToldToConnectAgainWhenARebootHasMovedTheKernel(t *testing.T) {
	k := newToy(t)
	var runs atomic.Int32
	k.Run = func(*rsptest.Machine, string) string { runs.Add(1); return "" }
	k.with(t, func(ctx context.Context, s *Session) {
		waits, prompts := joinRaw(t, s), joinRaw(t, s)
		waits.send("vCont;c")
		for !s.Running() {
			if ctx.Err() != nil {
				t.Fatal(ctx.Err())
			}
		}
		reboots(ctx, t, s, 0)
		if !s.Running() {
			t.Error("a reboot to the same place has stopped the guest")
		}
		reboots(ctx, t, s, 2<<20)
		if reply, said := waits.next(); reply != "W00" || said == "" {
			t.Errorf("the one that waits: %q after %q", reply, said)
		}
		prompts.send("vCont;c")
		if reply, said := prompts.next(); reply != "W00" || said == "" {
			t.Errorf("the one at its prompt: %q after %q", reply, said)
		}
		again := joinRaw(t, s)
		again.send("vCont;c")
		if _, err := again.conn.Write([]byte{3}); err != nil {
			t.Fatal(err)
		}
		if reply, _ := again.next(); strings.HasPrefix(reply, "W") {
			t.Errorf("one that has connected again: %q", reply)
		}
	})
}
