package rsp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
)

// readAll lists what a reader makes of a stream, one word a message.
func readAll(r *Reader) []string {
	var got []string
	for {
		m, err := r.Next()
		switch {
		case err == io.EOF:
			return got
		case errors.Is(err, ErrChecksum):
			got = append(got, "checksum")
		case errors.Is(err, ErrTooLong):
			got = append(got, "long")
		case err != nil:
			got = append(got, "syntax")
		default:
			got = append(got, m.Kind.String()+string(m.Body))
		}
	}
}

func TestReaderTellsMessagesApart(t *testing.T) {
	for name, c := range map[string]struct{ wire, want string }{
		"acks around a packet":                            {"+$OK#9a-", "+ $OK -"},
		"an interrupt between packets":                    {"$OK#9a\x03$OK#9a", "$OK ^C $OK"},
		"0x03 inside a packet is data":                    {"$\x03#03", "$\x03"},
		"a notification":                                  {"%Stop:T05#99$OK#9a", "%Stop:T05 $OK"},
		"a damaged notification is not asked for again":   {"%Stop:T05#00%*!#4b$OK#9a", "$OK"},
		"upper-case checksum":                             {"$OK#9A", "$OK"},
		"a wrong checksum costs one packet":               {"$OK#9b$OK#9a", "checksum $OK"},
		"a checksum that is no number":                    {"$OK#zz$OK#9a", "checksum $OK"},
		"noise between packets is skipped":                {"login: \r\n$OK#9a", "$OK"},
		"a lost end costs one packet":                     {"$qC$OK#9a", "$OK"},
		"a lost end before a notification's":              {"%Sto$OK#9a", "$OK"},
		"a bare $ that the checksum covers is data":       {"$0*$#7e", "$00000000"},
		"a body with a colon at index 2 is whole":         {"$ab:cd#c4", "$ab:cd"},
		"a broken run length costs one packet":            {"$*!#4b$OK#9a", "syntax $OK"},
		"a packet over the limit costs one packet":        {"$" + strings.Repeat("a", 40) + "#00$OK#9a", "long $OK"},
		"an expansion over the limit costs one packet":    {"$a*~*~#b1$OK#9a", "long $OK"},
		"a packet that never ends gives nothing":          {"+$OK", "+"},
		"a packet without all of its checksum, neither":   {"+$OK#9", "+"},
		"a body as long as the limit fits":                {"$" + strings.Repeat("a", 32) + "#20", "$" + strings.Repeat("a", 32)},
		"a { is no escape, and a } in binary data is":     {"$b{}\x03#5d", "$b{#"},
		"the unsolicited stop of QEMU behind an ack":      {"+$T05thread:01;#07", "+ $T05thread:01;"},
		"an empty packet":                                 {"$#00", "$"},
		"a second # ends nothing but is skipped as noise": {"$OK#9a#9a$OK#9a", "$OK $OK"},
	} {
		got := strings.Join(readAll(NewReader(strings.NewReader(c.wire), 32)), " ")
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestNoAckModeTakesAnyChecksum(t *testing.T) {
	r := NewReader(strings.NewReader("$OK#00%Stop:T05#00$*!#00+$OK#9a"), 0)
	r.SetNoAck(true)
	if got := strings.Join(readAll(r), " "); got != "$OK %Stop:T05 syntax + $OK" {
		t.Fatalf("got %q", got)
	}
}

// stutter gives one byte at a time, with a timeout before each.
type stutter struct {
	wire string
	give bool
}

func (s *stutter) Read(p []byte) (int, error) {
	if s.give = !s.give; s.give {
		return 0, os.ErrDeadlineExceeded
	}
	if s.wire == "" {
		return 0, io.EOF
	}
	p[0] = s.wire[0]
	s.wire = s.wire[1:]
	return 1, nil
}

func TestADeadlineDoesNotDropAHalfReadPacket(t *testing.T) {
	r := NewReader(&stutter{wire: "+$T05thread:01;#07"}, 0)
	var got []string
	for {
		m, err := r.Next()
		if err == io.EOF {
			break
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m.Kind.String()+string(m.Body))
	}
	if want := "+ $T05thread:01;"; strings.Join(got, " ") != want {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestAPacketLargerThanAnyBufferIsRead(t *testing.T) {
	body := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	m, err := NewReader(bytes.NewReader(AppendPacket(nil, body)), 0).Next()
	if err != nil || !bytes.Equal(m.Body, body) {
		t.Fatalf("%d bytes, %v", len(m.Body), err)
	}
}

// FuzzReader: no body is longer than the limit, nor is what the reader keeps;
// a message has a kind exactly when there is no error; every stream ends.
func FuzzReader(f *testing.F) {
	for _, s := range []string{"+$OK#9a", "$0*$#7e", "%Stop:T05#99", "$a*~*~#b1", "$}\x03#80\x03-", "$qC$OK#9a", "$" + strings.Repeat("a", 99) + "#"} {
		f.Add([]byte(s), uint8(32), false)
	}
	f.Fuzz(func(t *testing.T, wire []byte, limit uint8, noAck bool) {
		r := NewReader(bytes.NewReader(wire), int(limit)+1)
		r.SetNoAck(noAck)
		for range len(wire) + 1 {
			m, err := r.Next()
			if (err == nil) != (m.Kind != 0) || (err != nil && m.Body != nil) {
				t.Fatalf("message %v with error %v", m, err)
			}
			if len(m.Body) > int(limit)+1 || len(r.raw) > int(limit)+1 {
				t.Fatalf("%d bytes decoded, %d kept, under a limit of %d", len(m.Body), len(r.raw), limit+1)
			}
			if err == io.EOF {
				return
			}
		}
		t.Fatalf("%d bytes gave more messages than bytes", len(wire))
	})
}

func BenchmarkReader(b *testing.B) {
	hex := func(n int) []byte { return []byte(strings.Repeat("0f", n)) }
	for name, wire := range map[string][]byte{
		"g-reply":      AppendPacket(nil, hex(608)),
		"g-reply-runs": AppendPacketRuns(nil, []byte(strings.Repeat("0", 1216))),
		"m-reply":      AppendPacket(nil, hex(2048)),
		"ack-and-OK":   []byte("+$OK#9a"),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(wire)))
			src := &loop{wire: wire}
			r := NewReader(src, 0)
			for b.Loop() {
				if _, err := r.Next(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// loop repeats a wire for ever, in whole copies.
type loop struct{ wire []byte }

func (l *loop) Read(p []byte) (int, error) { return copy(p, l.wire), nil }

func BenchmarkAppendPacket(b *testing.B) {
	body := []byte(strings.Repeat("0f", 2048))
	var dst []byte
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		dst = AppendPacket(dst[:0], body)
	}
}

func ExampleAppendPacket() {
	fmt.Printf("%s\n", AppendPacket(nil, []byte("vCont;c")))
	// Output: $vCont;c#a8
}
