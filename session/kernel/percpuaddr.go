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
	s := k.perCPUSection()
	return s.known && a >= k.perCPULink(s.start) && a < k.perCPULink(s.end)
}

// perCPUSection is where per-CPU variables are linked; known is false if the image does
// not say. gdb's reads of memory want it each time.
func (k *Kernel) perCPUSection() *perCPUSpan {
	if k.perCPUs == nil {
		start, ok1 := link(k.image, "__per_cpu_start")
		end, ok2 := link(k.image, "__per_cpu_end")
		k.perCPUs = &perCPUSpan{start, end, ok1 && ok2}
	}
	return k.perCPUs
}

type perCPUSpan struct {
	start, end addr.LinkAddr
	known      bool
}

// moduleReserve is the room behind the kernel's own per-CPU variables that those of
// modules are in.
// Source: linux include/linux/percpu.h, PERCPU_MODULE_RESERVE.
const moduleReserve = 8 << 10

// ModulePerCPU is where a debugger is to put the per-CPU section of a module, so that
// its variables are treated as those of the kernel: slid with it, until 6.14. False:
// the module has none.
func (k *Kernel) ModulePerCPU(m *Module) (addr.Addr, bool) {
	start, ok := link(k.image, "__per_cpu_start")
	switch {
	case !ok || m.PerCPU == 0:
		return 0, false
	case start >= kernelImage:
		return m.PerCPU, true
	}
	return m.PerCPU + addr.Addr(k.Slide), true
}

// InImagePerCPU reports whether a per-CPU variable lies at a in the kernel's image, as
// they do from 6.15 on: that is only what every copy began as, and the memory is
// somebody else's by now.
func (k *Kernel) InImagePerCPU(a addr.Addr) bool {
	s := k.perCPUSection()
	return s.known && s.start >= kernelImage && a >= k.Slide.Run(s.start) && a < k.Slide.Run(s.end)+moduleReserve
}

// ImagePerCPU gives a CPU's copy of the per-CPU variable at a. False: none lies there
// in the image.
func (k *Kernel) ImagePerCPU(ctx context.Context, a addr.Addr, cpu int) (addr.Addr, bool) {
	if !k.InImagePerCPU(a) {
		return 0, false
	}
	off, err := k.cpuOffset(k.memory(ctx), cpu)
	return a + addr.Addr(off), err == nil
}

// SlidPerCPU undoes what a debugger does to per-CPU variables that are linked at
// zero: it moves them with the rest of vmlinux. An address that is a slid symbol
// becomes that CPU's copy of the variable; one that is such a symbol plus the offset
// of some CPU becomes the copy of that one. False: it is neither, which all
// addresses are for kernels from 6.15 on; see ImagePerCPU.
func (k *Kernel) SlidPerCPU(ctx context.Context, a addr.Addr, cpu int) (addr.Addr, bool) {
	s := k.perCPUSection()
	if !s.known || s.start >= kernelImage {
		return 0, false
	}
	slid := func(a addr.Addr) (addr.Addr, bool) {
		at := a - addr.Addr(k.Slide)
		return at, at >= addr.Addr(s.start) && at < addr.Addr(s.end)+moduleReserve
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
