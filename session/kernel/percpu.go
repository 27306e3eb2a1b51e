package kernel

import (
	"context"
	"errors"
	"fmt"
	"math/bits"

	"ktrap/session/target"
	"ktrap/symbols/addr"
)

// maxCPUs is the largest CONFIG_NR_CPUS there is.
const maxCPUs = 8192

// cpuOffset reads __per_cpu_offset of a CPU, by the kernel's number.
func (k *Kernel) cpuOffset(m target.Memory, cpu int) (uint64, error) {
	table, ok := k.Symbol("__per_cpu_offset")
	if !ok {
		return 0, nil // a kernel for one CPU
	}
	if cpu < 0 || cpu >= maxCPUs {
		return 0, fmt.Errorf("no CPU has number %d", cpu)
	}
	off, err := readUint(m, table+addr.Addr(8*cpu), 8)
	if err != nil {
		return 0, fmt.Errorf("read per-CPU offset of CPU %d: %w", cpu, err)
	}
	return off, nil
}

// perCPULink is the address of a per-CPU variable before the CPU's offset is
// added. Until 6.14 per-CPU data is linked at 0 and does not move with KASLR,
// since 6.15 it lies in the image and does.
func (k *Kernel) perCPULink(a addr.LinkAddr) addr.Addr {
	if a >= kernelImage {
		return k.Slide.Run(a)
	}
	return addr.Addr(a)
}

// perCPU gives the address of a per-CPU variable for a CPU.
func (k *Kernel) perCPU(m target.Memory, a addr.LinkAddr, cpu int) (addr.Addr, error) {
	off, err := k.cpuOffset(m, cpu)
	if err != nil {
		return 0, err
	}
	return k.perCPULink(a) + addr.Addr(off), nil
}

// PerCPU gives the address of a CPU's copy of a per-CPU variable. cpu is the
// kernel's number.
func (k *Kernel) PerCPU(ctx context.Context, name string, cpu int) (addr.Addr, error) {
	a, ok := link(k.image, name)
	if !ok {
		return 0, fmt.Errorf("no symbol %s", name)
	}
	return k.perCPU(k.memory(ctx), a, cpu)
}

// perCPUVar finds a variable that is either a per-CPU symbol of its own or,
// from 6.2 to 6.14, a member of the per-CPU struct pcpu_hot.
func (k *Kernel) perCPUVar(m target.Memory, member string, cpu int, symbols ...string) (addr.Addr, error) {
	at, err := k.perCPUVarLink(member, symbols...)
	if err != nil {
		return 0, err
	}
	off, err := k.cpuOffset(m, cpu)
	return at + addr.Addr(off), err
}

// perCPUVarLink is perCPUVar before the CPU's offset is added.
func (k *Kernel) perCPUVarLink(member string, symbols ...string) (addr.Addr, error) {
	if a, ok := link(k.image, symbols...); ok {
		return k.perCPULink(a), nil
	}
	hot, ok := link(k.image, "pcpu_hot")
	if !ok {
		return 0, fmt.Errorf("find per-CPU %s: neither the symbol nor pcpu_hot exists", member)
	}
	s, err := shapeOf(k.layouts, "pcpu_hot", member)
	if err == nil {
		err = s.need(member)
	}
	if err != nil {
		return 0, fmt.Errorf("find per-CPU %s: %w", member, err)
	}
	return k.perCPULink(hot) + s.off(member), nil
}

// CPUNumber gives the kernel's number of a stub's CPU. It is the index, but
// for unusual machines: then the base of the per-CPU data, which is in one of
// the GS registers, tells.
func (k *Kernel) CPUNumber(ctx context.Context, c target.CPU) (int, error) {
	n, _, err := k.numberOf(ctx, c)
	return n, err
}

// numberOf gives the number of a CPU and the offset of its per-CPU data. What was
// read of that before is not read again if GS says the same: after a reboot it is what
// another kernel has left.
func (k *Kernel) numberOf(ctx context.Context, c target.CPU) (n int, off uint64, err error) {
	r, err := k.target.Regs(ctx, c)
	if err != nil {
		return 0, 0, err
	}
	gs, _ := r.Get("gs_base")
	swapped, _ := r.Get("k_gs_base")
	return k.numberBy(ctx, c.Index, func(off uint64) bool { return off != 0 && (off == gs || off == swapped) })
}

// numberBy is numberOf for the CPU with an index; inUse compares an offset with its
// GS registers.
func (k *Kernel) numberBy(ctx context.Context, index int, inUse func(off uint64) bool) (n int, off uint64, err error) {
	if off := k.offsets[index]; inUse(off) {
		return index, off, nil
	}
	m := k.memory(ctx)
	own, err := k.cpuOffset(m, index)
	if err != nil {
		return 0, 0, err
	}
	if inUse(own) {
		if k.offsets == nil {
			k.offsets = make(map[int]uint64)
		}
		k.offsets[index] = own
		return index, own, nil
	}
	online, err := k.Online(ctx)
	if err != nil {
		return index, own, nil // without the mask the index is the best there is
	}
	for _, n := range online {
		if off, err := k.cpuOffset(m, n); err == nil && inUse(off) {
			return n, off, nil
		}
	}
	return index, own, nil
}

// Online lists the numbers of the CPUs that are online.
func (k *Kernel) Online(ctx context.Context) ([]int, error) {
	m := k.memory(ctx)
	mask, ok := k.Symbol("__cpu_online_mask")
	if !ok {
		if _, smp := k.Symbol("__per_cpu_offset"); !smp {
			return []int{0}, nil
		}
		return nil, errors.New("find CPUs: no symbol __cpu_online_mask")
	}
	ids, ok, err := k.word(m, "nr_cpu_ids", 4)
	if err != nil {
		return nil, err
	}
	if !ok || ids == 0 || ids > maxCPUs {
		ids = 64
	}
	var out []int
	for base := 0; base < int(ids); base += 64 {
		w, err := readUint(m, mask+addr.Addr(base/8), 8)
		if err != nil {
			return nil, fmt.Errorf("read __cpu_online_mask: %w", err)
		}
		for ; w != 0; w &= w - 1 {
			out = append(out, base+bits.TrailingZeros64(w))
		}
	}
	return out, nil
}
