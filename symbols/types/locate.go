package types

import (
	"debug/dwarf"
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
	// Caller gives the frame that called this one's function, inlined levels
	// passed over: values that a function lost may be known there. It may be
	// nil, and give nil where nobody called: at interrupts and at the end.
	Caller func() (*Caller, error)
}

// Place is where a variable is: in memory at Addr, or its bytes when it is
// held in registers or computed.
type Place struct {
	InMemory bool
	Addr     addr.Addr
	Bytes    []byte
	Lost     []Span // of Bytes, what is nowhere: members of a struct that nobody needs
}

// Span is a part of a variable, in bytes.
type Span struct{ Off, Size int64 }

// Locate finds the variable in a frame that stands at the pc it was asked for.
// Errors: wraps ErrOptimizedOut, cfi.ErrUnknownReg or the memory's.
func (l *Local) Locate(f *Frame) (Place, error) {
	size, ok := SizeOf(l.Type)
	switch {
	case len(l.constant) > 0 && ok:
		return held(l.constant, size)
	case !ok:
		return Place{}, optimizedOut("the size of %s is not known", Declare(l.Type, l.Name))
	case l.elsewhere:
		return Place{}, optimizedOut("%s is nowhere at this pc", clean(l.Name))
	case len(l.expr) == 0:
		return Place{}, optimizedOut("%s is nowhere", clean(l.Name))
	}
	left := maxExprSteps
	run := locator{fn: l.fn, f: f, left: &left}
	p, err := run.locate(l.expr, size)
	switch {
	case err != nil:
		return Place{}, fmt.Errorf("locate %s: %w", clean(l.Name), err)
	case len(p.Lost) > 0 && !l.isUseful(&p):
		return Place{}, optimizedOut("a part of %s is nowhere", clean(l.Name))
	}
	return p, nil
}

// isUseful reports whether what is left of a variable in pieces says something:
// members of a struct do, half a number does not.
func (l *Local) isUseful(p *Place) bool {
	lost := int64(0)
	for _, s := range p.Lost {
		lost += s.Size
	}
	switch Strip(l.Type).(type) {
	case *dwarf.StructType, *dwarf.ArrayType:
		return lost < int64(len(p.Bytes))
	}
	return false
}

// maxPlace bounds the bytes of a variable that is not in memory.
const maxPlace = 1 << 16

// held gives the place of a variable of some size that is not in memory.
func held(b []byte, size int64) (Place, error) {
	if size > maxPlace {
		return Place{}, optimizedOut("its type has %d bytes", size)
	}
	return Place{Bytes: fit(b, size)}, nil
}

// fit brings bytes to a size, which is not above maxPlace, with zeros on top.
func fit(b []byte, size int64) []byte {
	out := make([]byte, max(size, 0))
	copy(out, b)
	return out
}

// word gives the memory image of a number.
func word(u uint64) []byte { return binary.LittleEndian.AppendUint64(nil, u) }

// read fills p from memory.
func (f *Frame) read(p []byte, a addr.Addr) error {
	if f.Memory == nil {
		return optimizedOut("there is no target to read from")
	}
	if err := f.Memory.ReadMemory(p, a); err != nil {
		return fmt.Errorf("read location at %v: %w", a, err)
	}
	return nil
}

// register gives the content of a register by its DWARF number.
func (f *Frame) register(n uint64) (uint64, error) {
	if f.Regs == nil || n >= uint64(cfi.NumRegs) {
		return 0, cfi.ErrUnknownReg
	}
	u, ok := f.Regs.Get(cfi.Reg(n))
	if !ok {
		return 0, fmt.Errorf("%v: %w", cfi.Reg(n), cfi.ErrUnknownReg)
	}
	return u, nil
}
