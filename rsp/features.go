package rsp

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
}

// Has reports whether the stub said name+.
func (f *Features) Has(name string) bool { return f.All[name] == "+" }
