package rsp

import (
	"bufio"
	"fmt"
	"io"
)

// DefaultLimit is the size of a packet beyond which a reader gives up on it.
const DefaultLimit = 16 << 20

// Reader decodes messages from a stream. Errors of the stream are returned as
// they are, and what was read before them is kept: after a deadline the next
// call goes on in the middle of the packet.
type Reader struct {
	br    *bufio.Reader
	limit int
	noAck bool // checksums need not be right

	state   readerState
	kind    Kind
	raw     []byte // between $ and #, as far as it was read
	tooLong bool   // raw would be larger than limit: the rest is skipped
	sum     [2]byte
	nsum    int // digits of sum that are there
	body    []byte
	skipped int
}

type readerState uint8

const (
	betweenPackets readerState = iota
	inBody
	inChecksum
)

// NewReader returns a reader of packets whose body is at most limit bytes, as
// sent and as decoded; 0 means DefaultLimit.
func NewReader(r io.Reader, limit int) *Reader {
	if limit <= 0 {
		limit = DefaultLimit
	}
	return &Reader{br: bufio.NewReaderSize(r, 64<<10), limit: limit}
}

// SetNoAck says whether no-ack mode is in force. A reader then takes packets
// whatever their checksum, as gdb does.
func (r *Reader) SetNoAck(on bool) { r.noAck = on }

// Skipped returns how many bytes were no part of any message so far.
func (r *Reader) Skipped() int { return r.skipped }

// Next returns the next message. Its body is valid until the next call.
//
// Errors: ErrChecksum for a damaged packet; *SyntaxError or ErrTooLong for one
// that arrived whole but cannot be taken. After these three the reader stands
// behind the packet and can be used on. All others come from the stream.
// A notification that cannot be taken is skipped.
func (r *Reader) Next() (Message, error) {
	for {
		switch r.state {
		case betweenPackets:
			b, err := r.br.ReadByte()
			if err != nil {
				return Message{}, err
			}
			if m, ok := r.begin(b); ok {
				return m, nil
			}
		case inBody:
			if err := r.readBody(); err != nil {
				return Message{}, err
			}
		case inChecksum:
			b, err := r.br.ReadByte()
			if err != nil {
				return Message{}, err
			}
			if r.sum[r.nsum], r.nsum = b, r.nsum+1; r.nsum == len(r.sum) {
				r.state = betweenPackets
				m, err := r.finish()
				if err != nil && r.kind == Notification {
					r.skipped += len(r.raw) + len("%#00") // not to be asked for again
					continue
				}
				return m, err
			}
		}
	}
}

// begin looks at a byte between packets; some are messages by themselves.
func (r *Reader) begin(b byte) (Message, bool) {
	switch b {
	case '$':
		r.kind = Packet
	case '%':
		r.kind = Notification
	case '+':
		return Message{Kind: Ack}, true
	case '-':
		return Message{Kind: Nack}, true
	case interrupt:
		return Message{Kind: Interrupt}, true
	default:
		r.skipped++
		return Message{}, false
	}
	r.state, r.raw, r.tooLong, r.nsum = inBody, r.raw[:0], false, 0
	return Message{}, false
}

// readBody reads up to #, which is always escaped inside a body.
func (r *Reader) readBody() error {
	part, err := r.br.ReadSlice('#')
	if err == nil {
		part = part[:len(part)-1]
		r.state = inChecksum
	}
	if len(r.raw)+len(part) > r.limit {
		r.tooLong, r.raw = true, nil
	}
	if !r.tooLong {
		r.raw = append(r.raw, part...)
	}
	if err == bufio.ErrBufferFull {
		return nil
	}
	return err
}

// finish decodes a packet that has arrived.
func (r *Reader) finish() (Message, error) {
	if r.tooLong {
		return Message{}, fmt.Errorf("packet of more than %d bytes: %w", r.limit, ErrTooLong)
	}
	raw := r.raw
	if !r.noAck {
		var ok bool
		if raw, ok = r.proven(); !ok {
			return Message{}, fmt.Errorf("packet of %d bytes, sum %02x sent as %q: %w",
				len(r.raw), checksum(r.raw), r.sum[:], ErrChecksum)
		}
	}
	body, err := appendBody(r.body[:0], raw, r.limit)
	if err != nil {
		return Message{}, fmt.Errorf("decode packet of %d bytes: %w", len(raw), err)
	}
	r.body = body
	return Message{Kind: r.kind, Body: body}, nil
}

// proven returns the bytes that the checksum speaks for. A bare $ is legal in
// no body. If the sum is right with it, a careless peer sent it as data, or as
// the count of a run of eight, and it is taken so. If not, the end of one packet
// was lost and another began there.
func (r *Reader) proven() ([]byte, bool) {
	hi, lo := nibble(r.sum[0]), nibble(r.sum[1])
	if hi|lo > 15 {
		return nil, false
	}
	want := hi<<4 | lo
	if checksum(r.raw) == want {
		return r.raw, true
	}
	for i := len(r.raw) - 1; i >= 0; i-- {
		if r.raw[i] == '$' {
			r.kind = Packet
			tail := r.raw[i+1:]
			return tail, checksum(tail) == want
		}
	}
	return nil, false
}
