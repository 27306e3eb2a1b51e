package rsp_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"ktrap/rsp"
)

// canned is a stream whose far end says what it says, whatever is written.
type canned struct{ io.Reader }

func (canned) Write(p []byte) (int, error) { return len(p), nil }
func (canned) Close() error                { return nil }

// FuzzClient: whatever a stub says, every request gets exactly one answer,
// OnClose is called once, and Run returns ErrClosed.
func FuzzClient(f *testing.F) {
	f.Add([]byte("+$OK#9a+$OK#9a+$0102#c3"), uint8(0))
	f.Add([]byte("$T02thread:01;#07+$PacketSize=1000#52+$E14#aa"), uint8(1))
	f.Add([]byte("+$T05thread:01;#0a%Stop:T05#99$O68#cb$T02thread:p01.02;#e4+$PacketSize=1000#52"), uint8(2))
	f.Add([]byte("-----+$#00-$*!#4b$OK#00$OK#00"), uint8(3))
	f.Add([]byte("+$OK#9a+$OK#9a+$OK#9a+$00#60+$OK#9a+"), uint8(0x20))
	f.Fuzz(func(t *testing.T, wire []byte, plan uint8) {
		closes := 0
		c := rsp.NewClient(canned{bytes.NewReader(wire)}, &rsp.ClientOptions{Limit: 1 << 12, OnClose: func(error) { closes++ }})
		answers := make([]int, 8)
		ask := func(i int, id rsp.ThreadID, body string) {
			c.Go(id, []byte(body), func(reply []byte, err error) {
				if answers[i]++; (err == nil) != (len(reply) > 0) {
					t.Errorf("%s: reply %q with error %v", body, reply, err)
				}
			})
		}
		for i, body := range []string{"qSupported", "g", "qRcmd,61", "m0,4", "qC"} {
			id := rsp.AnyThread
			if plan&(1<<i) != 0 {
				id = cpu1
			}
			ask(i, id, body)
		}
		if plan&0x20 != 0 {
			c.Resume([]byte("vCont;c"))
			c.Interrupt()
		}
		for i := 5; i < len(answers); i++ {
			ask(i, cpu2, "g")
		}
		if err := c.Run(); !errors.Is(err, rsp.ErrClosed) {
			t.Errorf("run: %v", err)
		}
		for i, n := range answers {
			if n != 1 {
				t.Errorf("request %d got %d answers", i, n)
			}
		}
		if closes != 1 || c.Running() {
			t.Errorf("OnClose called %d times, running %v", closes, c.Running())
		}
	})
}

// FuzzServer: whatever gdb says, the server ends with an error and gives only
// packets and interrupts before.
func FuzzServer(f *testing.F) {
	f.Add([]byte("+$qSupported#37$QStartNoAckMode#b0+$g#00\x03-"))
	f.Add([]byte("$g#67-----------$*!#4b"))
	f.Fuzz(func(t *testing.T, wire []byte) {
		s := rsp.NewServer(canned{bytes.NewReader(wire)}, &rsp.ServerOptions{Limit: 1 << 12})
		defer s.Close()
		for range len(wire) + 1 {
			m, err := s.Next()
			if (err != nil) != (m.Kind == 0) || len(m.Body) > 1<<12 {
				t.Fatalf("%v with error %v", m, err)
			}
			if err != nil {
				return
			}
			if m.Kind != rsp.Packet && m.Kind != rsp.Interrupt {
				t.Fatalf("a message of kind %v", m.Kind)
			}
			s.Send(m.Body)
		}
		t.Fatalf("%d bytes gave more messages than bytes", len(wire))
	})
}

// BenchmarkClient reads memory through a stub that costs nothing.
func BenchmarkClient(b *testing.B) {
	reply := append([]byte("+"), rsp.AppendPacket(nil, bytes.Repeat([]byte("0f"), 197))...)
	r, w := io.Pipe()
	c := rsp.NewClient(&instant{PipeReader: r, w: w, reply: reply}, nil)
	ended := make(chan struct{})
	go func() { c.Run(); close(ended) }()
	p := make([]byte, 197*64)
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	for b.Loop() {
		if err := c.ReadMemory(b.Context(), rsp.AnyThread, 0, p); err != nil {
			b.Fatal(err)
		}
	}
	c.Close()
	<-ended
}

// instant answers each packet that is written with the same reply.
type instant struct {
	*io.PipeReader
	w     *io.PipeWriter
	reply []byte
}

func (s *instant) Write(p []byte) (int, error) {
	for range bytes.Count(p, []byte{'$'}) {
		if _, err := s.w.Write(s.reply); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}
