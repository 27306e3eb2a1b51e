package rsp

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
)

// ParseStopReply reads the body of a stop reply.
// Errors: *SyntaxError; the reply is then zero, and never zero otherwise.
// Source: GDB manual, "Stop Reply Packets".
func ParseStopReply(body []byte) (StopReply, error) {
	if len(body) > 0 && body[0] == 'N' {
		if len(body) > 1 {
			return StopReply{}, &SyntaxError{Off: 1, Msg: "stop reply N with something behind it"}
		}
		return StopReply{Kind: NoResumed}, nil
	}
	if len(body) < 3 || !isHex(body[1:3]) {
		return StopReply{}, &SyntaxError{Msg: fmt.Sprintf("stop reply %.20q without a signal", body)}
	}
	s := StopReply{Signal: nibble(body[1])<<4 | nibble(body[2])}
	rest := body[3:]
	switch body[0] {
	case 'S', 'T':
		s.Kind = Stopped
	case 'W':
		s.Kind = Exited
	case 'X':
		s.Kind = Terminated
	default:
		return StopReply{}, &SyntaxError{Msg: fmt.Sprintf("no stop reply: %.20q", body)}
	}
	if len(rest) > 0 && body[0] != 'T' {
		if rest[0] != ';' {
			return StopReply{}, &SyntaxError{Off: 3, Msg: "stop reply with a third digit"}
		}
		rest = rest[1:]
	}
	off := len(body) - len(rest)
	for len(rest) > 0 {
		field, after, _ := bytes.Cut(rest, []byte{';'})
		if err := s.setField(field); err != nil {
			return StopReply{}, &SyntaxError{Off: off, Msg: err.Error()}
		}
		off, rest = len(body)-len(after), after
	}
	return s, nil
}

// setField reads one `key:value`. A key that is a number is a register, and
// what is not known is kept: the manual asks to ignore it.
func (s *StopReply) setField(field []byte) error {
	k, v, _ := bytes.Cut(field, []byte{':'})
	key, value := string(k), string(v)
	switch reason, ok := reasonOf(key); {
	case key == "":
		if len(field) > 0 {
			return fmt.Errorf("field %q without a key", field)
		}
	case key == "thread":
		t, err := ParseThreadID(value)
		if err != nil {
			return err
		}
		s.Thread = t
	case ok && s.Reason == NoReason:
		return s.setReason(reason, value)
	case isHex(k):
		return s.setReg(key, v)
	default:
		if otherEvents[key] && s.Reason == NoReason {
			s.Reason = OtherEvent
		}
		s.Extra = append(s.Extra, StopField{key, value})
	}
	return nil
}

// setReason takes the first reason of a reply; further ones become Extra.
func (s *StopReply) setReason(r Reason, value string) error {
	s.Reason = r
	if !r.watches() {
		s.Detail = value
		return nil
	}
	a, err := strconv.ParseUint(value, 16, 64)
	if err != nil {
		return fmt.Errorf("bad address %q of %v", value, r)
	}
	s.WatchAddr = a
	return nil
}

func (s *StopReply) setReg(key string, value []byte) error {
	n, err := strconv.ParseUint(key, 16, 32)
	if err != nil || n > math.MaxInt32 {
		return fmt.Errorf("bad register number %q", key)
	}
	if len(value) > 0 && len(bytes.Trim(value, "x")) == 0 {
		return nil // the stub does not know it
	}
	raw := make([]byte, len(value)/2)
	if err := unhex(raw, value); err != nil {
		return fmt.Errorf("register %s: %w", key, err)
	}
	s.Regs = append(s.Regs, ExpeditedReg{int(n), raw})
	return nil
}

// Append appends the body of a packet that says s.
func (s StopReply) Append(dst []byte) []byte {
	switch s.Kind {
	case NoResumed:
		return append(dst, 'N')
	case Exited:
		dst = fmt.Appendf(dst, "W%02x", s.Signal)
	case Terminated:
		dst = fmt.Appendf(dst, "X%02x", s.Signal)
	default:
		dst = fmt.Appendf(dst, "T%02x", s.Signal)
	}
	fields := s.appendFields(nil)
	if s.Kind != Stopped && len(fields) > 0 {
		dst = append(dst, ';')
		fields = fields[:len(fields)-1]
	}
	return append(dst, fields...)
}

// appendFields puts the registers last: gdb skips those that come before it knows
// whose they are.
func (s StopReply) appendFields(dst []byte) []byte {
	if s.Reason.watches() {
		dst = fmt.Appendf(dst, "%v:%x;", s.Reason, s.WatchAddr)
	} else if s.Reason != NoReason && s.Reason != OtherEvent {
		dst = fmt.Appendf(dst, "%v:%s;", s.Reason, s.Detail)
	}
	if s.Thread != AnyThread {
		dst = fmt.Appendf(dst, "thread:%v;", s.Thread)
	}
	for _, f := range s.Extra {
		dst = fmt.Appendf(dst, "%s:%s;", f.Key, f.Value)
	}
	for _, r := range s.Regs {
		dst = append(appendRegisterNumber(dst, r.N), ':')
		dst = append(hex.AppendEncode(dst, r.Value), ';')
	}
	return dst
}

// appendRegisterNumber appends at least two digits.
func appendRegisterNumber(dst []byte, n int) []byte {
	if n < 16 {
		dst = append(dst, '0')
	}
	return strconv.AppendInt(dst, int64(n), 16)
}
