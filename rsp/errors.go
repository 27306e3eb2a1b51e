package rsp

import (
	"errors"
	"fmt"
)

var (
	// ErrUnsupported means the peer answered with the empty packet.
	ErrUnsupported = errors.New("unsupported packet")
	// ErrRunning means the machine runs: a stub answers nothing until it stops.
	ErrRunning = errors.New("machine is running")
	// ErrClosed means the connection has ended; the reason is wrapped beside it.
	ErrClosed = errors.New("connection closed")
	// ErrRefused means the client would not send a request because it is known
	// to harm the stub.
	ErrRefused = errors.New("request refused")
	// ErrTooLong means a packet was larger than the limit of the reader.
	ErrTooLong = errors.New("packet too long")
	// ErrBacklog means that the peer does not read what is sent to it.
	ErrBacklog = errors.New("peer does not read")
	// ErrSilent means that the stub did not answer a request in time.
	ErrSilent = errors.New("stub is silent")
	// ErrChecksum means a packet arrived damaged.
	ErrChecksum = errors.New("checksum mismatch")
)

// Error is the answer of a peer that understood a request and could not or
// would not carry it out: `E NN`, or `E.text`.
type Error struct {
	Code byte   // NN; 0 with text
	Msg  string // text, with control characters as received; empty with NN
}

// Error describes what the peer said.
func (e *Error) Error() string {
	if e.Msg != "" {
		return fmt.Sprintf("stub says %q", e.Msg)
	}
	return fmt.Sprintf("stub says E%02x", e.Code)
}

// Append appends the body of the packet that says this error.
func (e *Error) Append(dst []byte) []byte {
	if e.Msg != "" {
		return append(append(dst, "E."...), e.Msg...)
	}
	return fmt.Appendf(dst, "E%02x", e.Code)
}

// SyntaxError is a packet that does not follow the protocol.
type SyntaxError struct {
	Off int    // offset in the body
	Msg string // what is wrong there
}

// Error describes the fault and where it is.
func (e *SyntaxError) Error() string { return fmt.Sprintf("%s at offset %d", e.Msg, e.Off) }
