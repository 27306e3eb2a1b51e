package target

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"

	"ktrap/rsp"
	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
)

// Bits of control registers and selectors that say how a CPU reads memory.
const (
	cr0Paging  = 1 << 31
	cr4LA57    = 1 << 12
	eferLMA    = 1 << 10
	cplMask    = 3
	ptiPair    = 1 << 12 // which table of the pair CR3 names, under page-table isolation
	cr3TopMask = 0x000ffffffffff000
)

// Regs is the register set of one CPU at one stop.
type Regs struct {
	desc *Description
	raw  []byte
}

// Get returns a register of up to 64 bits by the name target.xml gives it.
// Shape: false when there is no such register, it is wider, or the stub's
// answer was too short to hold it.
func (r *Regs) Get(name string) (uint64, bool) {
	raw, ok := r.Bytes(name)
	if !ok || len(raw) > 8 {
		return 0, false
	}
	var b [8]byte
	copy(b[:], raw)
	return binary.LittleEndian.Uint64(b[:]), true
}

// Bytes returns a register of any width, in target byte order.
func (r *Regs) Bytes(name string) ([]byte, bool) {
	reg, ok := r.desc.Lookup(name)
	if !ok || reg.Offset+reg.size() > len(r.raw) {
		return nil, false
	}
	return r.raw[reg.Offset : reg.Offset+reg.size()], true
}

// All yields every register the stub answered, in the stub's order.
func (r *Regs) All() iter.Seq2[Register, []byte] {
	return func(yield func(Register, []byte) bool) {
		for _, reg := range r.desc.Registers {
			if raw, ok := r.Bytes(reg.Name); ok && !yield(reg, raw) {
				return
			}
		}
	}
}

// CFI is the part of the registers an unwinder follows.
func (r *Regs) CFI() cfi.Regs {
	var out cfi.Regs
	for n := range cfi.NumRegs {
		if v, ok := r.Get(n.String()); ok {
			out.Set(n, v)
		}
	}
	return out
}

// PC is the instruction pointer, 0 if unknown.
func (r *Regs) PC() addr.Addr { v, _ := r.Get("rip"); return addr.Addr(v) }

// SP is the stack pointer, 0 if unknown.
func (r *Regs) SP() addr.Addr { v, _ := r.Get("rsp"); return addr.Addr(v) }

// UserMode reports whether the CPU executes user code.
func (r *Regs) UserMode() bool { v, _ := r.Get("cs"); return v&cplMask != 0 }

// LongMode reports whether the CPU runs 64-bit code through page tables. It
// does not before the kernel (or its other CPUs) came up.
func (r *Regs) LongMode() bool {
	cr0, _ := r.Get("cr0")
	efer, ok := r.Get("efer")
	return cr0&cr0Paging != 0 && (!ok || efer&eferLMA != 0)
}

// ShowsKernel reports whether the CPU sees the kernel's memory: in user mode it
// may be hidden.
func (r *Regs) ShowsKernel() bool { return r.LongMode() && !r.UserMode() }

// levels is the depth of the page tables.
func (r *Regs) levels() int {
	if cr4, _ := r.Get("cr4"); cr4&cr4LA57 != 0 {
		return 5
	}
	return 4
}

// Description reads target.xml once.
func (t *Target) Description(ctx context.Context) (*Description, error) {
	if t.desc != nil {
		return t.desc, nil
	}
	desc, err := ParseDescription(func(annex string) ([]byte, error) {
		return t.stub.Xfer(ctx, "features", annex)
	})
	if err != nil {
		return nil, fmt.Errorf("read register description: %w", err)
	}
	t.desc = desc
	return desc, nil
}

// Regs reads the registers of a CPU, once per stop.
func (t *Target) Regs(ctx context.Context, c CPU) (*Regs, error) {
	s := t.now()
	if r := s.regs[c.Thread]; r != nil {
		return r, nil
	}
	desc, err := t.Description(ctx)
	if err != nil {
		return nil, err
	}
	raw, err := t.stub.ReadRegisters(ctx, c.Thread)
	if err != nil {
		return nil, fmt.Errorf("read registers of thread %v: %w", c.Thread, t.explain(s, err))
	}
	if !t.fresh(s) {
		return nil, fmt.Errorf("read registers of thread %v: %w", c.Thread, ErrStale)
	}
	r := &Regs{desc: desc, raw: raw}
	s.regs[c.Thread] = r
	return r, nil
}

// Learn keeps what somebody else has read of a CPU's registers in this stop, when
// nobody held the lease yet, and gives them; nil while no description was read.
func (t *Target) Learn(id rsp.ThreadID, raw []byte) *Regs {
	if t.desc == nil {
		return nil
	}
	r := &Regs{desc: t.desc, raw: raw}
	t.now().regs[id] = r
	return r
}

// Learnt gives what is known of a CPU's registers in this stop as the stub sent it, nil
// if nothing is. It is for whoever is about to resume the guest.
func (t *Target) Learnt(id rsp.ThreadID) []byte {
	if r := t.now().regs[id]; r != nil {
		return r.raw
	}
	return nil
}

// WriteRegister changes one register of a CPU.
func (t *Target) WriteRegister(ctx context.Context, c CPU, name string, v uint64) error {
	desc, err := t.Description(ctx)
	if err != nil {
		return err
	}
	reg, ok := desc.Lookup(name)
	if !ok || reg.size() > 8 {
		return fmt.Errorf("write register %q: no such register of 64 bits or less", name)
	}
	var raw [8]byte
	binary.LittleEndian.PutUint64(raw[:], v)
	s := t.now()
	delete(s.regs, c.Thread)
	s.window, s.windowKnown, s.pages = nil, false, pageCache{} // CR3, CR4 or CS may be what was written
	t.ahead.end(s.epoch)
	if err := t.stub.WriteRegister(ctx, c.Thread, reg.Num, raw[:reg.size()]); err != nil {
		return fmt.Errorf("write register %q of thread %v: %w", name, c.Thread, t.explain(s, err))
	}
	return nil
}
