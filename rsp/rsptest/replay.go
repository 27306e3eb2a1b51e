package rsptest

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"

	"ktrap/rsp"
)

// Open reads a transcript.
func Open(t testing.TB, path string) []rsp.Entry {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("open transcript: %v", err)
	}
	return Parse(t, string(b))
}

// Parse reads the text of a transcript, for tests that hold theirs inline.
func Parse(t testing.TB, text string) []rsp.Entry {
	t.Helper()
	entries, err := rsp.ReadTranscript(bytes.NewReader([]byte(text)))
	if err != nil {
		t.Fatalf("parse transcript: %v", err)
	}
	return entries
}

// Replay plays the stub of a transcript and returns the end for a client. What
// the client sends must be what the transcript says, in that order, and all of
// it by the end of the test.
func Replay(t testing.TB, entries []rsp.Entry) io.ReadWriteCloser {
	t.Helper()
	return play(t, entries, rsp.FromStub)
}

// ReplayGDB plays the debugger of a transcript and returns the end for a
// server. It sends each packet when it has got what stands before it.
func ReplayGDB(t testing.TB, entries []rsp.Entry) io.ReadWriteCloser {
	t.Helper()
	return play(t, entries, rsp.ToStub)
}

func play(t testing.TB, entries []rsp.Entry, mine rsp.Direction) io.ReadWriteCloser {
	t.Helper()
	near, far := net.Pipe()
	p := &player{conn: far, r: rsp.NewReader(far, 0), mine: mine}
	var wg sync.WaitGroup
	var played int
	var fault error
	wg.Go(func() {
		played, fault = p.run(entries)
		if fault == nil {
			p.wait()
		}
		far.Close()
	})
	t.Cleanup(func() {
		near.Close()
		wg.Wait()
		if fault != nil {
			t.Errorf("replay message %d of %d: %v", played+1, len(entries), fault)
		}
	})
	return near
}

// player is one end of a transcript. Owned by its goroutine.
type player struct {
	conn  net.Conn
	r     *rsp.Reader
	mine  rsp.Direction
	noAck bool
}

// run plays entries and returns how many went as they should.
func (p *player) run(entries []rsp.Entry) (int, error) {
	for i, e := range entries {
		if err := p.step(e); err != nil {
			return i, err
		}
		if i > 0 && string(entries[i-1].Body) == "QStartNoAckMode" && string(e.Body) == "OK" {
			p.startNoAck()
		}
	}
	return len(entries), nil
}

func (p *player) step(e rsp.Entry) error {
	if e.Dir == p.mine {
		if err := p.send(e.Message); err != nil {
			return fmt.Errorf("send %.200s: %w", e.Append(nil), err)
		}
		return nil
	}
	m, err := p.receive()
	if err != nil {
		return fmt.Errorf("want %.200s: %w", e.Append(nil), err)
	}
	if m.Kind != e.Kind || !bytes.Equal(m.Body, e.Body) {
		got := rsp.Entry{Dir: e.Dir, Message: m}
		return fmt.Errorf("got %.200s, want %.200s", got.Append(nil), e.Append(nil))
	}
	return nil
}

func (p *player) startNoAck() {
	p.noAck = true
	p.r.SetNoAck(true)
}

// wait reads the last acknowledgements, until the end under test closes.
func (p *player) wait() {
	for {
		if _, err := p.r.Next(); err != nil {
			return
		}
	}
}

// receive returns the next message that a transcript would hold.
func (p *player) receive() (rsp.Message, error) {
	for {
		m, err := p.r.Next()
		if err != nil {
			return rsp.Message{}, err
		}
		if m.Kind == rsp.Ack {
			continue
		}
		if m.Kind == rsp.Packet && !p.noAck {
			_, err = io.WriteString(p.conn, "+")
		}
		return m, err
	}
}

func (p *player) send(m rsp.Message) error {
	var wire []byte
	switch m.Kind {
	case rsp.Packet:
		wire = rsp.AppendPacket(nil, m.Body)
	case rsp.Notification:
		wire = rsp.AppendNotification(nil, m.Body)
	case rsp.Interrupt:
		wire = []byte{3}
	case rsp.Nack:
		wire = []byte{'-'}
	}
	_, err := p.conn.Write(wire)
	return err
}
