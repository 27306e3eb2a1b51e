package kernel

import (
	"context"
	"errors"
	"fmt"

	"ktrap/symbols/addr"
)

// maxTasks bounds a walk; a guest with more threads than that under a debugger
// is a corrupted list.
const maxTasks = 1 << 17

// CorruptError says that a list of the guest's does not end as it should.
type CorruptError struct {
	What string    // "list of tasks"
	Addr addr.Addr // the element that is wrong
	Why  string
}

// Error describes the damage.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s is corrupted at %#x: %s", e.What, uint64(e.Addr), e.Why)
}

// Tasks lists all tasks: leaders each followed by its threads, idle tasks first.
// Errors: *[CorruptError] and read errors; the tasks found are returned too.
func (k *Kernel) Tasks(ctx context.Context) ([]Task, error) {
	m := k.memory(ctx)
	r, err := k.taskReader(m)
	if err != nil {
		return nil, err
	}
	if err := r.task.need("tasks"); err != nil {
		return nil, err
	}
	init, ok := k.Symbol("init_task")
	if !ok {
		return nil, errors.New("find tasks: no symbol init_task")
	}
	sig, err := k.shape("signal_struct", "thread_head")
	if err != nil {
		return nil, err
	}
	w := taskWalk{tasks: r, signal: sig, seen: map[addr.Addr]bool{}}
	w.add(init)
	idleErr := k.addIdle(ctx, &w)
	w.leaders(init)
	return w.found, errors.Join(append(w.errs, idleErr)...)
}

// TaskCount is how many tasks there are, idle ones not counted.
// Errors: this kernel does not keep count.
func (k *Kernel) TaskCount(ctx context.Context) (int, error) {
	n, ok, err := k.word(k.memory(ctx), "nr_threads", 4)
	if err == nil && !ok {
		err = errors.New("count tasks: no symbol nr_threads")
	}
	return int(n), err
}

// addIdle adds the idle tasks of the other CPUs, which are on no list.
func (k *Kernel) addIdle(ctx context.Context, w *taskWalk) error {
	online, err := k.Online(ctx)
	if err != nil {
		return err
	}
	at, ok := link(k.image, "idle_threads")
	if !ok {
		return nil
	}
	for _, cpu := range online {
		slot, err := k.perCPU(w.mem, at, cpu)
		if err != nil {
			return err
		}
		if idle, err := readPtr(w.mem, slot); err != nil {
			return fmt.Errorf("read idle task of CPU %d: %w", cpu, err)
		} else if idle != 0 {
			w.add(idle)
		}
	}
	return nil
}

// taskWalk collects tasks.
type taskWalk struct {
	*tasks
	signal *shape
	seen   map[addr.Addr]bool
	found  []Task
	errs   []error
}

// add reads a task and keeps it. False: it could not be read, or was known.
func (w *taskWalk) add(a addr.Addr) (object, bool) {
	if w.seen[a] {
		return object{}, false
	}
	w.seen[a] = true
	t, o, err := w.read(a)
	if err != nil {
		w.errs = append(w.errs, err)
		return object{}, false
	}
	w.found = append(w.found, t)
	return o, true
}

// leaders walks init_task.tasks, the ring of thread group leaders.
func (w *taskWalk) leaders(init addr.Addr) {
	const what = "list of tasks"
	head := init + w.task.off("tasks")
	next, err := readPtr(w.mem, head)
	if err != nil {
		w.errs = append(w.errs, fmt.Errorf("read %s: %w", what, err))
		return
	}
	for next != head {
		leader := next - w.task.off("tasks")
		if err := w.sane(what, next, leader); err != nil {
			w.errs = append(w.errs, err)
			return
		}
		o, ok := w.add(leader)
		if !ok {
			return // the error of the read is noted
		}
		w.threads(leader, o)
		next = o.ptr("tasks")
	}
}

// sane checks the next element of a ring.
func (w *taskWalk) sane(what string, link, task addr.Addr) error {
	switch {
	case !link.Kernel() || link%8 != 0:
		return &CorruptError{what, link, "not a kernel pointer"}
	case w.seen[task]:
		return &CorruptError{what, link, "it leads back into itself"}
	case len(w.found) >= maxTasks:
		return &CorruptError{what, link, fmt.Sprintf("it has more than %d elements", maxTasks)}
	}
	return nil
}

// threads walks the other threads of a leader's process: the ring from
// signal->thread_head through thread_node, the leader among them.
func (w *taskWalk) threads(leader addr.Addr, o object) {
	signal := o.ptr("signal")
	if signal == 0 || w.task.need("thread_node", "signal") != nil || !w.signal.has("thread_head") {
		return // a dying process has none
	}
	what := fmt.Sprintf("list of threads of task %#x", uint64(leader))
	head := signal + w.signal.off("thread_head")
	next, err := w.firstThread(leader, o, head)
	if err != nil {
		w.errs = append(w.errs, fmt.Errorf("read %s: %w", what, err))
		return
	}
	for next != head {
		task := next - w.task.off("thread_node")
		if task == leader {
			next = o.ptr("thread_node")
			if next == leader+w.task.off("thread_node") {
				return // taken off the list while exiting
			}
			continue
		}
		if err := w.sane(what, next, task); err != nil {
			w.errs = append(w.errs, err)
			return
		}
		t, ok := w.add(task)
		if !ok {
			return
		}
		next = t.ptr("thread_node")
	}
}

// firstThread reads where the ring begins. The leader is usually its first
// element, and then nothing has to be read: most processes have one thread.
func (w *taskWalk) firstThread(leader addr.Addr, o object, head addr.Addr) (addr.Addr, error) {
	if o.ptr("thread_node") == head {
		return head, nil
	}
	return readPtr(w.mem, head)
}
