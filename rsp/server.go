package rsp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"
)

// ServerOptions are the wishes of a server's owner. Nil means all defaults.
type ServerOptions struct {
	Log     *slog.Logger
	Record  *Recorder
	Limit   int // largest packet taken; 0: DefaultLimit
	Backlog int // bytes that may wait for a client that does not read, before it is dropped; 0: 64 MB
}

// defaultBacklog has room for the longest output that a monitor command has.
const defaultBacklog = 64 << 20

// farewell is how long the last words may take to reach a client.
const farewell = time.Second

// maxUnacked is how many packets are kept to be sent again: one reply, and the
// output before it, of which only the last lines matter.
const maxUnacked = 64

// Server is the stub's side of a link to gdb. One goroutine calls Next; the
// others may be called from any, and none of them waits for gdb to read.
//
// Goroutines: NewServer starts one that writes, which has ended when Close
// returns.
type Server struct {
	o       ServerOptions // immutable
	rw      io.ReadWriteCloser
	rd      *Reader // owned by the caller of Next
	out     *outbox
	written sync.WaitGroup // the writer

	damaged int // packets in a row; owned by the caller of Next

	mu      sync.Mutex // the loop sends while the reader acknowledges
	noAck   bool
	unacked [][]byte // frames that gdb has not acknowledged, in order
	resends int      // since it last acknowledged one
}

// NewServer returns a server that talks over rw, which it closes at the end.
// The owner calls Close.
func NewServer(rw io.ReadWriteCloser, o *ServerOptions) *Server {
	s := &Server{rw: rw}
	if o != nil {
		s.o = *o
	}
	if s.o.Log == nil {
		s.o.Log = slog.New(slog.DiscardHandler)
	}
	if s.o.Backlog <= 0 {
		s.o.Backlog = defaultBacklog
	}
	s.rd = NewReader(quietly(rw), s.o.Limit)
	s.out = newOutbox(s.o.Backlog)
	s.out.atOnce = writesAtOnce(rw)
	s.written.Go(func() {
		if err := s.out.drain(rw); err != nil {
			s.o.Log.Debug("write to gdb", "err", err)
			rw.Close() // wakes Next, which then reports that gdb is gone
		}
	})
	return s
}

// Next returns the next packet or interrupt. Acknowledgements, retransmission
// and QStartNoAckMode are dealt with inside, and a packet that cannot be taken
// is answered with an error. The body belongs to the caller.
// Errors: those of the stream, io.EOF when gdb is gone; ErrChecksum when
// nothing arrives whole.
func (s *Server) Next() (Message, error) {
	for {
		m, err := s.rd.Next()
		switch {
		case errors.Is(err, ErrChecksum):
			err = s.refuse(err)
		case err != nil && tooLongOrSyntax(err):
			err = s.reject(err)
		case err == nil:
			var done bool
			if done, err = s.take(m); done && err == nil {
				return Message{m.Kind, bytes.Clone(m.Body)}, nil
			}
		}
		if err != nil {
			return Message{}, err
		}
	}
}

// take deals with a message and reports whether it is one for the owner.
func (s *Server) take(m Message) (bool, error) {
	s.o.Record.record(ToStub, m.Kind, m.Body)
	switch m.Kind {
	case Ack:
		s.acknowledged()
	case Nack:
		return false, s.resend()
	case Interrupt:
		s.o.Log.Debug("receive interrupt")
		return true, nil
	case Packet:
		s.o.Log.Debug("receive", "body", wireText(m.Body))
		s.damaged = 0
		if err := s.ack('+'); err != nil {
			return false, err
		}
		if string(m.Body) == "QStartNoAckMode" {
			return false, s.startNoAck()
		}
		return true, nil
	}
	return false, nil
}

// ack acknowledges a packet. A client that asks has read what came before.
func (s *Server) ack(b byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b == '+' {
		s.unacked, s.resends = nil, 0
	}
	if s.noAck {
		return nil
	}
	return s.write([]byte{b})
}

// refuse asks for a damaged packet again.
func (s *Server) refuse(damage error) error {
	s.o.Log.Warn("damaged packet from gdb", "err", damage)
	if s.damaged++; s.damaged > maxResends {
		return fmt.Errorf("read packet of gdb, damaged %d times: %w", s.damaged, damage)
	}
	return s.ack('-')
}

// reject answers a packet that arrived whole and cannot be taken.
func (s *Server) reject(reason error) error {
	s.o.Log.Warn("unreadable packet from gdb", "err", reason)
	if err := s.ack('+'); err != nil {
		return err
	}
	const invalid = 0x22 // QEMU's E22, which is EINVAL in the wrong base
	return s.Send((&Error{Code: invalid}).Append(nil))
}

// startNoAck answers QStartNoAckMode. gdb still acknowledges this answer; that
// is skipped when it comes.
func (s *Server) startNoAck() error {
	if err := s.Send([]byte("OK")); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noAck, s.unacked = true, nil
	s.rd.SetNoAck(true)
	return nil
}

func (s *Server) acknowledged() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.resends = 0; len(s.unacked) > 0 {
		s.unacked = s.unacked[1:]
	}
}

// resend sends the packet again that gdb refused. Those behind it are acknowledged
// before it, because it comes behind them now.
func (s *Server) resend() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.unacked) == 0 {
		return nil
	}
	if s.resends++; s.resends > maxResends {
		return fmt.Errorf("send packet to gdb: refused %d times: %w", s.resends, ErrChecksum)
	}
	frame := s.unacked[0]
	s.unacked = append(s.unacked[1:], frame)
	return s.write(frame)
}

// Send sends a packet.
// Errors: ErrBacklog when gdb does not read, and is dropped; ErrClosed.
func (s *Server) Send(body []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.o.Log.Debug("send", "body", wireText(body))
	s.o.Record.record(FromStub, Packet, body)
	frame := AppendPacket(nil, body)
	if !s.noAck {
		s.keep(frame)
	}
	return s.write(frame)
}

// keep has a frame at hand until gdb acknowledges it. Called with mu held.
func (s *Server) keep(frame []byte) {
	if len(s.unacked) == maxUnacked {
		s.unacked = s.unacked[1:]
	}
	s.unacked = append(s.unacked, frame)
}

// SendError answers with an error: an *Error goes on as it came, ErrUnsupported
// is the empty packet, and all else text.
func (s *Server) SendError(err error) error {
	if errors.Is(err, ErrUnsupported) {
		return s.Send(nil)
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return s.Send(e.Append(nil))
	}
	return s.Send((&Error{Msg: err.Error()}).Append(nil))
}

// SendOutput sends text for gdb to print: O packets.
func (s *Server) SendOutput(text []byte) error {
	const most = 4096 // of text, so that any gdb takes the packet
	for len(text) > 0 {
		part := text[:min(most, len(text))]
		text = text[len(part):]
		if err := s.Send(fmt.Appendf(nil, "O%x", part)); err != nil {
			return err
		}
	}
	return nil
}

// SendNotification sends a notification.
func (s *Server) SendNotification(body []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.o.Record.record(FromStub, Notification, body)
	return s.write(AppendNotification(nil, body))
}

// write queues bytes. A client that does not take them is dropped, so that it
// cannot fill memory.
func (s *Server) write(b []byte) error {
	return s.put(func(dst []byte) []byte { return append(dst, b...) })
}

func (s *Server) put(f func(dst []byte) []byte) error {
	err := s.out.put(f)
	if errors.Is(err, ErrBacklog) {
		s.rw.Close()
	}
	if err != nil {
		return fmt.Errorf("write to gdb: %w", err)
	}
	return nil
}

// Close ends the connection when what was sent has reached gdb, or after a
// second.
func (s *Server) Close() error {
	s.out.close()
	if d, ok := s.rw.(interface{ SetWriteDeadline(time.Time) error }); !ok || d.SetWriteDeadline(time.Now().Add(farewell)) != nil {
		s.rw.Close() // nothing else would end a Write that waits
	}
	s.written.Wait()
	return ignoreClosed(s.rw.Close())
}
