package kernel

import (
	"context"
	"slices"
	"testing"

	"ktrap/session/target"
	"ktrap/symbols/addr"
)

func TestTheOffsetOfACPUIsReadAgainWhenItsGSSaysSo(t *testing.T) {
	g, base := cpuGuest()
	reads := 0
	g.view = func(ctx context.Context) target.Memory { reads++; return g.fakeMemory }
	number := func(index int, gs addr.Addr) (int, addr.Addr) {
		t.Helper()
		n, off, err := g.numberBy(t.Context(), index, func(off uint64) bool { return off != 0 && off == uint64(gs) })
		if err != nil {
			t.Fatal(err)
		}
		return n, addr.Addr(off)
	}
	for range 2 {
		if n, off := number(1, base[1]); n != 1 || off != base[1] || reads != 1 {
			t.Errorf("CPU %d at %#x, table looked at %d times", n, uint64(off), reads)
		}
	}
	moved := g.alloc(0x400) // of a kernel that has booted since
	table, _ := g.Kernel.Symbol("__per_cpu_offset")
	g.put64(table+8, uint64(moved))
	if n, off := number(1, moved); n != 1 || off != moved || reads != 2 {
		t.Errorf("after a reboot: CPU %d at %#x, table looked at %d times", n, uint64(off), reads)
	}
	if n, off := number(1, 0x1234); n != 1 || off != moved {
		t.Errorf("no CPU has such a GS: CPU %d at %#x", n, uint64(off))
	}
	g.put64(g.static("__cpu_online_mask"), 3)
	g.variable("nr_cpu_ids", 2)
	if n, off := number(0, moved); n != 1 || off != moved {
		t.Errorf("CPUs the other way round: CPU %d at %#x", n, uint64(off))
	}
}

func TestTheRunnerIsReadInTwoQuestionsThatWereForeseen(t *testing.T) {
	g, base := cpuGuest()
	g.layouts.(fakeLayouts)["task_struct"] = fakeLayout{2048, map[string][2]int64{"pid": {0x400, 4}, "comm": {0x500, 16}}}
	g.img.syms["current_task"] = 0x40
	task := g.alloc(2048)
	g.put64(base[1]+0x40, uint64(task))
	g.put32(task+0x400, 42)
	g.put(task+0x500, []byte("sh\x1b\x00"))
	seen, err := g.Foresight()
	if err != nil {
		t.Fatal(err)
	}
	from, n := seen.Task(task)
	r := recorder{g.fakeMemory, nil}
	if got, err := g.runnerAt(&r, uint64(base[1])); err != nil || got != (Runner{task, 42, "sh?"}) {
		t.Errorf("runner %+v, %v", got, err)
	}
	if want := []asked{{seen.Current(uint64(base[1])), 8}, {from, n}}; !slices.Equal(r.asked, want) {
		t.Errorf("read %v, foreseen %v", r.asked, want)
	}
	if _, err := g.runnerAt(g.fakeMemory, uint64(base[0])); err == nil {
		t.Error("a null pointer is a task")
	}
}

type asked struct {
	at addr.Addr
	n  int
}

// recorder notes what is read.
type recorder struct {
	target.Memory
	asked []asked
}

func (r *recorder) ReadMemory(p []byte, a addr.Addr) error {
	r.asked = append(r.asked, asked{a, len(p)})
	return r.Memory.ReadMemory(p, a)
}
