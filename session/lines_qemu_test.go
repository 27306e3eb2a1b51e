//go:build qemu

package session_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"ktrap/rsp"
	"ktrap/session"
)

func TestADamagedReplyIsAskedForAgain(t *testing.T) {
	m := up(t, "6.1")
	o := m.options(t)
	spoilt := false
	o.Stub = noisyLine(t, o.Stub, 60, func(packet []byte) ([]byte, bool) {
		spoilt = true
		packet = bytes.Clone(packet)
		packet[bytes.IndexByte(packet, '$')+1] ^= 1 // a byte of the body: without its marks a packet is lost, which is another test
		return packet, true
	})
	run(t, o, func(ctx context.Context, s *session.Session) {
		if got := m.crash(ctx, t, s, "warn").Crash.Report; len(got.Incomplete) > 0 {
			t.Errorf("incomplete: %q", got.Incomplete)
		}
	})
	if !spoilt {
		t.Error("no reply was damaged")
	}
}

func TestAReplyCutInTheMiddleEndsTheSessionWithAMessage(t *testing.T) {
	m := up(t, "6.1")
	for _, at := range []int{1, 3, 60} { // greeting, handshake, attaching
		o := m.options(t)
		o.Stub = noisyLine(t, o.Stub, at, func(packet []byte) ([]byte, bool) { return packet[:len(packet)/2], false })
		err := open(t, o)
		if !errors.Is(err, rsp.ErrClosed) {
			t.Errorf("reply %d: %v, want ErrClosed", at, err)
		}
		wantMessage(t, err, "stub closed the connection")
	}
}
