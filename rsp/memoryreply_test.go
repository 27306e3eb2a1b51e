package rsp

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"testing"
)

func TestMemoryIsSentAsDigitsAndRuns(t *testing.T) {
	for name, c := range map[string]struct{ data, wire string }{
		"nothing":                         {"", "$#00"},
		"one byte":                        {"\x0a", "$0a#91"},
		"two equal bytes are no run":      {"\x00\x00", "$0000#c0"},
		"three are":                       {"\x00\x00\x00", "$00*!#ab"},
		"four cannot be one run":          {"\x00\x00\x00\x00", "$00*!00#0b"},
		"digits that differ are no run":   {"\x01\x01\x01\x01", "$01010101#84"},
		"a run between others":            {"\x12\xff\xff\xff\x34", "$12ff*!34#e1"},
		"49 bytes are the longest run":    {string(make([]byte, 49)), "$00*}#07"},
		"the 50th begins with the digits": {string(make([]byte, 50)), "$00*}00#67"},
	} {
		if got := string(appendMemoryFrame(nil, []byte(c.data))); got != c.wire {
			t.Errorf("%s: %q, want %q", name, got, c.wire)
		}
	}
}

func TestMemoryComesBackAsItWas(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var data []byte
		for len(data) < 300 {
			b := byte(random.Uint32())
			if random.IntN(2) == 0 {
				b = 0x11 * (b & 15)
			}
			data = append(data, bytes.Repeat([]byte{b}, 1+random.IntN(60))...)
		}
		wire := appendMemoryFrame([]byte("before"), data)
		inner := wire[len("before$") : len(wire)-3]
		if bytes.ContainsAny(inner, "#$") {
			t.Fatalf("%x would end the packet: %q", data, inner)
		}
		got, err := appendBody(nil, inner, DefaultLimit)
		if err != nil || string(got) != hex.EncodeToString(data) {
			t.Fatalf("%x is sent as %q, which is %q, %v", data, inner, got, err)
		}
		if want := appendSum(nil, checksum(inner)); !bytes.HasSuffix(wire, want) {
			t.Fatalf("%x is sent with the wrong checksum: %q", data, wire)
		}
	}
}

func BenchmarkMemoryReply(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, 1<<16)
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	for name, data := range map[string][]byte{"random": data, "zero": make([]byte, len(data))} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			var dst []byte
			for b.Loop() {
				dst = appendMemoryFrame(dst[:0], data)
			}
		})
	}
}
