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
	Text   string // what the kernel said: prefix, '\r' and '\n' off
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

// cleanText drops the line end and every '\r': serial consoles put one before
// '\n', and terminals in between more.
func cleanText(raw []byte) string {
	raw = bytes.TrimSuffix(raw, []byte{'\n'})
	if bytes.IndexByte(raw, '\r') >= 0 {
		raw = bytes.ReplaceAll(raw, []byte{'\r'}, nil)
	}
	return string(raw)
}
