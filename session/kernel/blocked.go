package kernel

import (
	"context"
	"errors"
	"fmt"

	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
)

// ErrRunning says that a task is on a CPU: its registers are the CPU's.
var ErrRunning = errors.New("the task is running")

// BlockedRegs gives the registers with which a task that is not running will go
// on, inside __schedule or at its very start. Caller-saved ones are unknown.
// Errors: [ErrRunning]; a dead task has no stack.
func (k *Kernel) BlockedRegs(ctx context.Context, t Task) (cfi.Regs, error) {
	var regs cfi.Regs
	if t.OnCPU {
		return regs, fmt.Errorf("read stack of task %d: %w", t.PID, ErrRunning)
	}
	if err := k.checkStack(t); err != nil {
		return regs, err
	}
	fields := map[string]cfi.Reg{
		"r15": cfi.R15, "r14": cfi.R14, "r13": cfi.R13, "r12": cfi.R12,
		"bx": cfi.RBX, "bp": cfi.RBP, "ret_addr": cfi.RIP,
	}
	frame, err := k.shape("inactive_task_frame", "r15", "r14", "r13", "r12", "bx", "bp", "ret_addr")
	if err == nil {
		err = frame.need("bp", "ret_addr")
	}
	if err != nil {
		return regs, err
	}
	o, err := frame.read(k.memory(ctx), t.SP)
	if err != nil {
		return regs, fmt.Errorf("read stack of task %d: %w", t.PID, err)
	}
	for name, r := range fields {
		if v, ok := o.uint(name); ok {
			regs.Set(r, v)
		}
	}
	regs.Set(cfi.RSP, uint64(t.SP)+uint64(frame.size))
	return regs, nil
}

// checkStack fails if a task's saved stack pointer is not on its stack: dead
// tasks keep a stale one.
func (k *Kernel) checkStack(t Task) error {
	size, err := k.ThreadSize()
	if err != nil {
		return err
	}
	if t.Stack == 0 || t.SP < t.Stack || t.SP >= t.Stack+size {
		return fmt.Errorf("task %d has no stack: sp %#x, stack at %#x", t.PID, uint64(t.SP), uint64(t.Stack))
	}
	return nil
}

// ThreadSize is the size of a kernel stack: 16 KiB, 32 KiB with KASAN. The
// linker script knows it by the stack of the first task; the debug info may not
// have the type, as BTF leaves out what only assembly uses.
func (k *Kernel) ThreadSize() (addr.Addr, error) {
	var size addr.Addr
	low, ok := link(k.image, "__start_init_stack", "__start_init_task") // the latter up to 6.8
	high, ok2 := link(k.image, "__end_init_stack", "__end_init_task")
	if ok && ok2 {
		size = addr.Addr(high - low)
	} else {
		l, err := k.layouts.Layout("thread_union")
		if err != nil {
			return 0, fmt.Errorf("find size of kernel stacks: %w", err)
		}
		size = addr.Addr(l.Size())
	}
	if size < 4096 || size > 1<<20 || size&(size-1) != 0 {
		return 0, fmt.Errorf("find size of kernel stacks: %d bytes", size)
	}
	return size, nil
}
