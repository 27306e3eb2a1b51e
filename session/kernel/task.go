package kernel

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	"ktrap/session/target"
	"ktrap/symbols/addr"
)

// Flags of a task. Source: linux include/linux/sched.h, the same since 2.6.
const (
	pfExiting = 0x00000004
	pfKthread = 0x00200000
)

// Task is a thread of the guest: of a process, of the kernel, or a CPU's idle task.
type Task struct {
	Addr    addr.Addr
	PID     int    // the thread's own number
	TGID    int    // the process's
	Comm    string // printable
	State   State
	CPU     int  // where it runs or ran last; -1 if unknown
	OnCPU   bool // it is running: SP is stale, use the CPU's registers
	Flags   uint32
	Kthread bool
	Exiting bool
	Stack   addr.Addr // lowest address of its kernel stack
	SP      addr.Addr // saved stack pointer of a task that is not running
	MM      addr.Addr // 0 for kernel threads

	// Unknown lists fields that this kernel's task_struct does not have.
	Unknown []string
}

// taskFields is everything that is read of a task, in one go.
var taskFields = []string{
	"pid", "tgid", "comm", "__state", "state", "exit_state", "thread_info.cpu", "cpu", "on_cpu", "flags",
	"stack", "thread.sp", "mm", "tasks", "thread_node", "signal",
}

// tasks reads tasks; it lives for one question.
type tasks struct {
	mem   target.Memory
	task  *shape
	state string // name of the field: __state since 5.14
	cpu   string // thread_info.cpu since 5.16
}

func (k *Kernel) taskReader(m target.Memory) (*tasks, error) {
	s, err := k.shape("task_struct", taskFields...)
	if err == nil {
		err = s.need("pid", "comm")
	}
	if err != nil {
		return nil, err
	}
	return &tasks{mem: m, task: s, state: s.first("__state", "state"), cpu: s.first("thread_info.cpu", "cpu")}, nil
}

func (r *tasks) read(a addr.Addr) (Task, object, error) {
	o, err := r.task.read(r.mem, a)
	if err != nil {
		return Task{}, object{}, err
	}
	t := Task{Addr: a, CPU: -1, Stack: o.ptr("stack"), SP: o.ptr("thread.sp"), MM: o.ptr("mm")}
	t.PID, _ = o.int("pid")
	t.TGID, _ = o.int("tgid")
	comm, _ := o.bytes("comm")
	t.Comm = printable(comm)
	if raw, ok := o.uint(r.state); ok {
		exit, _ := o.uint("exit_state")
		t.State = State{Raw: uint32(raw), Exit: uint32(exit), Known: true}
	}
	if n, ok := o.uint(r.cpu); ok && n < maxCPUs {
		t.CPU = int(n)
	}
	on, _ := o.uint("on_cpu")
	t.OnCPU = on != 0
	flags, _ := o.uint("flags")
	t.Flags = uint32(flags)
	t.Kthread, t.Exiting = flags&pfKthread != 0, flags&pfExiting != 0
	for _, f := range []string{"tgid", "on_cpu", "flags", "stack", "thread.sp", "mm"} {
		if !r.task.has(f) {
			t.Unknown = append(t.Unknown, f)
		}
	}
	return t, o, nil
}

// printable is a NUL-padded name fit for a terminal: a task may call itself
// anything.
func printable(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return '?'
		}
		return r
	}, s)
}

// Task reads the task_struct at an address.
func (k *Kernel) Task(ctx context.Context, a addr.Addr) (Task, error) {
	r, err := k.taskReader(k.memory(ctx))
	if err != nil {
		return Task{}, err
	}
	t, _, err := r.read(a)
	return t, err
}

// Current gives the task that runs on a CPU, whatever mode the CPU is in.
func (k *Kernel) Current(ctx context.Context, c target.CPU) (Task, error) {
	n, err := k.CPUNumber(ctx, c)
	if err != nil {
		return Task{}, err
	}
	a, err := k.currentAddr(k.memory(ctx), n)
	if err != nil {
		return Task{}, fmt.Errorf("find current task of CPU %d: %w", n, err)
	}
	return k.Task(ctx, a)
}

// currentAddr reads current of a CPU, by the kernel's number.
func (k *Kernel) currentAddr(m target.Memory, cpu int) (addr.Addr, error) {
	at, err := k.perCPUVar(m, "current_task", cpu, "current_task")
	if err != nil {
		return 0, err
	}
	return readTaskPtr(m, at)
}

func readTaskPtr(m target.Memory, at addr.Addr) (addr.Addr, error) {
	a, err := readPtr(m, at)
	if err == nil && !a.Kernel() {
		err = fmt.Errorf("pointer %#x is no task", uint64(a))
	}
	if err != nil {
		return 0, err
	}
	return a, nil
}

// TaskSize is the size of struct task_struct, 0 if it is not known. What the
// architecture puts behind it, the FPU's registers, belongs to it.
func (k *Kernel) TaskSize() addr.Addr {
	l, err := k.layouts.Layout("task_struct")
	if err != nil {
		return 0
	}
	return addr.Addr(l.Size())
}
