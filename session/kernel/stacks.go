package kernel

import (
	"context"
	"errors"
	"fmt"

	"ktrap/session/target"
	"ktrap/symbols/addr"
)

// Stack is a kernel stack: [Low, High).
type Stack struct {
	Name      string // as the kernel prints it in traces: TASK, IRQ, NMI, #DF
	Low, High addr.Addr
}

// exceptionStacks are the members of struct cea_exception_stacks, with the
// kernel's names for them. Source: linux arch/x86/kernel/dumpstack_64.c.
var exceptionStacks = []struct{ member, name string }{
	{"DF_stack", "#DF"}, {"NMI_stack", "NMI"}, {"DB_stack", "#DB"}, {"MCE_stack", "#MC"},
	{"VC_stack", "#VC"}, {"VC2_stack", "#VC2"},
	{"DB1_stack", "#DB"}, {"DB2_stack", "#DB"}, // up to 5.8
}

// TaskStack gives the kernel stack of a task.
func (k *Kernel) TaskStack(t Task) (Stack, error) {
	size, err := k.ThreadSize()
	if err != nil {
		return Stack{}, err
	}
	if t.Stack == 0 {
		return Stack{}, fmt.Errorf("task %d has no stack", t.PID)
	}
	return Stack{"TASK", t.Stack, t.Stack + size}, nil
}

// CPUStacks lists the stacks that belong to a CPU: for interrupts, exceptions
// and the entry from user mode. Softirqs run on the stack of interrupts.
// Errors: what cannot be found; the stacks that can be are returned too.
func (k *Kernel) CPUStacks(ctx context.Context, c target.CPU) ([]Stack, error) {
	cpu, err := k.CPUNumber(ctx, c)
	if err != nil {
		return nil, err
	}
	return k.cpuStacks(k.memory(ctx), cpu)
}

func (k *Kernel) cpuStacks(m target.Memory, cpu int) ([]Stack, error) {
	var out []Stack
	irq, irqErr := k.irqStack(m, cpu)
	if irqErr == nil {
		out = append(out, irq)
	}
	entry, entryErr := k.entryStacks(m, cpu)
	return append(out, entry...), errors.Join(irqErr, entryErr)
}

func (k *Kernel) irqStack(m target.Memory, cpu int) (Stack, error) {
	at, err := k.perCPUVar(m, "hardirq_stack_ptr", cpu, "hardirq_stack_ptr")
	if err != nil {
		return Stack{}, err
	}
	top, err := readPtr(m, at)
	if err != nil {
		return Stack{}, fmt.Errorf("read IRQ stack of CPU %d: %w", cpu, err)
	}
	l, err := k.layouts.Layout("irq_stack")
	if err != nil {
		return Stack{}, fmt.Errorf("find size of IRQ stacks: %w", err)
	}
	size := addr.Addr(l.Size())
	if !top.Kernel() || size == 0 || size > 1<<20 {
		return Stack{}, fmt.Errorf("CPU %d has no IRQ stack: top at %#x, %d bytes", cpu, uint64(top), size)
	}
	top = (top + 15) &^ 15 // since 5.12 the pointer is one word below the top
	return Stack{"IRQ", top - size, top}, nil
}

// entryStacks lists the stacks in a CPU's part of the CPU entry area. A per-CPU
// pointer leads to those for exceptions; the entry stack lies in front of them.
func (k *Kernel) entryStacks(m target.Memory, cpu int) ([]Stack, error) {
	const name = "cea_exception_stacks"
	stacks, err := k.layouts.Layout(name)
	if err != nil {
		return nil, fmt.Errorf("find exception stacks: %w", err)
	}
	at, ok := link(k.image, name)
	if !ok {
		return nil, fmt.Errorf("find exception stacks: no symbol %s", name)
	}
	slot, err := k.perCPU(m, at, cpu)
	if err != nil {
		return nil, err
	}
	base, err := readPtr(m, slot)
	if err != nil {
		return nil, fmt.Errorf("read %s of CPU %d: %w", name, cpu, err)
	}
	if !base.Kernel() {
		return nil, nil // not set up yet
	}
	var out []Stack
	add := func(name string, low addr.Addr, size int64) {
		out = append(out, Stack{name, low, low + addr.Addr(size)})
	}
	for _, e := range exceptionStacks {
		if f, ok := stacks.Field(e.member); ok && f.Size > 0 {
			add(e.name, base+addr.Addr(f.Off), f.Size)
		}
	}
	area, err := k.layouts.Layout("cpu_entry_area")
	if err != nil {
		return out, fmt.Errorf("find entry stack: %w", err)
	}
	exceptions, ok := area.Field("estacks")
	if f, ok2 := area.Field("entry_stack_page"); ok && ok2 && f.Size > 0 {
		add("ENTRY_TRAMPOLINE", base-addr.Addr(exceptions.Off)+addr.Addr(f.Off), f.Size)
	}
	return out, nil
}

// TaskMemory is memory as a task sees it, running or not: the kernel half, and
// the user addresses of its process.
func (k *Kernel) TaskMemory(ctx context.Context, t Task) (target.Memory, error) {
	if t.MM == 0 {
		return k.memory(ctx), nil // a kernel thread has no user half
	}
	mm, err := shapeOf(k.layouts, "mm_struct", "pgd")
	if err == nil {
		err = mm.need("pgd")
	}
	if err != nil {
		return nil, err
	}
	o, err := mm.read(k.memory(ctx), t.MM)
	if err != nil {
		return nil, err
	}
	root, err := k.target.Translate(ctx, o.ptr("pgd"))
	if err != nil {
		return nil, fmt.Errorf("find page table of task %d: %w", t.PID, err)
	}
	return k.target.MemoryIn(ctx, root), nil
}
