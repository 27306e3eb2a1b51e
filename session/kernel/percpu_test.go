package kernel

import (
	"fmt"
	"testing"

	"ktrap/symbols/addr"
)

// cpuGuest has two CPUs with per-CPU data.
func cpuGuest() (*guest, [2]addr.Addr) {
	g := newGuest()
	g.layouts = fakeLayouts{
		"pcpu_hot":             {64, map[string][2]int64{"current_task": {0, 8}, "hardirq_stack_ptr": {16, 8}}},
		"irq_stack":            {16384, nil},
		"thread_union":         {16384, nil},
		"cea_exception_stacks": {0x9000, map[string][2]int64{"DF_stack": {0x1000, 0x2000}, "NMI_stack": {0x4000, 0x2000}}},
		"cpu_entry_area":       {0x40000, map[string][2]int64{"entry_stack_page": {0x1000, 0x1000}, "estacks": {0x7000, 0x9000}}},
	}
	table := g.static("__per_cpu_offset")
	var base [2]addr.Addr
	for i := range base {
		base[i] = g.alloc(0x400)
		g.put64(table+addr.Addr(8*i), uint64(base[i]))
	}
	return g, base
}

func TestPerCPUVariablesOfEveryKernel(t *testing.T) {
	t.Run("linked at zero", func(t *testing.T) {
		g, base := cpuGuest()
		g.img.syms["current_task"] = 0x80
		if a, err := g.PerCPU(t.Context(), "current_task", 1); err != nil || a != base[1]+0x80 {
			t.Errorf("got %v, %v", a, err)
		}
	})
	t.Run("in the image, since 6.15", func(t *testing.T) {
		g, base := cpuGuest()
		start := addr.LinkAddr(0xffffffff83000000)
		g.img.syms["current_task"] = start + 0x80
		table, _ := g.Kernel.Symbol("__per_cpu_offset")
		g.put64(table+8, uint64(base[1])-uint64(testSlide.Run(start)))
		if a, err := g.PerCPU(t.Context(), "current_task", 1); err != nil || a != base[1]+0x80 {
			t.Errorf("got %v, %v", a, err)
		}
	})
	g, _ := cpuGuest()
	for _, cpu := range []int{-1, maxCPUs} {
		if _, err := g.PerCPU(t.Context(), "linux_banner", cpu); err == nil {
			t.Errorf("CPU %d has an address", cpu)
		}
	}
	if _, err := g.PerCPU(t.Context(), "nothing", 0); err == nil {
		t.Error("a symbol that does not exist has an address")
	}
}

func TestCurrentIsASymbolOrAMemberOfPcpuHot(t *testing.T) {
	for _, name := range []string{"current_task", "pcpu_hot"} {
		g, base := cpuGuest()
		g.img.syms[name] = 0x40
		g.put64(base[1]+0x40, 0xffff888000abc000)
		if a, err := g.currentAddr(g.fakeMemory, 1); err != nil || a != 0xffff888000abc000 {
			t.Errorf("%s: %v, %v", name, a, err)
		}
		if _, err := g.currentAddr(g.fakeMemory, 0); err == nil {
			t.Errorf("%s: a null pointer is a task", name)
		}
	}
	g, _ := cpuGuest()
	if _, err := g.currentAddr(g.fakeMemory, 0); err == nil {
		t.Error("current was found without a symbol")
	}
}

func TestOnlineCPUsAreTheBitsOfTheMask(t *testing.T) {
	g := newGuest()
	if list, err := g.Online(t.Context()); err != nil || fmt.Sprint(list) != "[0]" {
		t.Errorf("without SMP: %v, %v", list, err)
	}
	g.variable("__per_cpu_offset", 0)
	if _, err := g.Online(t.Context()); err == nil {
		t.Error("CPUs were counted without a mask")
	}
	mask := g.static("__cpu_online_mask")
	g.put64(mask, 0x8000000000000005)
	g.put64(mask+8, 1)
	g.variable("nr_cpu_ids", 65)
	if list, err := g.Online(t.Context()); err != nil || fmt.Sprint(list) != "[0 2 63 64]" {
		t.Errorf("got %v, %v", list, err)
	}
	g.variable("nr_cpu_ids", 0xffffffff)
	if list, err := g.Online(t.Context()); err != nil || len(list) != 3 {
		t.Errorf("with a count of garbage: %v, %v", list, err)
	}
}

func TestStacksHaveTheNamesOfTheKernelsTraces(t *testing.T) {
	g, base := cpuGuest()
	for i, name := range []string{"pcpu_hot", "cea_exception_stacks"} {
		g.img.syms[name] = addr.LinkAddr(0x40 * (i + 1))
	}
	g.put64(base[1]+0x50, 0xffffc90000007ff8) // one word below the top
	g.put64(base[1]+0x80, 0xfffffe0000100000)
	list, err := g.cpuStacks(g.fakeMemory, 1)
	want := []Stack{
		{"IRQ", 0xffffc90000004000, 0xffffc90000008000},
		{"#DF", 0xfffffe0000101000, 0xfffffe0000103000}, {"NMI", 0xfffffe0000104000, 0xfffffe0000106000},
		{"ENTRY_TRAMPOLINE", 0xfffffe00000fa000, 0xfffffe00000fb000},
	}
	if err != nil || fmt.Sprint(list) != fmt.Sprint(want) {
		t.Errorf("got %v, %v; want %v", list, err, want)
	}
	if list, err = g.cpuStacks(g.fakeMemory, 0); err == nil || len(list) != 0 {
		t.Errorf("of a CPU without stacks: %v, %v", list, err)
	}
	if s, err := g.TaskStack(Task{Stack: 0xffffc90000010000}); err != nil || s.High != 0xffffc90000014000 {
		t.Errorf("stack of a task: %v, %v", s, err)
	}
	g.img.syms["__start_init_task"], g.img.syms["__end_init_task"] = 0xffffffff82a00000, 0xffffffff82a08000
	if size, err := g.ThreadSize(); err != nil || size != 32<<10 {
		t.Errorf("size by the linker script: %d, %v", size, err)
	}
	g.img.syms["__end_init_task"] = 0xffffffff82a00001
	if _, err := g.ThreadSize(); err == nil {
		t.Error("a stack of one byte was believed")
	}
}

func TestHealthTellsACrashThatHappened(t *testing.T) {
	g := newGuest()
	h, err := g.Health(t.Context())
	if err != nil || h.Crashed() || len(h.Unknown) != 5 {
		t.Errorf("without symbols: %+v, %v", h, err)
	}
	g.variable("panic_cpu", 0xffffffff)
	for _, n := range []string{"die_counter", "oops_in_progress", "warn_count"} {
		g.variable(n, 0)
	}
	g.variable("tainted_mask", 1<<12)
	if h, err = g.Health(t.Context()); err != nil || h.Crashed() || h.Taint != 1<<12 || len(h.Unknown) != 0 {
		t.Errorf("healthy: %+v, %v", h, err)
	}
	g.variable("die_counter", 2)
	if h, err = g.Health(t.Context()); err != nil || !h.Crashed() || h.Dies != 2 {
		t.Errorf("after oopses: %+v, %v", h, err)
	}
	g.variable("panic_cpu", 1)
	if h, err = g.Health(t.Context()); err != nil || !h.Panicked || h.PanicCPU != 1 {
		t.Errorf("after a panic: %+v, %v", h, err)
	}
	clear(g.fakeMemory)
	if _, err = g.Health(t.Context()); err == nil {
		t.Error("unreadable counters gave no error")
	}
}

func TestTheKernelsORCTableIsTheFilesIfSorted(t *testing.T) {
	sorted := []byte{0, 0, 0, 0, 0, 0, 0, 0}
	unsorted := []byte{9, 0, 0, 0, 0, 0, 0, 0}
	g := newGuest()
	if _, err := g.VmlinuxORC(t.Context()); err == nil {
		t.Error("a kernel without tables has one")
	}
	at := g.static("__start_orc_unwind_ip")
	g.img.syms["__stop_orc_unwind_ip"] = testSlide.Link(at + 8)
	g.put(at, []byte("guest ip"))
	g.put(g.static("__start_orc_unwind"), []byte("guest entries"))
	g.img.sect[".orc_unwind_ip"], g.img.sect[".orc_unwind"] = sorted, make([]byte, 12)
	g.img.sect[".orc_header"] = []byte("hash")
	if o, err := g.VmlinuxORC(t.Context()); err != nil || o.Run || o.IPBase != uint64(testSlide.Link(at)) || string(o.Header) != "hash" {
		t.Errorf("sorted: %+v, %v", o, err)
	}
	g.img.sect[".orc_unwind_ip"] = unsorted
	o, err := g.VmlinuxORC(t.Context())
	if err != nil || !o.Run || string(o.IP) != "guest ip" || string(o.Entries) != "guest entrie" || o.IPBase != uint64(at) {
		t.Errorf("not sorted: %+v, %v", o, err)
	}
}
