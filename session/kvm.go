package session

import (
	"context"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"ktrap/session/machine"
	"ktrap/symbols/addr"
)

// Under KVM a software breakpoint is an int3 that QEMU writes into the guest's
// text, and hardware breakpoints and watchpoints are the CPU's own. Under TCG
// neither holds: text stays as it is, and there is no limit.
const (
	int3        = 0xcc
	kvmHardware = 4
)

// kvm is what has to be kept in mind under KVM. Owned by the loop.
type kvm struct {
	on   bool
	text map[addr.Addr]byte // what stood where an int3 stands now
}

// askAccelerator asks QEMU once how it runs the guest.
func (v *Stopped) askAccelerator(ctx context.Context) {
	said, err := v.Monitor(ctx, "info kvm")
	if err != nil {
		v.log.Debug("ask for KVM", "err", err)
		return
	}
	if !kvmEnabled(said) {
		said, err := v.Monitor(ctx, "info jit")
		v.emulated.Store(err == nil && strings.Contains(said, translates))
		return
	}
	_ = v.call(func() { v.kvm = kvm{on: true, text: make(map[addr.Addr]byte)} })
	v.underKVM.Store(true)
	v.emit(Event{Kind: Note, Text: "the guest runs under KVM: breakpoints are written into its text, and four can be hardware ones"})
}

// translates is in the answer of `info jit` if there is a translator.
// Source: QEMU 7.2 and 10.0, dump_exec_info.
const translates = "Translation buffer state:"

// kvmEnabled reads the answer of `info kvm`.
func kvmEnabled(said string) bool {
	return strings.TrimSpace(said) == "kvm support: enabled"
}

// beforeInsert is called before a point goes into the stub: it refuses what
// KVM has no room for, and keeps the byte that an int3 will hide.
func (v *Stopped) beforeInsert(ctx context.Context, p machine.Point) error {
	var on bool
	var used int
	err := v.call(func() { on, used = v.kvm.on, v.machine.Points.Hardware() })
	if err != nil || !on {
		return err
	}
	if p.Kind != machine.Software {
		if used > kvmHardware {
			return fmt.Errorf("KVM has %d hardware breakpoints and watchpoints, all in use: remove one first", kvmHardware)
		}
		return nil
	}
	var b [1]byte
	if err := v.client.ReadMemory(ctx, v.stoppedThread(), uint64(p.Addr), b[:]); err != nil {
		return fmt.Errorf("read what the breakpoint will hide: %w", err)
	}
	return v.call(func() { v.kvm.hide(p.Addr, b[0]) })
}

// hide notes what stands at a before an int3 is written there. An int3 that is
// there already is the guest's own, or one that an earlier debugger left.
func (k *kvm) hide(a addr.Addr, b byte) {
	if _, known := k.text[a]; !known && b != int3 {
		k.text[a] = b
	}
}

// show puts back what int3s hide in memory that was read at a.
func (k *kvm) show(p []byte, a addr.Addr) {
	for at, b := range k.text {
		if off := uint64(at - a); off < uint64(len(p)) && p[off] == int3 {
			p[off] = b
		}
	}
}

// showText is show for ktrap's own reads, on the worker's goroutine.
func (s *Session) showText(p []byte, a addr.Addr) {
	if s.underKVM.Load() {
		_ = s.call(func() { s.kvm.show(p, a) }) // after the loop's end nobody looks
	}
}

// showReply is show for the reply to a packet `m ADDR,LENGTH`.
func (k *kvm) showReply(request, reply []byte) []byte {
	if len(k.text) == 0 || len(request) == 0 || request[0] != 'm' {
		return reply
	}
	at, _, _ := strings.Cut(string(request[1:]), ",")
	a, err := strconv.ParseUint(at, 16, 64)
	if err != nil {
		return reply
	}
	raw, err := hex.DecodeString(string(reply))
	if err != nil {
		return reply // an error reply
	}
	k.show(raw, addr.Addr(a))
	return hex.AppendEncode(nil, raw)
}

// resetKind is the kind of breakpoint for the reset vector: it lies in ROM,
// where KVM cannot write an int3.
func (v *Stopped) resetKind() machine.Kind {
	kind := machine.Software
	_ = v.call(func() {
		if v.kvm.on {
			kind = machine.Hardware
		}
	})
	return kind
}
