package rsp

import (
	"bytes"
	"encoding/hex"
)

// Bytes with a meaning of their own in a body.
const (
	escapeByte = '}'
	escapeXor  = 0x20
	runByte    = '*'
	runBase    = 29  // the count byte of a run is the number of repeats + runBase
	minRun     = 3   // fewer repeats would need a count byte below space
	maxRun     = 97  // count byte 126, the last printable one
	interrupt  = 0x3 // between packets
)

const hexDigits = "0123456789abcdef"

// AppendPacket appends `$body#cs` to dst, escaped where it must be. It makes
// no use of run lengths: not every peer takes them, and none needs them.
func AppendPacket(dst, body []byte) []byte { return appendFrame(dst, '$', body, false) }

// AppendPacketRuns is AppendPacket with repeated bytes as run lengths, as some
// stubs send them.
func AppendPacketRuns(dst, body []byte) []byte { return appendFrame(dst, '$', body, true) }

// AppendNotification appends `%body#cs` to dst.
func AppendNotification(dst, body []byte) []byte { return appendFrame(dst, '%', body, false) }

func appendFrame(dst []byte, lead byte, body []byte, runs bool) []byte {
	dst = append(dst, lead)
	start := len(dst)
	plain := isPlain(body, '#', '$', escapeByte, runByte)
	for len(body) > 0 {
		n := len(body)
		if runs {
			n = beforeRun(body)
		}
		if plain {
			dst = append(dst, body[:n]...)
		} else {
			for _, b := range body[:n] {
				dst = appendEscaped(dst, b)
			}
		}
		if body = body[n:]; len(body) > 0 {
			repeats := countRepeats(body)
			dst = append(appendEscaped(dst, body[0]), runByte, byte(repeats+runBase))
			body = body[1+repeats:]
		}
	}
	return appendSum(dst, checksum(dst[start:]))
}

// beforeRun returns how many bytes come before the first one that is worth a run
// length.
func beforeRun(b []byte) int {
	for i := 0; i+minRun < len(b); {
		switch {
		case b[i+3] != b[i+2]:
			i += 3
		case b[i+2] != b[i+1]:
			i += 2
		case b[i+1] != b[i]:
			i++
		default:
			return i
		}
	}
	return len(b)
}

// isPlain reports whether none of some bytes is in b. Memory is sent in
// hexadecimal digits, megabytes of it, none of which needs a look of its own.
func isPlain(b []byte, none ...byte) bool {
	for _, c := range none {
		if bytes.IndexByte(b, c) >= 0 {
			return false
		}
	}
	return true
}

// appendEscaped escapes what the manual says, in both directions: QEMU reads
// a bare * as a run length although only stubs may send those.
func appendEscaped(dst []byte, b byte) []byte {
	switch b {
	case '#', '$', escapeByte, runByte:
		return append(dst, escapeByte, b^escapeXor)
	}
	return append(dst, b)
}

// countRepeats returns how often the first byte of b, where a run begins, is to be
// repeated: as often as it is, but never six or seven times, because the count byte would be
// # or $. Those are cut to five, and the rest follows as it is.
func countRepeats(b []byte) int {
	n := 1
	for n < len(b) && n <= maxRun && b[n] == b[0] {
		n++
	}
	repeats := n - 1
	if c := repeats + runBase; c == '#' || c == '$' {
		return '"' - runBase
	}
	return repeats
}

func checksum(b []byte) byte {
	var sum byte
	for _, c := range b {
		sum += c
	}
	return sum
}

// appendBody appends what raw, the bytes between $ and #, stand for. Nothing
// is appended beyond limit bytes.
// Errors: *SyntaxError for an escape or run length that is cut off, has nothing
// to repeat, or a count that is none; ErrTooLong.
func appendBody(dst, raw []byte, limit int) ([]byte, error) {
	start := len(dst)
	if isPlain(raw, escapeByte, runByte) {
		if len(raw) > limit {
			return nil, ErrTooLong
		}
		return append(dst, raw...), nil
	}
	for i := 0; i < len(raw); i++ {
		b := raw[i]
		repeats := 1
		switch b {
		case escapeByte:
			if i++; i == len(raw) {
				return nil, &SyntaxError{Off: i - 1, Msg: "escape of nothing"}
			}
			b = raw[i] ^ escapeXor
		case runByte:
			if len(dst) == start {
				return nil, &SyntaxError{Off: i, Msg: "run length before first byte"}
			}
			if i++; i == len(raw) {
				return nil, &SyntaxError{Off: i - 1, Msg: "run length without count"}
			}
			if repeats = int(raw[i]) - runBase; repeats < minRun || repeats > maxRun {
				return nil, &SyntaxError{Off: i, Msg: "bad count of a run length"}
			}
			b = dst[len(dst)-1]
		}
		if len(dst)-start+repeats > limit {
			return nil, ErrTooLong
		}
		for range repeats {
			dst = append(dst, b)
		}
	}
	return dst, nil
}

// unhex decodes pairs of hexadecimal digits; dst must hold len(src)/2 bytes.
func unhex(dst, src []byte) error {
	if len(src)%2 != 0 {
		return &SyntaxError{Off: len(src), Msg: "odd number of hexadecimal digits"}
	}
	if n, err := hex.Decode(dst, src); err != nil {
		return &SyntaxError{Off: 2 * n, Msg: "bad hexadecimal digit"}
	}
	return nil
}

// nibble returns the value of a hexadecimal digit, or 0xff.
func nibble(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 0xff
}

func isHex(b []byte) bool {
	for _, c := range b {
		if nibble(c) > 15 {
			return false
		}
	}
	return true
}
