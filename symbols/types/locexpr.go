package types

import (
	"encoding/binary"
	"fmt"

	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
	"ktrap/symbols/dwarfx"
)

// Operations that only location expressions have, or whose operands must be
// known to pass over them.
// Source: DWARF 5, section 7.7.1.
const (
	opConst1u       = 0x08
	opConst8s       = 0x0f
	opConstu        = 0x10
	opConsts        = 0x11
	opPick          = 0x15
	opPlusUconst    = 0x23
	opBra           = 0x28
	opSkip          = 0x2f
	opReg0          = 0x50
	opReg31         = 0x6f
	opBreg0         = 0x70
	opBreg31        = 0x8f
	opRegx          = 0x90
	opFbreg         = 0x91
	opBregx         = 0x92
	opPiece         = 0x93
	opDerefSize     = 0x94
	opNop           = 0x96
	opCallFrameCFA  = 0x9c
	opImplicitValue = 0x9e
	opStackValue    = 0x9f
	opAddrx         = 0xa1
	opConstx        = 0xa2
)

// locator runs one location expression. What cfi.Eval knows is collected, with
// frame base, CFA and addresses put in as constants, and evaluated by it.
type locator struct {
	l     *Local
	f     *Frame
	depth int
	b     dwarfx.Buf
	code  []byte // collected, to be evaluated
	place Place  // of the piece at hand
	done  bool   // place is known without code
	whole []byte // pieces so far
	split bool   // the variable is in pieces
}

// maxFrameBases bounds expressions that need the value of another one.
const maxFrameBases = 2

func (l *Local) run(expr []byte, f *Frame, size int64, depth int) (Place, error) {
	r := locator{l: l, f: f, depth: depth, b: dwarfx.NewBuf("location expression", expr, 0)}
	for r.b.Len() > 0 {
		if err := r.step(r.b.U8()); err != nil {
			return Place{}, err
		}
	}
	if err := r.b.Err(); err != nil {
		return Place{}, err
	}
	if r.split {
		if int64(len(r.whole)) < size {
			return Place{}, ErrOptimizedOut
		}
		return Place{Bytes: r.whole}, nil
	}
	if err := r.settle(); err != nil {
		return Place{}, err
	}
	if !r.place.InMemory {
		r.place.Bytes = fit(r.place.Bytes, size)
	}
	return r.place, nil
}

// step takes one operation.
func (r *locator) step(op byte) error {
	switch {
	case op >= opReg0 && op <= opReg31:
		return r.inRegister(uint64(op - opReg0))
	case op == opRegx:
		return r.inRegister(r.b.Uleb())
	case op == opFbreg:
		return r.fbreg(r.b.Sleb())
	case op == opCallFrameCFA:
		return r.pushCFA()
	case op == opAddr:
		r.pushAddress(r.b.U64())
	case op == opAddrx, op == opConstx:
		a, ok := r.l.unit.Address(dwarfx.Value{Form: dwarfx.FormAddrx, U: r.b.Uleb()})
		if !ok {
			return ErrOptimizedOut
		}
		r.pushAddress(a)
	case op == opPiece:
		return r.piece(r.b.Uleb())
	case op == opImplicitValue:
		r.place, r.done = Place{Bytes: r.b.Bytes(r.b.Uleb())}, true
	case op == opStackValue:
		return r.stackValue()
	default:
		return r.pass(op)
	}
	return nil
}

// pass collects an operation that cfi.Eval runs. Jumps are not among them:
// what is put in changes the distances. Neither are entry values and typed
// operations: a variable that needs them counts as optimized out.
func (r *locator) pass(op byte) error {
	r.code = append(r.code, op)
	switch {
	case op >= opConst1u && op <= opConst8s:
		r.code = append(r.code, r.b.Bytes(1<<((op-opConst1u)/2))...)
	case op == opConstu, op == opPlusUconst:
		r.code = binary.AppendUvarint(r.code, r.b.Uleb())
	case op == opConsts, op >= opBreg0 && op <= opBreg31:
		r.code = appendSleb(r.code, r.b.Sleb())
	case op == opBregx:
		r.code = binary.AppendUvarint(r.code, r.b.Uleb())
		r.code = appendSleb(r.code, r.b.Sleb())
	case op == opPick, op == opDerefSize:
		r.code = append(r.code, r.b.U8())
	case op == opBra, op == opSkip, op > opBregx && op != opNop:
		return ErrOptimizedOut
	}
	return nil
}

func appendSleb(dst []byte, v int64) []byte {
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(dst, c)
		}
		dst = append(dst, c|0x80)
	}
}

func (r *locator) push(u uint64) {
	r.code = binary.LittleEndian.AppendUint64(append(r.code, opAddr), u)
}

// pushAddress pushes a link address, as the run-time address it has become.
func (r *locator) pushAddress(a uint64) {
	if r.f.Run != nil {
		a = uint64(r.f.Run(addr.LinkAddr(a)))
	}
	r.push(a)
}

func (r *locator) pushCFA() error {
	if r.f.CFA == 0 {
		return fmt.Errorf("frame address not known: %w", ErrOptimizedOut)
	}
	r.push(uint64(r.f.CFA))
	return nil
}

// fbreg pushes an address relative to the frame base.
func (r *locator) fbreg(off int64) error {
	if r.depth == maxFrameBases || len(r.l.frameBase) == 0 {
		return ErrOptimizedOut
	}
	base, err := r.l.run(r.l.frameBase, r.f, 8, r.depth+1)
	switch {
	case err != nil:
		return fmt.Errorf("frame base: %w", err)
	case base.InMemory:
		r.push(uint64(base.Addr) + uint64(off))
	default: // DW_OP_reg: the frame base is the register's content
		r.push(binary.LittleEndian.Uint64(fit(base.Bytes, 8)) + uint64(off))
	}
	return nil
}

func (r *locator) inRegister(n uint64) error {
	b, err := r.f.register(n)
	r.place, r.done = Place{Bytes: b}, true
	return err
}

// eval runs what was collected.
func (r *locator) eval() (uint64, error) {
	regs := r.f.Regs
	if regs == nil {
		regs = new(cfi.Regs)
	}
	u, err := cfi.Eval(r.code, regs, r.f.deref)
	r.code = nil
	return u, err
}

func (r *locator) stackValue() error {
	u, err := r.eval()
	r.place, r.done = Place{Bytes: word(u)}, true
	return err
}

// settle makes the place of the piece at hand known.
func (r *locator) settle() error {
	switch {
	case r.done:
		return nil
	case len(r.code) == 0:
		return ErrOptimizedOut
	}
	a, err := r.eval()
	r.place, r.done = Place{InMemory: true, Addr: addr.Addr(a)}, true
	return err
}

// piece ends one part of a variable that is in several places. One that is
// nowhere makes the whole unknown.
func (r *locator) piece(size uint64) error {
	if size > maxPlace || uint64(len(r.whole))+size > maxPlace {
		return fmt.Errorf("piece of %d bytes: %w", size, ErrOptimizedOut)
	}
	if err := r.settle(); err != nil {
		return err
	}
	part := fit(r.place.Bytes, int64(size))
	if r.place.InMemory {
		if r.f.Memory == nil {
			return ErrOptimizedOut
		}
		if err := r.f.Memory.ReadMemory(part, r.place.Addr); err != nil {
			return fmt.Errorf("read piece at %v: %w", r.place.Addr, err)
		}
	}
	r.whole, r.split = append(r.whole, part...), true
	r.place, r.done, r.code = Place{}, false, nil
	return nil
}
