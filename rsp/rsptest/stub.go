package rsptest

import (
	"errors"
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"

	"ktrap/rsp"
)

// Handler reacts to a message of the debugger: a packet, which was acknowledged
// already, an interrupt, or a nak. It runs on the stub's goroutine.
type Handler func(s *Stub, m rsp.Message)

// Answers is a handler that knows fixed replies to whole bodies. What is not
// in the map gets the empty reply, and an interrupt the entry "\x03".
func Answers(replies map[string]string) Handler {
	return func(s *Stub, m rsp.Message) {
		switch m.Kind {
		case rsp.Packet:
			s.Reply(replies[string(m.Body)])
		case rsp.Interrupt:
			s.Reply(replies["\x03"])
		}
	}
}

// Stub is the far end of a client's connection. Its fields may be set until the
// client sends something.
type Stub struct {
	// Conn is the end for the client under test.
	Conn io.ReadWriteCloser
	// Runs makes replies use run lengths, as some stubs do.
	Runs bool
	// Swallow says that a packet gets neither acknowledgement nor handler. It may
	// send something instead.
	Swallow func(body string) bool

	handle Handler
	far    net.Conn
	noAck  bool // owned by the stub's goroutine

	mu   sync.Mutex // the test looks while the stub runs
	seen []string
	acks int
}

// NewStub starts a stub on an in-memory connection.
func NewStub(t testing.TB, h Handler) *Stub {
	t.Helper()
	near, far := net.Pipe()
	s := &Stub{Conn: near, far: far, handle: h}
	var wg sync.WaitGroup
	wg.Go(s.serve)
	t.Cleanup(func() {
		near.Close()
		far.Close()
		wg.Wait()
	})
	return s
}

// ListenUnix serves h on a socket, one connection after the other as QEMU
// does, and returns its address for rsp.Dial.
func ListenUnix(t testing.TB, h Handler) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stub")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatalf("listen for a client: %v", err)
	}
	var mu sync.Mutex
	var current net.Conn
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			current = conn
			mu.Unlock()
			(&Stub{far: conn, handle: h}).serve()
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		if current != nil {
			current.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return "unix:" + path
}

// serve hands messages to the handler until the connection ends.
func (s *Stub) serve() {
	defer s.far.Close()
	r := rsp.NewReader(s.far, 0)
	for {
		m, err := r.Next()
		if errors.Is(err, rsp.ErrChecksum) {
			s.Raw("-")
			continue
		}
		if err != nil {
			return
		}
		s.note(m)
		if m.Kind == rsp.Packet && s.Swallow != nil && s.Swallow(string(m.Body)) {
			continue
		}
		if m.Kind == rsp.Packet && !s.noAck {
			s.Raw("+")
		}
		if m.Kind == rsp.Packet && string(m.Body) == "QStartNoAckMode" {
			s.Reply("OK")
			s.noAck = true
			r.SetNoAck(true)
			continue
		}
		if m.Kind != rsp.Ack {
			s.handle(s, m)
		}
	}
}

func (s *Stub) note(m rsp.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch m.Kind {
	case rsp.Packet:
		s.seen = append(s.seen, string(m.Body))
	case rsp.Ack:
		s.acks++
	default:
		s.seen = append(s.seen, m.Kind.String())
	}
}

// Seen lists what the client sent so far: bodies of packets, "^C" and "-".
func (s *Stub) Seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.seen...)
}

// Acks counts the packets that the client acknowledged.
func (s *Stub) Acks() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.acks
}

// Reply sends a packet.
func (s *Stub) Reply(body string) {
	if s.Runs {
		s.Raw(string(rsp.AppendPacketRuns(nil, []byte(body))))
		return
	}
	s.Raw(string(rsp.AppendPacket(nil, []byte(body))))
}

// Notify sends a notification.
func (s *Stub) Notify(body string) {
	s.Raw(string(rsp.AppendNotification(nil, []byte(body))))
}

// Raw sends bytes as they are, to misbehave.
func (s *Stub) Raw(wire string) {
	io.WriteString(s.far, wire) // the client may be gone, which the test sees at its own end
}

// Close ends the connection from the stub's end.
func (s *Stub) Close() { s.far.Close() }
