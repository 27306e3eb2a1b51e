package types

import (
	"encoding/binary"
	"errors"
	"fmt"

	"ktrap/symbols/addr"
	"ktrap/symbols/dwarfx"
)

// Bounds on expressions; jumps make loops possible, entry values need those of
// callers.
const (
	maxExprSteps = 1 << 12 // with all expressions one needs
	maxExprStack = 64
	maxExprDepth = 16
)

// errExpression is the error of an expression that makes no sense.
var errExpression = errors.New("malformed location expression")

// optimizedOut is the error of a variable that cannot be known, and why.
func optimizedOut(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrOptimizedOut, fmt.Sprintf(format, args...))
}

// locator runs location expressions in one frame.
type locator struct {
	fn    *function
	f     *Frame
	depth int
	left  *int // steps, shared with the expressions run on its behalf
}

// expression is one that is being run.
type expression struct {
	*locator
	code  []byte
	b     dwarfx.Buf
	stack []dwarfx.Operand

	place Place  // of the piece at hand
	done  bool   // place is known, the stack does not count
	whole []byte // pieces so far
	lost  []Span // those of them that are nowhere
	split bool   // the variable is in pieces
}

// run gives the place that an expression describes. A value that is held in
// registers or computed has the bytes of what holds it.
func (l *locator) run(code []byte) (*expression, error) {
	e := &expression{locator: l, code: code, b: dwarfx.NewBuf("location expression", code, 0)}
	for e.b.Len() > 0 {
		if *l.left--; *l.left < 0 || len(e.stack) > maxExprStack {
			return nil, optimizedOut("the expression takes too long")
		}
		if err := e.step(dwarfx.SameOp(e.b.U8())); err != nil {
			return nil, err
		}
	}
	return e, e.b.Err()
}

// locate gives the place of a variable of some size.
func (l *locator) locate(code []byte, size int64) (Place, error) {
	e, err := l.run(code)
	if err != nil {
		return Place{}, err
	}
	if e.split {
		if int64(len(e.whole)) < size {
			return Place{}, optimizedOut("a part is nowhere")
		}
		return Place{Bytes: e.whole, Lost: e.lost}, nil
	}
	if err := e.settle(); err != nil {
		return Place{}, err
	}
	if e.place.InMemory {
		return e.place, nil
	}
	return held(e.place.Bytes, size)
}

// number gives the number that an expression computes.
func (l *locator) number(code []byte) (uint64, error) {
	p, err := l.locate(code, 8)
	switch {
	case err != nil:
		return 0, err
	case p.InMemory:
		return uint64(p.Addr), nil
	case len(p.Lost) > 0:
		return 0, optimizedOut("a part is nowhere")
	}
	return binary.LittleEndian.Uint64(p.Bytes), nil
}

// step takes one operation: those that say where something is are here, those
// that compute are in compute.
func (e *expression) step(op byte) error {
	switch {
	case op >= dwarfx.OpReg0 && op <= dwarfx.OpReg31:
		return e.inRegister(uint64(op - dwarfx.OpReg0))
	case op == dwarfx.OpRegx:
		return e.inRegister(e.b.Uleb())
	case op == dwarfx.OpPiece:
		return e.piece(e.b.Uleb())
	case op == dwarfx.OpBitPiece:
		bits, off := e.b.Uleb(), e.b.Uleb()
		if bits%8 != 0 || off != 0 {
			return optimizedOut("it is in pieces of bits")
		}
		return e.piece(bits / 8)
	case op == dwarfx.OpImplicitValue:
		e.place, e.done = Place{Bytes: e.b.Bytes(e.b.Uleb())}, true
	case op == dwarfx.OpStackValue:
		v, err := e.pop()
		e.place, e.done = Place{Bytes: word(v.U)}, true
		return err
	case op == dwarfx.OpImplicitPtr:
		return e.implicitPointer()
	case op == dwarfx.OpTLS:
		return optimizedOut("it is local to a thread")
	case op == dwarfx.OpGNUParamRef:
		return e.parameterRef(uint64(e.b.U32()))
	default:
		return e.compute(op)
	}
	return nil
}

// implicitPointer names what a pointer points to that was optimized away
// itself: there is no address to show.
func (e *expression) implicitPointer() error {
	u := e.fn.unit
	off := e.b.Offset(u.DWARF64)
	for range maxRefs {
		if off < u.First || off >= u.End {
			break
		}
		b := u.Buf(off)
		to, ok := readDIE(u, &b)
		if !ok {
			break
		}
		if name := to.name(); name != "" {
			return optimizedOut("it points to %s, which is not in memory", clean(name))
		}
		if off, ok = to.ref(dwarfx.AttrAbstractOrigin); !ok {
			break
		}
	}
	return optimizedOut("it points to what is not in memory")
}

func (e *expression) inRegister(n uint64) error {
	u, err := e.f.register(n)
	e.place, e.done = Place{Bytes: word(u)}, true
	return err
}

// settle makes the place of the piece at hand known.
func (e *expression) settle() error {
	if e.done {
		return nil
	}
	if len(e.stack) == 0 {
		return optimizedOut("it is nowhere")
	}
	v, err := e.pop()
	e.place, e.done = Place{InMemory: true, Addr: addr.Addr(v.U)}, true
	return err
}

// piece ends one part of a variable that is in several places. Nothing in front
// of it says that the part is nowhere.
func (e *expression) piece(size uint64) error {
	if size > maxPlace || uint64(len(e.whole))+size > maxPlace {
		return optimizedOut("a piece has %d bytes", size)
	}
	if !e.done && len(e.stack) == 0 {
		e.lost = append(e.lost, Span{Off: int64(len(e.whole)), Size: int64(size)})
		e.whole, e.split = append(e.whole, make([]byte, size)...), true
		return nil
	}
	if err := e.settle(); err != nil {
		return err
	}
	part := fit(e.place.Bytes, int64(size))
	if e.place.InMemory {
		if err := e.f.read(part, e.place.Addr); err != nil {
			return err
		}
	}
	e.whole, e.split = append(e.whole, part...), true
	e.place, e.done, e.stack = Place{}, false, nil
	return nil
}

// fbreg pushes an address relative to the frame base.
func (e *expression) fbreg(off int64) error {
	if len(e.fn.frameBase) == 0 {
		return optimizedOut("the frame base is not known")
	}
	inner, err := e.deeper(e.fn, e.f)
	if err != nil {
		return err
	}
	base, err := inner.number(e.fn.frameBase)
	if err != nil {
		return fmt.Errorf("frame base: %w", err)
	}
	e.push(base + uint64(off))
	return nil
}

// deeper gives a locator for an expression that this one needs.
func (l *locator) deeper(fn *function, f *Frame) (*locator, error) {
	if l.depth == maxExprDepth {
		return nil, optimizedOut("it rests on too many other values")
	}
	return &locator{fn: fn, f: f, depth: l.depth + 1, left: l.left}, nil
}
