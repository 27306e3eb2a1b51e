package rsp

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestPacketsAreFramedAndEscaped(t *testing.T) {
	for name, c := range map[string]struct{ body, wire string }{
		"the empty packet":                {"", "$#00"},
		"a plain body":                    {"OK", "$OK#9a"},
		"bytes with a meaning are hidden": {"#$}*", "$}\x03}\x04}]}\n#62"},
		"a repeated byte stays repeated":  {"0000000000", "$0000000000#e0"},
		"0x03 inside is data":             {"\x03", "$\x03#03"},
	} {
		if got := string(AppendPacket(nil, []byte(c.body))); got != c.wire {
			t.Errorf("%s: %q, want %q", name, got, c.wire)
		}
	}
}

func TestRunsNeverUseACountThatWouldEndThePacket(t *testing.T) {
	for n := range 250 {
		body := bytes.Repeat([]byte{'0'}, n)
		wire := AppendPacketRuns(nil, body)
		inner := wire[1 : len(wire)-3]
		if bytes.ContainsAny(inner, "#$") {
			t.Errorf("run of %d is sent as %q", n, wire)
		}
		got, err := appendBody(nil, inner, DefaultLimit)
		if err != nil || !bytes.Equal(got, body) {
			t.Errorf("run of %d comes back as %d bytes, %v", n, len(got), err)
		}
	}
}

func TestBodiesAreDecoded(t *testing.T) {
	for name, c := range map[string]struct{ raw, body string }{
		"a run repeats the byte before it":            {"0* ", "0000"},
		"the longest run is 98 bytes":                 {"x*~", strings.Repeat("x", 98)},
		"a run of eight written as $ is taken":        {"0*$", "00000000"},
		"a run repeats an escaped byte, decoded":      {"}\x03* ", "####"},
		"runs of runs repeat the last byte":           {"0* * ", "0000000"},
		"} escapes, not {":                            {"a}\x03b{c", "a#b{c"},
		"an escaped star is a star":                   {"1}\n ", "1* "},
		"a colon at index 2 does not cut off a head":  {"ab:cd", "ab:cd"},
		"bytes above 127 are themselves":              {"b\xff\x80", "b\xff\x80"},
		"an escaped brace is followed by plain bytes": {"}]x", "}x"},
	} {
		got, err := appendBody(nil, []byte(c.raw), DefaultLimit)
		if err != nil || string(got) != c.body {
			t.Errorf("%s: %q, %v, want %q", name, got, err, c.body)
		}
	}
}

func TestBrokenBodiesAreRejectedWithTheirPlace(t *testing.T) {
	for name, c := range map[string]struct {
		raw string
		off int
	}{
		"run length before first byte": {"*!", 0},
		"run length without count":     {"0*", 1},
		"escape at the end":            {"ab}", 2},
		"count below space":            {"0*\x1f", 2},
		"count above 126":              {"0*\x7f", 2},
	} {
		got, err := appendBody(nil, []byte(c.raw), DefaultLimit)
		se, ok := errors.AsType[*SyntaxError](err)
		if !ok || got != nil || se.Off != c.off {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestRunsCannotGrowBeyondTheLimit(t *testing.T) {
	raw := []byte("0" + strings.Repeat("*~", 1000))
	if _, err := appendBody(nil, raw, 5000); !errors.Is(err, ErrTooLong) {
		t.Fatalf("97000 bytes under a limit of 5000: %v", err)
	}
}

func FuzzRoundTrip(f *testing.F) {
	for _, s := range []string{"", "OK", "#$}*", "0000000000", "\x03*!", "{}", "ab:cd"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, wire := range [][]byte{AppendPacket(nil, body), AppendPacketRuns(nil, body)} {
			m, err := NewReader(bytes.NewReader(wire), 0).Next()
			if err != nil || m.Kind != Packet || !bytes.Equal(m.Body, body) {
				t.Fatalf("%q is sent as %q and read as %q, %v", body, wire, m.Body, err)
			}
		}
	})
}

func TestRunsBeginWhereTheyAreWorthIt(t *testing.T) {
	for body, wire := range map[string]string{
		"":                             "$#00",
		"000":                          "$000#90",
		"0000":                         "$0* #7a",
		"abc0000":                      "$abc0* #a0",
		"a0000b0000c":                  "$a0* b0* c#1a",
		"####x":                        "$}\x03* x#42",
		"1" + strings.Repeat("0", 105): "$10*~0*\"0#b5",
		"deadbeef00000000deadbeef1111": "$deadbeef0*\"00deadbeef1* #97",
	} {
		if got := string(AppendPacketRuns(nil, []byte(body))); got != wire {
			t.Errorf("%q is sent as %q, want %q", body, got, wire)
		}
	}
}
