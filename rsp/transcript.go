package rsp

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
)

// Direction says which way a message went.
type Direction uint8

// Directions of a link.
const (
	ToStub   Direction = iota + 1 // -> debugger to stub
	FromStub                      // <- stub to debugger
)

// String is the arrow that stands for the direction in a transcript.
func (d Direction) String() string {
	switch d {
	case ToStub:
		return "->"
	case FromStub:
		return "<-"
	}
	return "??"
}

// Entry is a line of a transcript:
//
//	-> $vCont;c
//	-> ^C
//	<- $T02thread:01;
//	<- %Stop:T05
//	<- -
//
// Bodies stand there decoded, with control characters, bytes above 126 and
// backslashes written as \n, \\ or \xNN. Empty lines and lines that begin with
// # are comments.
type Entry struct {
	Dir Direction
	Message
}

// Append appends the line, without its end.
func (e Entry) Append(dst []byte) []byte {
	dst = append(dst, e.Dir.String()...)
	dst = append(dst, ' ')
	dst = append(dst, e.Kind.String()...)
	return appendQuoted(dst, e.Body)
}

func appendQuoted(dst, body []byte) []byte {
	for _, b := range body {
		switch {
		case b == '\n':
			dst = append(dst, `\n`...)
		case b == '\\':
			dst = append(dst, `\\`...)
		case b < ' ' || b > '~':
			dst = append(dst, '\\', 'x', hexDigits[b>>4], hexDigits[b&15])
		default:
			dst = append(dst, b)
		}
	}
	return dst
}

// ParseEntry reads a line that is no comment.
// Errors: *SyntaxError; the entry is then zero.
func ParseEntry(line []byte) (Entry, error) {
	var e Entry
	arrow, rest, _ := bytes.Cut(line, []byte{' '})
	switch string(arrow) {
	case "->":
		e.Dir = ToStub
	case "<-":
		e.Dir = FromStub
	default:
		return Entry{}, &SyntaxError{Msg: fmt.Sprintf("no direction in %.40q", line)}
	}
	off := len(arrow) + 1
	for _, k := range []Kind{Packet, Notification, Ack, Nack, Interrupt} {
		if body, ok := bytes.CutPrefix(rest, []byte(k.String())); ok {
			e.Kind, rest, off = k, body, off+len(k.String())
			break
		}
	}
	switch e.Kind {
	case 0:
		return Entry{}, &SyntaxError{Off: off, Msg: fmt.Sprintf("no kind of message in %.40q", line)}
	case Packet, Notification:
		body, err := unquote(rest, off)
		if err != nil {
			return Entry{}, err
		}
		e.Body = body
	default:
		if len(rest) > 0 {
			return Entry{}, &SyntaxError{Off: off, Msg: fmt.Sprintf("%v with a body", e.Kind)}
		}
	}
	return e, nil
}

func unquote(q []byte, off int) ([]byte, error) {
	body := make([]byte, 0, len(q))
	for i := 0; i < len(q); i++ {
		if q[i] != '\\' {
			body = append(body, q[i])
			continue
		}
		switch rest := q[i+1:]; {
		case len(rest) > 0 && rest[0] == 'n':
			body, i = append(body, '\n'), i+1
		case len(rest) > 0 && rest[0] == '\\':
			body, i = append(body, '\\'), i+1
		case len(rest) > 2 && rest[0] == 'x' && isHex(rest[1:3]):
			body, i = append(body, nibble(rest[1])<<4|nibble(rest[2])), i+3
		default:
			return nil, &SyntaxError{Off: off + i, Msg: "bad escape in transcript"}
		}
	}
	return body, nil
}

// ReadTranscript reads the entries of a transcript.
func ReadTranscript(r io.Reader) ([]Entry, error) {
	var entries []Entry
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 4*DefaultLimit)
	for n := 1; sc.Scan(); n++ {
		line := sc.Bytes()
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		e, err := ParseEntry(line)
		if err != nil {
			return nil, fmt.Errorf("read line %d of transcript: %w", n, err)
		}
		entries = append(entries, e)
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("read transcript: %w", err)
	}
	return entries, nil
}
