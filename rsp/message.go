package rsp

import "fmt"

// Kind says what a [Message] is.
type Kind uint8

// The five things that can follow each other on the wire.
const (
	Packet       Kind = iota + 1 // $body#cs
	Notification                 // %body#cs
	Ack                          // +
	Nack                         // -
	Interrupt                    // 0x03 between packets
)

// String names the kind by what introduces it on the wire.
func (k Kind) String() string {
	switch k {
	case Packet:
		return "$"
	case Notification:
		return "%"
	case Ack:
		return "+"
	case Nack:
		return "-"
	case Interrupt:
		return "^C"
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// Message is one unit of the wire, decoded: escapes and run lengths are gone.
type Message struct {
	Kind Kind
	Body []byte // of Packet and Notification; else nil
}
