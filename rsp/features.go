package rsp

import (
	"strconv"
	"strings"
)

// Sizes of packets: what a stub takes that does not say, and what can be
// worked with at all.
const (
	defaultPacketSize = 400
	minPacketSize     = 64
	maxPacketSize     = 1 << 20
)

// Features is what a stub told about itself in the handshake.
type Features struct {
	PacketSize      int               // largest body the stub takes or gives
	Multiprocess    bool              // thread ids are p1.2
	NoAck           bool              // no-ack mode was agreed on
	ReverseStep     bool              // bs works
	ReverseContinue bool              // bc works
	QEMU            bool              // the stub answers QEMU's own queries
	All             map[string]string // every feature: "+", "-", "?" or the value after =
	TargetXML       []byte            // target.xml as sent, nil without
	Stop            StopReply         // answer to ?
	Ran             bool              // the machine ran until this debugger came, and was stopped for it
}

// Has reports whether the stub said name+.
func (f *Features) Has(name string) bool { return f.All[name] == "+" }

// has reports whether the stub mentioned name at all.
func (f *Features) has(name string) bool { _, ok := f.All[name]; return ok }

// parseFeatures reads a qSupported reply. What cannot be read is left out: the
// manual wants unknown features ignored.
func parseFeatures(reply string) Features {
	f := Features{PacketSize: defaultPacketSize, All: map[string]string{}}
	for s := range strings.SplitSeq(reply, ";") {
		if name, value, ok := strings.Cut(s, "="); ok {
			f.All[name] = value
		} else if n := len(s) - 1; n > 0 && strings.ContainsRune("+-?", rune(s[n])) {
			f.All[s[:n]] = s[n:]
		}
	}
	if n, err := strconv.ParseUint(f.All["PacketSize"], 16, 32); err == nil {
		f.PacketSize = int(min(max(n, minPacketSize), maxPacketSize))
	}
	f.Multiprocess = f.Has("multiprocess")
	f.ReverseStep = f.Has("ReverseStep")
	f.ReverseContinue = f.Has("ReverseContinue")
	return f
}
