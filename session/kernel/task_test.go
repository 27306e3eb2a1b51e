package kernel

import (
	"errors"
	"strings"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
)

// taskLayouts is a small task_struct of 6.1's kind.
func taskLayouts() fakeLayouts {
	return fakeLayouts{
		"task_struct": {512, map[string][2]int64{
			"thread_info.cpu": {0, 4}, "__state": {24, 4}, "stack": {32, 8}, "flags": {44, 4}, "on_cpu": {52, 4},
			"tasks": {64, 16}, "mm": {80, 8}, "exit_state": {88, 4}, "pid": {96, 4}, "tgid": {100, 4},
			"thread_node": {112, 16}, "comm": {128, 16}, "signal": {144, 8}, "thread.sp": {400, 8},
		}},
		"signal_struct":       {64, map[string][2]int64{"thread_head": {16, 16}}},
		"thread_union":        {16384, nil},
		"inactive_task_frame": {56, map[string][2]int64{"r15": {0, 8}, "r14": {8, 8}, "r13": {16, 8}, "r12": {24, 8}, "bx": {32, 8}, "bp": {40, 8}, "ret_addr": {48, 8}}},
	}
}

// taskGuest is a guest with tasks.
type taskGuest struct {
	*guest
	task, signal *shape
}

func newTaskGuest(t *testing.T) *taskGuest {
	t.Helper()
	g := &taskGuest{guest: newGuest()}
	g.layouts = taskLayouts()
	var err error
	if g.task, err = shapeOf(g.layouts, "task_struct", taskFields...); err != nil {
		t.Fatal(err)
	}
	if g.signal, err = shapeOf(g.layouts, "signal_struct", "thread_head"); err != nil {
		t.Fatal(err)
	}
	g.variable("__cpu_online_mask", 1)
	g.variable("nr_cpu_ids", 1)
	return g
}

func (g *taskGuest) newTask(pid, tgid int, comm string) addr.Addr {
	a := g.alloc(512)
	g.setTask(a, pid, tgid, comm)
	return a
}

func (g *taskGuest) setTask(a addr.Addr, pid, tgid int, comm string) {
	g.put32(a+g.task.off("pid"), uint32(pid))
	g.put32(a+g.task.off("tgid"), uint32(tgid))
	g.put(a+g.task.off("comm"), []byte(comm))
	g.ring(a+g.task.off("thread_node"), nil, 0)
}

// ring links list heads: head, then a field of each element.
func (g *guest) ring(head addr.Addr, elems []addr.Addr, off addr.Addr) {
	at := head
	for _, e := range elems {
		g.put64(at, uint64(e+off))
		at = e + off
	}
	g.put64(at, uint64(head))
}

// process makes a leader with threads.
func (g *taskGuest) process(comm string, pids ...int) []addr.Addr {
	signal := g.alloc(64)
	var all []addr.Addr
	for _, pid := range pids {
		a := g.newTask(pid, pids[0], comm)
		g.put64(a+g.task.off("signal"), uint64(signal))
		all = append(all, a)
	}
	g.ring(signal+g.signal.off("thread_head"), all, g.task.off("thread_node"))
	return all
}

// populate makes swapper, an init process of one thread, and one of three.
func (g *taskGuest) populate() (init addr.Addr, leaders []addr.Addr) {
	init = g.static("init_task")
	g.setTask(init, 0, 0, "swapper/0")
	leaders = []addr.Addr{g.process("init", 1)[0], g.process("worker", 10, 11, 12)[0]}
	g.ring(init+g.task.off("tasks"), leaders, g.task.off("tasks"))
	return init, leaders
}

func pids(list []Task) []int {
	var out []int
	for _, t := range list {
		out = append(out, t.PID)
	}
	return out
}

func TestTasksAreLeadersEachWithItsThreads(t *testing.T) {
	g := newTaskGuest(t)
	g.populate()
	list, err := g.Tasks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := pids(list); !equal(got, []int{0, 1, 10, 11, 12}) {
		t.Errorf("pids are %v", got)
	}
	if list[3].TGID != 10 || list[3].Comm != "worker" || len(list[3].Unknown) != 0 {
		t.Errorf("a thread is %+v", list[3])
	}
}

func equal(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestIdleTasksOfOtherCPUsAreListed(t *testing.T) {
	g := newTaskGuest(t)
	init, _ := g.populate()
	idle := g.newTask(0, 0, "swapper/1")
	offsets := g.static("__per_cpu_offset")
	g.img.syms["idle_threads"] = 0x100 // linked at zero
	for cpu, task := range []addr.Addr{init, idle} {
		base := g.alloc(0x200)
		g.put64(offsets+addr.Addr(8*cpu), uint64(base))
		g.put64(base+0x100, uint64(task))
	}
	g.put64(testSlide.Run(g.img.syms["__cpu_online_mask"]), 3)
	g.put32(testSlide.Run(g.img.syms["nr_cpu_ids"]), 2)
	list, err := g.Tasks(t.Context())
	if err != nil || len(list) != 6 || list[1].Comm != "swapper/1" {
		t.Errorf("tasks are %v, %v", list, err)
	}
}

func TestACorruptedTaskListGivesWhatWasFoundBeforeIt(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(g *taskGuest, init addr.Addr, leaders []addr.Addr)
		want  []int
		err   string
	}{
		{"it points to user space", func(g *taskGuest, _ addr.Addr, l []addr.Addr) { g.put64(l[0]+64, 0x4141414141414141) }, []int{0, 1}, "not a kernel pointer"},
		{"it is poisoned", func(g *taskGuest, _ addr.Addr, l []addr.Addr) { g.put64(l[0]+64, 0xdead000000000100) }, []int{0, 1}, "not a kernel pointer"},
		{"it is misaligned", func(g *taskGuest, _ addr.Addr, l []addr.Addr) { g.put64(l[0]+64, uint64(l[1]+65)) }, []int{0, 1}, "not a kernel pointer"},
		{"it leads to nothing", func(g *taskGuest, _ addr.Addr, l []addr.Addr) { g.put64(l[0]+64, 0xffffc90000001000) }, []int{0, 1}, "no memory"},
		{"it is a cycle", func(g *taskGuest, _ addr.Addr, l []addr.Addr) { g.put64(l[1]+64, uint64(l[0]+64)) }, []int{0, 1, 10, 11, 12}, "leads back"},
		{"an element points to itself", func(g *taskGuest, _ addr.Addr, l []addr.Addr) { g.put64(l[0]+64, uint64(l[0]+64)) }, []int{0, 1}, "leads back"},
		{"a thread ring is a cycle", func(g *taskGuest, _ addr.Addr, l []addr.Addr) { g.put64(l[1]+512+112, uint64(l[1]+512+112)) }, []int{0, 1, 10, 11}, "leads back"},
		{"a thread ring is garbage, the list is not", func(g *taskGuest, _ addr.Addr, l []addr.Addr) { g.put64(l[0]+112, 7) }, []int{0, 1, 10, 11, 12}, "not a kernel pointer"},
		{"the head is unreadable", func(g *taskGuest, init addr.Addr, _ []addr.Addr) { clear(g.fakeMemory) }, nil, "no memory"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := newTaskGuest(t)
			init, leaders := g.populate()
			tt.spoil(g, init, leaders)
			list, err := g.Tasks(t.Context())
			if got := pids(list); !equal(got, tt.want) {
				t.Errorf("pids are %v, want %v", got, tt.want)
			}
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error is %v, want one with %q", err, tt.err)
			}
		})
	}
}

func TestATaskIsReadAsFarAsItsKernelHasTheFields(t *testing.T) {
	g := newTaskGuest(t)
	a := g.newTask(7, 7, "evil\x1b[2J\xff")
	g.put32(a, 3)
	g.put32(a+24, 2)
	g.put32(a+44, pfKthread|pfExiting)
	g.put32(a+52, 1)
	g.put64(a+32, 0xffffc90000010000)
	g.put64(a+400, 0xffffc90000013e00)
	task, err := g.Task(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	if task.Comm != "evil?[2J?" || task.CPU != 3 || task.State.Letter() != "D" || !task.OnCPU || !task.Kthread || !task.Exiting {
		t.Errorf("task is %+v", task)
	}
	old := fakeLayout{512, map[string][2]int64{"state": {24, 8}, "cpu": {0, 4}, "pid": {96, 4}, "comm": {128, 16}}}
	g.layouts, g.shapes = fakeLayouts{"task_struct": old}, nil
	task, err = g.Task(t.Context(), a)
	if err != nil || task.CPU != 3 || task.State.Letter() != "D" || len(task.Unknown) != 6 {
		t.Errorf("by an older layout: %+v, %v", task, err)
	}
	delete(old.fields, "cpu")
	delete(old.fields, "state")
	g.shapes = nil
	if task, err = g.Task(t.Context(), a); err != nil || task.CPU != -1 || task.State.Letter() != "?" {
		t.Errorf("without CPU and state: %+v, %v", task, err)
	}
	delete(old.fields, "pid")
	g.shapes = nil
	if _, err = g.Task(t.Context(), a); err == nil {
		t.Error("a task without pid was read")
	}
}

func TestStateLettersAreThoseOfPs(t *testing.T) {
	tests := []struct {
		raw, exit uint32
		want      string
	}{
		{0, 0, "R"}, {1, 0, "S"}, {0x2001, 0, "S"}, {2, 0, "D"}, {0x102, 0, "D"}, {4, 0, "T"}, {8, 0, "t"},
		{0x80, 0x10, "X"}, {0x80, 0x20, "Z"}, {0x40, 0, "P"}, {0x402, 0, "I"}, {0x1000, 0, "D"}, {0x8000, 0, "D"},
		{0xffffffff, 0xffffffff, "I"},
	}
	for _, tt := range tests {
		if got := (State{tt.raw, tt.exit, true}).Letter(); got != tt.want {
			t.Errorf("state %#x, exit %#x is %s, want %s", tt.raw, tt.exit, got, tt.want)
		}
	}
	if got := (State{}).Letter(); got != "?" {
		t.Errorf("unknown state is %s", got)
	}
}

func TestABlockedTaskGoesOnWhereItsFrameSays(t *testing.T) {
	g := newTaskGuest(t)
	stack := addr.Addr(0xffffc90000010000)
	sp := stack + 0x3e00
	for i := range addr.Addr(7) {
		g.put64(sp+8*i, uint64(0x100+i))
	}
	regs, err := g.BlockedRegs(t.Context(), Task{PID: 5, Stack: stack, SP: sp})
	if err != nil {
		t.Fatal(err)
	}
	if bx, ok := regs.Get(cfi.RBX); !ok || bx != 0x104 || regs.PC() != 0x106 || regs.SP() != uint64(sp)+56 {
		t.Errorf("rbx %#x, pc %#x, sp %#x", bx, regs.PC(), regs.SP())
	}
	if _, ok := regs.Get(cfi.RAX); ok {
		t.Error("rax is known")
	}
	for name, task := range map[string]Task{
		"dead":    {PID: 5, SP: sp},
		"astray":  {PID: 5, Stack: stack, SP: stack + 16384},
		"below":   {PID: 5, Stack: stack, SP: stack - 8},
		"no page": {PID: 5, Stack: stack, SP: stack + 16},
	} {
		if _, err := g.BlockedRegs(t.Context(), task); err == nil {
			t.Errorf("%s: registers were read", name)
		}
	}
	if _, err := g.BlockedRegs(t.Context(), Task{OnCPU: true, Stack: stack, SP: sp}); !errors.Is(err, ErrRunning) {
		t.Errorf("a running task gives %v", err)
	}
}
