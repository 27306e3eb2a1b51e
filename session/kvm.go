package session

import (
	"context"
	"fmt"
	"strings"
	"sync"

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

// hiddenText is what stood where an int3 stands now.
type hiddenText struct {
	mu   sync.Mutex // workers keep and put back, the loop reads what it tells gdb
	text map[addr.Addr]byte
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
	if !v.underKVM.Load() {
		return nil
	}
	if p.Kind != machine.Software {
		var used int
		if err := v.call(func() { used = v.machine.Points.Hardware() }); err != nil {
			return err
		}
		if used > kvmHardware {
			return fmt.Errorf("KVM has %d hardware breakpoints and watchpoints, all in use: remove one first", kvmHardware)
		}
		return nil
	}
	var b [1]byte
	if err := v.client.ReadMemory(ctx, v.stoppedThread(), uint64(p.Addr), b[:]); err != nil {
		return fmt.Errorf("read what the breakpoint will hide: %w", err)
	}
	v.hidden.hide(p.Addr, b[0])
	return nil
}

// hide notes what stands at a before an int3 is written there. An int3 that is
// there already is the guest's own, or one that an earlier debugger left.
func (h *hiddenText) hide(a addr.Addr, b byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.text == nil {
		h.text = make(map[addr.Addr]byte)
	}
	if _, known := h.text[a]; !known && b != int3 {
		h.text[a] = b
	}
}

// gone forgets an int3 that was taken out.
func (h *hiddenText) gone(a addr.Addr) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.text, a)
}

// show puts back what int3s hide in memory that was read at a.
func (h *hiddenText) show(p []byte, a addr.Addr) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for at, b := range h.text {
		if off := uint64(at - a); off < uint64(len(p)) && p[off] == int3 {
			p[off] = b
		}
	}
}

// resetKind is the kind of breakpoint for the reset vector: it lies in ROM,
// where KVM cannot write an int3.
func (v *Stopped) resetKind() machine.Kind {
	if v.underKVM.Load() {
		return machine.Hardware
	}
	return machine.Software
}
