package kernel

import (
	"context"

	"ktrap/symbols/addr"
)

// PerCPUAddr gives the address of a CPU's copy of the per-CPU variable whose
// symbol stands at a, a run-time address (or near zero, before 6.15).
func (k *Kernel) PerCPUAddr(ctx context.Context, a addr.Addr, cpu int) (addr.Addr, error) {
	off, err := k.cpuOffset(k.memory(ctx), cpu)
	if err != nil {
		return 0, err
	}
	return a + addr.Addr(off), nil
}

// IsPerCPU reports whether a is the symbol of a per-CPU variable rather than
// one of its copies.
func (k *Kernel) IsPerCPU(a addr.Addr) bool {
	start, ok1 := link(k.image, "__per_cpu_start")
	end, ok2 := link(k.image, "__per_cpu_end")
	return ok1 && ok2 && a >= k.perCPULink(start) && a < k.perCPULink(end)
}

// SlidPerCPU undoes what a debugger does to per-CPU variables that are linked at
// zero: it moves them with the rest of vmlinux. An address that is a slid symbol
// becomes that CPU's copy of the variable; one that is such a symbol plus the offset
// of some CPU becomes the copy of that one. False: it is neither, which all
// addresses are for kernels from 6.15 on.
func (k *Kernel) SlidPerCPU(ctx context.Context, a addr.Addr, cpu int) (addr.Addr, bool) {
	start, ok1 := link(k.image, "__per_cpu_start")
	end, ok2 := link(k.image, "__per_cpu_end")
	if !ok1 || !ok2 || start >= kernelImage {
		return 0, false
	}
	slid := func(a addr.Addr) (addr.Addr, bool) {
		at := a - addr.Addr(k.Slide)
		return at, at >= addr.Addr(start) && at < addr.Addr(end)
	}
	m := k.memory(ctx)
	if at, ok := slid(a); ok {
		off, err := k.cpuOffset(m, cpu)
		return at + addr.Addr(off), err == nil
	}
	online, err := k.Online(ctx)
	if err != nil {
		return 0, false
	}
	for _, c := range online {
		off, err := k.cpuOffset(m, c)
		if err != nil {
			return 0, false
		}
		if at, ok := slid(a - addr.Addr(off)); ok {
			return at + addr.Addr(off), true
		}
	}
	return 0, false
}
