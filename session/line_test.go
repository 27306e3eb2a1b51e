package session

import (
	"bufio"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ktrap/rsp"
)

// Line lies between ktrap and a stub. The zero value is a good one.
type Line struct {
	Seed     uint64
	Delay    time.Duration // a packet takes up to that longer
	Spoil    int           // of so many packets of the stub's one has a wrong byte at first, or one too few
	CutAfter int           // after so many packets of the stub's it hangs up, 0: never; in the midst of one
}

// errLine is why a line ends.
var errLine = errors.New("line cut")

// Serve opens the line and gives the address to dial instead of the stub's, and
// what takes the line away and waits for its goroutines.
func (l Line) Serve(t *testing.T, stub string) (string, func()) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "line")
	in, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			near, err := in.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { l.carry(near, strings.TrimPrefix(stub, "unix:")) })
		}
	})
	return "unix:" + path, sync.OnceFunc(func() { in.Close(); wg.Wait() })
}

// carry passes on what both ends say until one of them is gone.
func (l Line) carry(near net.Conn, stub string) {
	defer near.Close()
	far, err := net.Dial("unix", stub)
	if err != nil {
		return
	}
	defer far.Close()
	s := &spoiler{Line: l, rand: rand.New(rand.NewPCG(l.Seed, 7)), to: near}
	var wg sync.WaitGroup
	wg.Go(func() {
		s.up(near, far)
		far.Close()
	})
	_ = s.down(far) // either end is gone, or it was to be cut
	near.Close()
	wg.Wait()
}

// spoiler is one direction of the line, from the stub to ktrap, and what it must
// say again.
type spoiler struct {
	Line
	rand *rand.Rand // of the goroutine of down
	sent int

	mu     sync.Mutex // the frames go one way, the naks come the other
	to     net.Conn
	spoilt []byte // the right frame that a nak asks for
}

// down passes packets on to ktrap.
func (s *spoiler) down(far net.Conn) error {
	in := bufio.NewReader(far)
	for {
		frame, err := in.ReadBytes('#')
		if err != nil {
			return err
		}
		sum := make([]byte, 2)
		if _, err := io.ReadFull(in, sum); err != nil {
			return err
		}
		frame = append(frame, sum...)
		if s.Delay > 0 {
			<-time.After(time.Duration(s.rand.Int64N(int64(s.Delay))))
		}
		if s.sent++; s.sent == s.CutAfter {
			_ = s.say(frame[:len(frame)/2])
			return errLine
		}
		body := strings.IndexByte(string(frame), '$') + 1
		if s.Spoil > 0 && s.rand.IntN(s.Spoil) == 0 && body > 0 && len(frame) > body+3 {
			s.mu.Lock()
			s.spoilt = append([]byte(nil), frame[body-1:]...)
			s.mu.Unlock()
			if at := body + s.rand.IntN(len(frame)-body-3); s.rand.IntN(2) == 0 {
				frame[at] ^= 1
			} else {
				frame = append(frame[:at:at], frame[at+1:]...)
			}
		}
		if err := s.say(frame); err != nil {
			return err
		}
	}
}

func (s *spoiler) say(wire []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.to.Write(wire)
	return err
}

// up passes on what ktrap says, but a nak for what the line has spoilt it answers
// itself, as a stub would.
func (s *spoiler) up(near, far net.Conn) {
	in := rsp.NewReader(near, 0)
	for {
		m, err := in.Next()
		if err != nil {
			return
		}
		wire := map[rsp.Kind]string{rsp.Ack: "+", rsp.Nack: "-", rsp.Interrupt: "\x03", rsp.Packet: string(rsp.AppendPacket(nil, m.Body))}[m.Kind]
		s.mu.Lock()
		again := s.spoilt
		if m.Kind == rsp.Nack {
			s.spoilt = nil
		}
		s.mu.Unlock()
		if m.Kind == rsp.Nack && again != nil {
			_ = s.say(again) // the other direction finds a near end that is gone
			continue
		}
		if _, err := io.WriteString(far, wire); err != nil {
			return
		}
	}
}
