package rsp_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ktrap/rsp"
	"ktrap/rsp/rsptest"
)

// serve runs a server whose packets are answered by reply, and returns gdb's
// end of the connection and what ends the server.
func serve(t *testing.T, o *rsp.ServerOptions, reply func(s *rsp.Server, m rsp.Message)) (net.Conn, <-chan error) {
	t.Helper()
	near, far := net.Pipe()
	s := rsp.NewServer(near, o)
	ended := make(chan error, 1)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			m, err := s.Next()
			if err != nil {
				ended <- err
				return
			}
			reply(s, m)
		}
	})
	t.Cleanup(func() {
		s.Close()
		far.Close()
		wg.Wait()
	})
	return far, ended
}

// echo answers each message with what it was.
func echo(s *rsp.Server, m rsp.Message) { s.Send([]byte(m.Kind.String() + string(m.Body))) }

// talk sends wires one by one and returns what came back for each.
func talk(t *testing.T, gdb net.Conn, turns ...[2]string) {
	t.Helper()
	for i, turn := range turns {
		if _, err := io.WriteString(gdb, turn[0]); err != nil {
			t.Fatalf("turn %d: %v", i, err)
		}
		got := make([]byte, len(turn[1]))
		if _, err := io.ReadFull(gdb, got); err != nil || string(got) != turn[1] {
			t.Fatalf("turn %d: %q is answered with %q, %v, want %q", i, turn[0], got, err, turn[1])
		}
	}
}

func packet(body string) string { return string(rsp.AppendPacket(nil, []byte(body))) }

func TestServerAcknowledgesAndRepeats(t *testing.T) {
	gdb, _ := serve(t, nil, echo)
	talk(t, gdb,
		[2]string{packet("g"), "+" + packet("$g")},
		[2]string{"-", packet("$g")}, // damaged on its way: once more
		[2]string{"-", packet("$g")},
		[2]string{"+", ""},
		[2]string{"$g#00", "-"}, // damaged on its way here
		[2]string{packet("ab:cd"), "+" + packet("$ab:cd")},
		[2]string{packet("m1,2"), "+" + packet("$m1,2")}, // acknowledges by asking on
		[2]string{"\x03", packet("^C")},
		[2]string{packet("X0,1:\x03"), "+" + packet("$X0,1:\x03")}, // data, no interrupt
		[2]string{"$*!#4b", "+" + packet("E22")},
		[2]string{packet("g"), "+" + packet("$g")},
	)
}

func TestServerRejectsPacketsOverItsLimit(t *testing.T) {
	gdb, _ := serve(t, &rsp.ServerOptions{Limit: 16}, echo)
	talk(t, gdb, [2]string{packet(strings.Repeat("a", 17)), "+" + packet("E22")}, [2]string{packet("g"), "+" + packet("$g")})
}

func TestServerTurnsAcknowledgementsOff(t *testing.T) {
	gdb, _ := serve(t, nil, echo)
	talk(t, gdb,
		[2]string{packet("QStartNoAckMode"), "+" + packet("OK")},
		[2]string{"+" + packet("g"), packet("$g")},
		[2]string{"$g#00", packet("$g")}, // nobody looks at checksums any more
	)
}

func TestServerGivesUpOnAPeerThatNeverUnderstands(t *testing.T) {
	gdb, ended := serve(t, nil, echo)
	talk(t, gdb, [2]string{packet("g"), "+" + packet("$g")})
	for range 5 {
		talk(t, gdb, [2]string{"-", packet("$g")})
	}
	io.WriteString(gdb, "-")
	if err := <-ended; !errors.Is(err, rsp.ErrChecksum) {
		t.Errorf("ended with %v", err)
	}
	gdb, ended = serve(t, nil, echo)
	for range 5 {
		talk(t, gdb, [2]string{"$g#00", "-"})
	}
	io.WriteString(gdb, "$g#00")
	if err := <-ended; !errors.Is(err, rsp.ErrChecksum) {
		t.Errorf("ended with %v", err)
	}
}

func TestServerRepeatsThePacketThatWasRefused(t *testing.T) {
	gdb, _ := serve(t, nil, func(s *rsp.Server, m rsp.Message) {
		s.SendOutput([]byte("hi\n"))
		s.Send([]byte("T05"))
	})
	out, stop := packet("O68690a"), packet("T05")
	talk(t, gdb, [2]string{packet("c"), "+" + out + stop}, [2]string{"+-", stop}, [2]string{"+-", ""}, [2]string{packet("c"), "+" + out + stop}, [2]string{"-", out})
}

func TestServerNotificationsAreNotAcknowledged(t *testing.T) {
	gdb, _ := serve(t, nil, func(s *rsp.Server, m rsp.Message) { s.SendNotification([]byte("Stop:T05")) })
	talk(t, gdb, [2]string{packet("c"), "+%Stop:T05#99"}, [2]string{"-", ""}, [2]string{packet("c"), "+%Stop:T05#99"})
}

func TestServerErrorsTakeTheFormThatSaysMost(t *testing.T) {
	for want, err := range map[string]error{
		"E14":                  fmt.Errorf("read 8 bytes at 0x10: %w", &rsp.Error{Code: 0x14}),
		"E.no such thread":     &rsp.Error{Msg: "no such thread"},
		"":                     fmt.Errorf("x: %w", rsp.ErrUnsupported),
		"E.machine is running": rsp.ErrRunning,
	} {
		gdb, _ := serve(t, nil, func(s *rsp.Server, m rsp.Message) { s.SendError(err) })
		talk(t, gdb, [2]string{packet("g"), "+" + packet(want)})
	}
}

func TestAClientThatDoesNotReadHoldsNobodyAndIsDropped(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	s := rsp.NewServer(near, &rsp.ServerOptions{Backlog: 1 << 10})
	defer s.Close()
	var err error
	sent := 0
	for ; err == nil && sent < 1000; sent++ {
		err = s.Send(bytes.Repeat([]byte("a"), 100)) // blocks for ever if it waits for the reader
	}
	if !errors.Is(err, rsp.ErrBacklog) || sent < 5 {
		t.Errorf("dropped after %d packets: %v", sent, err)
	}
	if _, err := s.Next(); err == nil {
		t.Error("the connection of a dropped client goes on")
	}
}

func TestClosingAServerLetsWhatWasSaidArrive(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	s := rsp.NewServer(near, nil)
	if err := s.Send([]byte("OK")); err != nil {
		t.Fatal(err)
	}
	got := make(chan string)
	go func() {
		b, _ := io.ReadAll(far)
		got <- string(b)
	}()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if b := <-got; b != packet("OK") {
		t.Errorf("gdb has got %q", b)
	}
	if err := s.Send([]byte("OK")); !errors.Is(err, rsp.ErrClosed) {
		t.Errorf("send after close: %v", err)
	}
}

func TestClosingAServerDoesNotWaitForAClientThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		s := rsp.NewServer(near, nil)
		begin := time.Now()
		if err := errors.Join(s.Send([]byte("OK")), s.Close()); err != nil {
			t.Error(err)
		}
		if waited := time.Since(begin); waited != time.Second {
			t.Errorf("closed after %v", waited)
		}
	})
}

func TestClientAndServerUnderstandEachOther(t *testing.T) {
	near, far := net.Pipe()
	s := rsp.NewServer(far, nil)
	c := rsp.NewClient(near, nil)
	var wg sync.WaitGroup
	wg.Go(func() { c.Run() })
	wg.Go(func() {
		for {
			m, err := s.Next()
			if err != nil {
				return
			}
			switch body := string(m.Body); {
			case strings.HasPrefix(body, "qSupported"):
				s.Send([]byte("PacketSize=40000;QStartNoAckMode+"))
			case body == "?":
				s.Send([]byte("S05"))
			case strings.HasPrefix(body, "b"):
				s.Send(m.Body)
			default:
				s.Send(nil)
			}
		}
	})
	f, err := c.Handshake(t.Context())
	if err != nil || !f.NoAck || f.PacketSize != 0x40000 {
		t.Errorf("%+v, %v", f, err)
	}
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	body := append([]byte("b"), bytes.Repeat(every, 100)...)
	if got, err := c.Do(t.Context(), rsp.AnyThread, body); err != nil || !bytes.Equal(got, body) {
		t.Errorf("binary echo: %d bytes, %v", len(got), err)
	}
	c.Close()
	s.Close()
	wg.Wait()
}

func TestAServerSessionIsRecordedAndReplayed(t *testing.T) {
	const session = `
-> $qSupported:multiprocess+
<- $$qSupported:multiprocess+
-> $QStartNoAckMode
<- $OK
-> $g
<- $$g
-> ^C
<- $^C
-> $X0,3:\x03\\\n
<- $$X0,3:\x03\\\n
`
	var record bytes.Buffer
	s := rsp.NewServer(rsptest.ReplayGDB(t, rsptest.Parse(t, session)), &rsp.ServerOptions{Record: rsp.NewRecorder(&record)})
	defer s.Close()
	for range 4 {
		m, err := s.Next()
		if err != nil {
			t.Fatal(err)
		}
		echo(s, m)
	}
	if want := rsp.TranscriptHeader + session; record.String() != want {
		t.Errorf("recorded\n%swant\n%s", record.String(), want)
	}
}

func TestAClientSessionIsRecordedAndReplayed(t *testing.T) {
	session := func(c *rsp.Client, stops chan rsp.StopReply) (got []string) {
		add := func(v any, err error) { got = append(got, fmt.Sprint(v, err)) }
		add(c.Handshake(t.Context()))
		add(c.ReadRegisters(t.Context(), cpu2))
		add(c.Monitor(t.Context(), "info version"))
		add(nil, c.ReadMemory(t.Context(), cpu1, 0xffffffff81000000, make([]byte, 9000)))
		add(nil, c.Resume([]byte("vCont;c")))
		add(nil, c.Interrupt())
		add(<-stops, nil)
		add(nil, c.Detach(t.Context()))
		return got
	}
	m := withMemory()
	m.Run = func(*rsptest.Machine, string) string { return "" }
	m.Monitor = func(string) string { return "7.2\r\n" }
	stops := make(chan rsp.StopReply, 1)
	var record bytes.Buffer
	c, _ := start(t, m.Handle, &rsp.ClientOptions{Record: rsp.NewRecorder(&record), OnStop: func(s rsp.StopReply) { stops <- s }})
	first := session(c, stops)
	c.Close()

	c = rsp.NewClient(rsptest.Replay(t, rsptest.Parse(t, record.String())), &rsp.ClientOptions{OnStop: func(s rsp.StopReply) { stops <- s }})
	var wg sync.WaitGroup
	wg.Go(func() { c.Run() })
	if again := session(c, stops); !slices.Equal(again, first) {
		t.Errorf("replayed %q\nwant %q", again, first)
	}
	c.Close()
	wg.Wait()
}

func TestMemoryGoesOutInRunsAndIsSentAgainAsSuch(t *testing.T) {
	gdb, _ := serve(t, nil, func(s *rsp.Server, m rsp.Message) { s.SendMemory(make([]byte, 49)) })
	talk(t, gdb, [2]string{"$m0,31#2d", "+$00*}#07"}, [2]string{"-", "$00*}#07"}, [2]string{"+", ""})
}

func TestMemoryThatGoesOutInPiecesIsOnePacket(t *testing.T) {
	memory := make([]byte, 1<<17)
	for i := range memory {
		memory[i] = byte(i * i >> 7)
	}
	gdb, _ := serve(t, nil, func(s *rsp.Server, m rsp.Message) {
		n, _ := strconv.Atoi(string(m.Body))
		s.SendMemory(memory[:n])
	})
	talk(t, gdb, [2]string{"$QStartNoAckMode#b0", "+$OK#9a"}, [2]string{"+", ""})
	in := rsp.NewReader(gdb, len(memory)*2)
	in.SetNoAck(true)
	for _, n := range []int{0, 1, 8<<10 - 1, 8 << 10, 8<<10 + 1, len(memory)} {
		if _, err := gdb.Write(rsp.AppendPacket(nil, fmt.Append(nil, n))); err != nil {
			t.Fatal(err)
		}
		m, err := in.Next()
		if err != nil || m.Kind != rsp.Packet || string(m.Body) != hex.EncodeToString(memory[:n]) {
			t.Errorf("%d bytes of memory come as %d digits, %v", n, len(m.Body), err)
		}
	}
}
