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
