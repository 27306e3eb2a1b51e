package oops

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"iter"
)

// Line is one line of console output.
type Line struct {
	Off    int    // byte offset of Raw in the stream
	Raw    []byte // everything up to and including '\n', unchanged
	Prefix Prefix // what the log put in front
	Text   string // what the kernel said: prefix, line end and commands to a terminal off
}

// maxLine bounds what is read as one line. Longer ones come in pieces, so no
// byte is lost and no stream without '\n' fills the memory.
const maxLine = 64 << 10

// Lines cuts a stream into lines.
// Shape: the Raw fields joined are the stream, byte for byte; each line is valid
// only until the next one.
// Errors: what the reader says other than io.EOF, after the last line.
func Lines(r io.Reader) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		br := bufio.NewReaderSize(r, maxLine)
		for off := 0; ; {
			raw, err := br.ReadSlice('\n')
			if len(raw) > 0 && !yield(newLine(off, raw), nil) {
				return
			}
			off += len(raw)
			switch err {
			case nil, bufio.ErrBufferFull:
			case io.EOF:
				return
			default:
				yield(Line{Off: off}, fmt.Errorf("read console at offset %d: %w", off, err))
				return
			}
		}
	}
}

// Frame gives the place in code the line is about, if it is a line of a stack
// or one with an instruction pointer.
func (l Line) Frame() (Frame, bool) {
	e := readLine(l.Text)
	ok := e.kind == frameLine || e.kind == fromLine || e.kind == ipLine
	return e.frame, ok && (e.frame.Func != "" || e.frame.Addr != 0)
}

func newLine(off int, raw []byte) Line {
	text := cleanText(raw)
	p, rest := SplitPrefix(text)
	return Line{Off: off, Raw: raw, Prefix: p, Text: rest}
}

// cleanText drops the line end, every '\r' (serial consoles put one before '\n',
// and terminals in between more) and commands to a terminal.
func cleanText(raw []byte) string {
	raw = bytes.TrimSuffix(raw, []byte{'\n'})
	if bytes.IndexByte(raw, '\r') >= 0 {
		raw = bytes.ReplaceAll(raw, []byte{'\r'}, nil)
	}
	if bytes.IndexByte(raw, escape) >= 0 {
		raw = dropEscapes(raw)
	}
	return string(raw)
}

// escape begins what terminals take for a command.
const escape = 0x1b

// dropEscapes takes out colours (dmesg --color) and the set-up of a terminal that
// firmware leaves in front of the first line.
func dropEscapes(raw []byte) []byte {
	clean := make([]byte, 0, len(raw))
	for len(raw) > 0 {
		if raw[0] != escape {
			clean, raw = append(clean, raw[0]), raw[1:]
			continue
		}
		raw = raw[escapeLen(raw):]
	}
	return clean
}

// escapeLen measures the sequence at the start of raw: two bytes, with a bracket
// up to the first letter.
func escapeLen(raw []byte) int {
	if len(raw) < 2 || raw[1] != '[' {
		return min(len(raw), 2)
	}
	for i := 2; i < len(raw); i++ {
		if raw[i] >= '@' && raw[i] <= '~' {
			return i + 1
		}
	}
	return len(raw)
}
