package types

import (
	"encoding/binary"
	"errors"
	"fmt"

	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
)

// ErrOptimizedOut says that a variable has no value at a pc, or one that can
// only be computed with more than the frame.
var ErrOptimizedOut = errors.New("optimized out")

// Memory reads the stopped machine.
type Memory interface {
	ReadMemory(p []byte, a addr.Addr) error
}

// Frame is the frame a local variable is looked for in.
type Frame struct {
	Regs   *cfi.Regs
	CFA    addr.Addr // 0 when not known
	Memory Memory
	// Run gives the run-time address of what lies at a link address.
	Run func(addr.LinkAddr) addr.Addr
}

// Place is where a variable is: in memory at Addr, or its bytes when it is
// held in registers or computed.
type Place struct {
	InMemory bool
	Addr     addr.Addr
	Bytes    []byte
}

// Locate finds the variable in a frame that stands at the pc it was asked for.
// Errors: wraps ErrOptimizedOut, cfi.ErrUnknownReg or the memory's.
func (l *Local) Locate(f *Frame) (Place, error) {
	size, ok := SizeOf(l.Type)
	switch {
	case len(l.constant) > 0 && ok:
		return Place{Bytes: fit(l.constant, size)}, nil
	case len(l.expr) == 0 || !ok:
		return Place{}, ErrOptimizedOut
	}
	p, err := l.run(l.expr, f, size, 0)
	if err != nil {
		return Place{}, fmt.Errorf("locate %s: %w", l.Name, err)
	}
	return p, nil
}

// maxPlace bounds the bytes a variable in pieces may have.
const maxPlace = 1 << 16

// fit brings bytes to a size, with zeros on top.
func fit(b []byte, size int64) []byte {
	out := make([]byte, min(max(size, 0), maxPlace))
	copy(out, b)
	return out
}

// word gives the memory image of a number.
func word(u uint64) []byte { return binary.LittleEndian.AppendUint64(nil, u) }

// deref reads words for cfi.Eval.
func (f *Frame) deref(a uint64) (uint64, error) {
	var p [8]byte
	if f.Memory == nil {
		return 0, errors.New("no target to read from")
	}
	if err := f.Memory.ReadMemory(p[:], addr.Addr(a)); err != nil {
		return 0, fmt.Errorf("read location at %#x: %w", a, err)
	}
	return binary.LittleEndian.Uint64(p[:]), nil
}

// register gives the content of a register by its DWARF number.
func (f *Frame) register(n uint64) ([]byte, error) {
	if f.Regs == nil || n >= uint64(cfi.NumRegs) {
		return nil, cfi.ErrUnknownReg
	}
	u, ok := f.Regs.Get(cfi.Reg(n))
	if !ok {
		return nil, fmt.Errorf("%v: %w", cfi.Reg(n), cfi.ErrUnknownReg)
	}
	return word(u), nil
}
