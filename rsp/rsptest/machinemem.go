package rsptest

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// maxRead is what QEMU gives at once: half of its packet size.
const maxRead = 0x800

// read answers m.
func (m *Machine) read(args string) string {
	var addr, n uint64
	if _, err := fmt.Sscanf(args, "%x,%x", &addr, &n); err != nil || n > maxRead {
		return "E22"
	}
	p := make([]byte, n)
	for i := range p {
		b := m.at(addr + uint64(i))
		if b == nil {
			return "E14"
		}
		p[i] = *b
	}
	return hex.EncodeToString(p)
}

// write answers M.
func (m *Machine) write(args string) string {
	var addr, n uint64
	head, data, _ := strings.Cut(args, ":")
	raw, err := hex.DecodeString(data)
	if _, scanErr := fmt.Sscanf(head, "%x,%x", &addr, &n); scanErr != nil || err != nil || uint64(len(raw)) != n {
		return "E22"
	}
	for i := range raw {
		if m.at(addr+uint64(i)) == nil {
			return "E14"
		}
	}
	for i, b := range raw {
		*m.at(addr + uint64(i)) = b
	}
	return "OK"
}

// at returns the byte at an address, nil if nothing is there.
func (m *Machine) at(addr uint64) *byte {
	segs := m.Mem
	if m.physical {
		segs = m.Phys
	}
	for i := range segs {
		if off := addr - segs[i].Addr; off < uint64(len(segs[i].Data)) {
			return &segs[i].Data[off]
		}
	}
	return nil
}
