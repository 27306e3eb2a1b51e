package kernel

import (
	"testing"

	"ktrap/symbols/addr"
)

func TestAPerCPUVariableThatADebuggerHasMovedIsFound(t *testing.T) {
	g, base := cpuGuest()
	g.img.syms["__per_cpu_start"], g.img.syms["__per_cpu_end"] = 0, 0x1000
	g.put64(g.static("__cpu_online_mask"), 3)
	slid := addr.Addr(testSlide) + 0x80
	for a, want := range map[addr.Addr]addr.Addr{
		slid:                        base[1] + 0x80, // &current_task
		slid + base[0]:              base[0] + 0x80, // &current_task + __per_cpu_offset[0]
		slid + base[1]:              base[1] + 0x80,
		addr.Addr(testSlide) - 1:    0,
		addr.Addr(testSlide):        base[1],
		addr.Addr(testSlide) + 4096: base[1] + 4096, // the first of a module's
		addr.Addr(testSlide) + 4096 + moduleReserve: 0,
		0x80:           0,
		base[1] + 0x80: 0, // where it really is
	} {
		got, ok := g.SlidPerCPU(t.Context(), a, 1)
		if ok != (want != 0) || ok && got != want {
			t.Errorf("%v: %v, %v, want %v", a, got, ok, want)
		}
	}
	g, _ = cpuGuest()
	g.img.syms["__per_cpu_start"], g.img.syms["__per_cpu_end"] = 0xffffffff83000000, 0xffffffff83001000
	if got, ok := g.SlidPerCPU(t.Context(), slid, 1); ok {
		t.Errorf("in an image with its own per-CPU data: %v", got)
	}
}

func TestAPerCPUVariableInTheImageIsReadWhereACPUHasItsOwn(t *testing.T) {
	g, base := cpuGuest()
	if got, ok := g.ImagePerCPU(t.Context(), addr.Addr(testSlide)+0x80, 1); ok {
		t.Errorf("of a kernel that links them at zero: %v", got)
	}
	g, base = cpuGuest()
	g.img.syms["__per_cpu_start"], g.img.syms["__per_cpu_end"] = 0xffffffff83000000, 0xffffffff83001000
	first := testSlide.Run(0xffffffff83000000)
	for a, want := range map[addr.Addr]addr.Addr{
		first: first + base[1], first + 0xfff: first + 0xfff + base[1],
		first + 0x1000: first + 0x1000 + base[1], // a module's
		first - 1:      0, first + 0x1000 + moduleReserve: 0,
		first + base[1]: 0, // where it really is
	} {
		got, ok := g.ImagePerCPU(t.Context(), a, 1)
		if ok != (want != 0) || ok && got != want {
			t.Errorf("%v: %v, %v, want %v", a, got, ok, want)
		}
	}
}

func TestThePerCPUSectionOfAModuleIsPutBesideTheKernels(t *testing.T) {
	g, _ := cpuGuest()
	m := &Module{PerCPU: 0x1040}
	if got, ok := g.ModulePerCPU(m); ok {
		t.Errorf("of a kernel without per-CPU data: %v", got)
	}
	g.img.syms["__per_cpu_start"] = 0
	if got, ok := g.ModulePerCPU(m); !ok || got != addr.Addr(testSlide)+0x1040 {
		t.Errorf("%v, %v", got, ok)
	}
	if got, ok := g.ModulePerCPU(new(Module)); ok {
		t.Errorf("of a module that has none: %v", got)
	}
	g.img.syms["__per_cpu_start"] = 0xffffffff83000000
	m.PerCPU = testSlide.Run(0xffffffff83001040)
	if got, ok := g.ModulePerCPU(m); !ok || got != m.PerCPU {
		t.Errorf("in the image: %v, %v", got, ok)
	}
}

func TestCodeOfTheSchedulerAndTheLocksSaysNotWhyATaskSleeps(t *testing.T) {
	g := newGuest()
	for name, a := range map[string]addr.LinkAddr{
		"__sched_text_start": 0xffffffff81800000, "__sched_text_end": 0xffffffff81801000,
		"__lock_text_start": 0xffffffff81801000, "__lock_text_end": 0xffffffff81802000,
	} {
		g.img.syms[name] = a
	}
	for a, want := range map[addr.LinkAddr]bool{
		0xffffffff817fffff: false, 0xffffffff81800000: true, 0xffffffff81801fff: true, 0xffffffff81802000: false,
	} {
		if g.InScheduler(testSlide.Run(a)) != want {
			t.Errorf("%v: %v", a, !want)
		}
	}
}
