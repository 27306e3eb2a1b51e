package rsp_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"ktrap/rsp"
	"ktrap/rsp/rsptest"
)

// scripted is a stub that answers the n-th message with raw bytes, and nothing
// beyond.
func scripted(wires ...string) rsptest.Handler {
	return func(s *rsptest.Stub, m rsp.Message) {
		if len(wires) > 0 {
			wire := wires[0]
			wires = wires[1:]
			s.Raw(wire)
		}
	}
}

func TestAReplyThatArrivesDamagedIsAskedForAgain(t *testing.T) {
	c, s := start(t, scripted("$11#00", "$11#zz", "$11#62"), nil)
	got, err := c.Do(t.Context(), rsp.AnyThread, []byte("p0"))
	if err != nil || string(got) != "11" {
		t.Fatalf("%q, %v", got, err)
	}
	wantSeen(t, s, "p0", "-", "-")
}

func TestAReplyThatIsAlwaysDamagedFailsAndTheNextIsRead(t *testing.T) {
	bad := slices.Repeat([]string{"$11#00"}, 6)
	c, _ := start(t, scripted(append(bad, "$OK#9a")...), nil)
	_, err := c.Do(t.Context(), rsp.AnyThread, []byte("p0"))
	if !errors.Is(err, rsp.ErrChecksum) || !strings.Contains(err.Error(), `"p0", damaged 6 times`) {
		t.Fatalf("error %v", err)
	}
	if got, err := c.Do(t.Context(), rsp.AnyThread, []byte("p1")); err != nil || string(got) != "OK" {
		t.Fatalf("next: %q, %v", got, err)
	}
}

func TestARequestThatArrivesDamagedIsSentAgain(t *testing.T) {
	n := 0
	far, c := rawStub(t, nil)
	var wg sync.WaitGroup
	wg.Go(func() {
		r := rsp.NewReader(far, 0)
		for {
			m, err := r.Next()
			switch {
			case err != nil:
				return
			case m.Kind != rsp.Packet:
			case n < 3:
				n++
				io.WriteString(far, "-")
			default:
				far.Write(rsp.AppendPacket([]byte("+"), m.Body))
			}
		}
	})
	got, err := c.Do(t.Context(), rsp.AnyThread, []byte("p0"))
	if err != nil || string(got) != "p0" || n != 3 {
		t.Errorf("%q, %v after %d naks", got, err, n)
	}
	far.Close()
	wg.Wait()
}

func TestAStubThatNeverTakesARequestIsNamed(t *testing.T) {
	far, c := rawStub(t, nil)
	var wg sync.WaitGroup
	wg.Go(func() {
		r := rsp.NewReader(far, 0)
		for {
			if m, err := r.Next(); err != nil {
				return
			} else if m.Kind == rsp.Packet {
				io.WriteString(far, "-")
			}
		}
	})
	_, err := c.Do(t.Context(), rsp.AnyThread, []byte("p0"))
	if !errors.Is(err, rsp.ErrChecksum) || !strings.Contains(err.Error(), `"p0": stub refused it 6 times`) {
		t.Errorf("error %v", err)
	}
	far.Close()
	wg.Wait()
}

func TestRepliesThatCannotBeTakenFailTheirRequestOnly(t *testing.T) {
	for name, wire := range map[string]string{
		"run length before first byte": "$*!#4b",
		"more than the limit":          string(rsp.AppendPacket(nil, []byte(strings.Repeat("0", 200)))),
	} {
		c, s := start(t, scripted(wire, "$OK#9a"), &rsp.ClientOptions{Limit: 100})
		if got, err := c.Do(t.Context(), rsp.AnyThread, []byte("g")); err == nil || got != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if got, err := c.Do(t.Context(), rsp.AnyThread, []byte("g")); err != nil || string(got) != "OK" {
			t.Errorf("%s: next: %q, %v", name, got, err)
		}
		wantSeen(t, s, "g", "g")
	}
}

func TestReadingRegistersSurvivesOddReplies(t *testing.T) {
	for name, c := range map[string]struct {
		reply string
		want  string // hexadecimal of what is read, or an error
	}{
		"longer than any register file": {strings.Repeat("ab", 5000), strings.Repeat("ab", 5000)},
		"shorter than expected":         {"ab", "ab"},
		"unknown bytes":                 {"xxab", "00ab"},
		"half a byte":                   {"abc", "odd number"},
		"no digits":                     {"zz", "bad hexadecimal digit"},
		"runs":                          {strings.Repeat("0", 64), strings.Repeat("00", 32)},
	} {
		cl, s := start(t, rsptest.Answers(map[string]string{"g": c.reply, "p10": c.reply}), nil)
		s.Runs = true
		for _, read := range []func() ([]byte, error){
			func() ([]byte, error) { return cl.ReadRegisters(t.Context(), rsp.AnyThread) },
			func() ([]byte, error) { return cl.ReadRegister(t.Context(), rsp.AnyThread, 16) },
		} {
			got, err := read()
			if err != nil && !strings.Contains(err.Error(), c.want) || err == nil && hexOf(got) != c.want {
				t.Errorf("%s: %x, %v", name, got, err)
			}
		}
	}
}

func TestWhenTheStubGoesEveryWaiterHearsWhy(t *testing.T) {
	closed := make(chan error, 2)
	o := &rsp.ClientOptions{OnClose: func(err error) { closed <- err }}
	far, c := rawStub(t, o)
	got := make(chan error, 4)
	for range 3 {
		c.Go(cpu1, []byte("g"), func(reply []byte, err error) { got <- err })
	}
	c.Go(cpu1, []byte("m0,4"), func(reply []byte, err error) { got <- err })
	far.Close()
	for range 4 {
		if err := <-got; !errors.Is(err, rsp.ErrClosed) || !strings.Contains(err.Error(), "stub closed the connection") {
			t.Errorf("waiter: %v", err)
		}
	}
	if err := <-closed; !errors.Is(err, rsp.ErrClosed) {
		t.Errorf("OnClose: %v", err)
	}
	if _, err := c.Do(t.Context(), cpu1, []byte("g")); !errors.Is(err, rsp.ErrClosed) {
		t.Errorf("later request: %v", err)
	}
	c.Close()
	if len(closed) > 0 {
		t.Errorf("OnClose again: %v", <-closed)
	}
}

func TestAStubThatGoesWhileTheMachineRunsEndsTheClient(t *testing.T) {
	closed := make(chan error, 1)
	c, s := start(t, rsptest.Answers(nil), &rsp.ClientOptions{OnClose: func(err error) { closed <- err }})
	s.Close()
	<-closed
	if c.Running() || !errors.Is(c.Resume([]byte("c")), rsp.ErrClosed) || !errors.Is(c.Interrupt(), rsp.ErrClosed) {
		t.Error("a client without a stub takes orders")
	}
}

func TestCloseFailsWaitersAndLetsRunReturnNil(t *testing.T) {
	s := rsptest.NewStub(t, func(*rsptest.Stub, rsp.Message) {})
	c := rsp.NewClient(s.Conn, nil)
	done := make(chan error)
	go func() { done <- c.Run() }()
	got := make(chan error, 1)
	c.Go(rsp.AnyThread, []byte("g"), func(_ []byte, err error) { got <- err })
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := <-got; !errors.Is(err, rsp.ErrClosed) || !strings.Contains(err.Error(), "closed by ktrap") {
		t.Errorf("waiter: %v", err)
	}
	if err := <-done; err != nil {
		t.Errorf("run: %v", err)
	}
}

func TestDamageAmongReadsInFlightMixesNothingUp(t *testing.T) {
	// QEMU takes the + for one reply as one for the next, too, and then knows
	// nothing to repeat: its answer to a nak is silence, as the machine's here.
	request, reply := func(s *rsptest.Stub) { s.Raw("-") }, func(s *rsptest.Stub) { s.Raw("+$0000#00") }
	for name, c := range map[string]struct {
		of     string
		damage func(s *rsptest.Stub)
	}{
		"of a request":      {"mffffffff81000800,800", request},
		"of a reply":        {"mffffffff81000800,800", reply},
		"of the last reply": {"mffffffff81007800,800", reply},
	} {
		of, damage := c.of, c.damage
		m := withMemory()
		c, s := greeted(t, m)
		damaged := false
		s.Swallow = func(body string) bool {
			if damaged || body != of {
				return false
			}
			damaged = true
			damage(s)
			return true
		}
		p := make([]byte, 1<<15)
		if err := c.ReadMemory(t.Context(), cpu1, 0xffffffff81000000, p); err != nil || !bytes.Equal(p, m.Mem[0].Data[:len(p)]) {
			t.Errorf("%s: %v, or replies are shifted", name, err)
		}
		if !damaged {
			t.Errorf("%s: nothing was damaged", name)
		}
	}
}

// A request that somebody else's cont swallowed: see lost.go.
func TestARequestLostToAMachineThatRanIsSentAgain(t *testing.T) {
	var stops []rsp.StopReply
	m := twoCPUs()
	m.Mem = []rsptest.Segment{{Addr: 0x1000, Data: make([]byte, 1<<16)}}
	for i := range m.Mem[0].Data {
		m.Mem[0].Data[i] = byte(i >> 8)
	}
	c, s := start(t, m.Handle, &rsp.ClientOptions{OnStop: func(s rsp.StopReply) { stops = append(stops, s) }})
	losses := map[string]bool{"m1000,800": true, "qC": true, "Hgp1.2": true}
	s.Swallow = func(body string) bool {
		lost := losses[body]
		if delete(losses, body); lost {
			s.Reply("T02thread:p01.02;")
		}
		return lost
	}
	if _, err := c.Handshake(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 1<<15)
	if err := c.ReadMemory(t.Context(), cpu1, 0x1000, p); err != nil {
		t.Fatal(err)
	}
	for i := range p {
		if p[i] != byte(i>>8) {
			t.Fatalf("byte %#x is %#x: replies are shifted", i, p[i])
		}
	}
	if got, err := c.Do(t.Context(), rsp.AnyThread, []byte("qC")); err != nil || string(got) != "QCp01.01" {
		t.Errorf("%q, %v", got, err)
	}
	if g, err := c.ReadRegisters(t.Context(), cpu2); err != nil || g[0] != 0x22 {
		t.Errorf("registers of CPU 2: %v", err)
	}
	if len(stops) != 3 || len(losses) != 0 {
		t.Errorf("%d stops, %v not lost", len(stops), losses)
	}
}

func TestAStopBySomebodyElseIsToldAndCostsNoReply(t *testing.T) {
	for name, acks := range map[string][2]string{"before the acknowledgement": {"", "+"}, "behind it": {"+", ""}} {
		stops := make(chan rsp.StopReply, 1)
		c, s := start(t, twoCPUs().Handle, &rsp.ClientOptions{OnStop: func(s rsp.StopReply) { stops <- s }})
		s.Swallow = func(body string) bool {
			if body == "qC" {
				s.Raw(acks[0])
				s.Reply("T02thread:p01.02;")
				s.Raw(acks[1])
				s.Reply("QCp01.01")
			}
			return body == "qC"
		}
		if _, err := c.Handshake(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if got, err := c.Do(t.Context(), rsp.AnyThread, []byte("qC")); err != nil || string(got) != "QCp01.01" {
				t.Errorf("%s: %q, %v", name, got, err)
			}
			if stop := <-stops; stop.Signal != 2 {
				t.Errorf("%s: %+v", name, stop)
			}
			if g, err := c.ReadRegisters(t.Context(), cpu2); err != nil || g[0] != 0x22 {
				t.Errorf("%s: next: %v", name, err)
			}
		}
	}
}
