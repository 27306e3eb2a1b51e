package rsp

import (
	"context"
	"encoding/hex"
	"log/slog"
	"slices"
)

// memoryPiece is how much memory is put into digits before gdb gets them: it reads
// them one by one, and that takes longer than making the next ones.
const memoryPiece = 8 << 10

// SendMemory answers a read of memory: two digits per byte, equal ones as run
// lengths, which every debugger takes. Memory is half zeros, and gdb looks at each
// byte that comes.
// Errors: those of Send.
func (s *Server) SendMemory(data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.o.Record != nil || s.o.Log.Enabled(context.Background(), slog.LevelDebug) {
		body := hex.AppendEncode(nil, data)
		s.o.Log.Debug("send", "body", wireText(body))
		s.o.Record.record(FromStub, Packet, body)
	}
	if !s.noAck { // it may have to be sent again
		frame := appendMemoryFrame(nil, data)
		s.keep(frame)
		return s.write(frame)
	}
	var sum byte
	lead := "$"
	for {
		piece := data[:min(memoryPiece, len(data))]
		data = data[len(piece):]
		err := s.put(func(dst []byte) []byte {
			if dst, sum = appendMemory(append(dst, lead...), piece, sum); len(data) == 0 {
				dst = appendSum(dst, sum)
			}
			return dst
		})
		if err != nil || len(data) == 0 {
			return err
		}
		lead = ""
	}
}

// appendMemoryFrame appends the packet of SendMemory.
func appendMemoryFrame(dst, data []byte) []byte {
	dst, sum := appendMemory(append(dst, '$'), data, 0)
	return appendSum(dst, sum)
}

// appendMemory appends the digits of data, and adds them to a checksum. Runs are
// those of equal bytes of two equal digits.
func appendMemory(dst, data []byte, sum byte) (text []byte, total byte) {
	at := len(dst)
	dst = slices.Grow(dst, 2*len(data))[:at+2*len(data)]
	for i := 0; i < len(data); {
		b := data[i]
		hi, lo := hexDigits[b>>4], hexDigits[b&15]
		dst[at], dst[at+1] = hi, lo
		sum += hi + lo
		at += 2
		i++
		if hi != lo || i == len(data) || data[i] != b {
			continue
		}
		if same := equalBytes(data[i:], b); same >= 2 {
			count := byte(2*same + runBase)
			dst[at], dst[at+1] = runByte, count
			sum += runByte + count
			at += 2
			i += same
		}
	}
	return dst[:at], sum
}

// equalBytes is how many bytes at the beginning of data are b, and can be one run of
// digits. Three cannot: that count byte would be #.
func equalBytes(data []byte, b byte) int {
	n := 0
	for n < len(data) && n < maxRun/2 && data[n] == b {
		n++
	}
	if 2*n+runBase == '#' {
		return n - 1
	}
	return n
}

// appendSum ends a packet.
func appendSum(dst []byte, sum byte) []byte {
	return append(dst, '#', hexDigits[sum>>4], hexDigits[sum&15])
}
