// Package debug is what a person or a script does at a stop: select a CPU, a
// task and a frame, look at registers, variables, source and code, set
// breakpoints, and step by line. It renders nothing; the terminal and the
// script host do.
package debug

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"ktrap/session"
	"ktrap/session/kernel"
	"ktrap/session/report"
	"ktrap/session/target"
	"ktrap/session/unwind"
)

// Debugger is one person's view of a session: what is selected, and their
// breakpoints. It is not safe for concurrent use, but for Breakpoints, Symbol
// and CompleteSymbol.
type Debugger struct {
	S *session.Session

	epoch  uint64 // of the stop that the selection below belongs to
	cpu    target.CPU
	task   *kernel.Task // selected task that is not running; nil for a CPU
	frames []unwind.Frame
	levels []Level
	level  int
	walk   error // why the stack ended early

	nextID  int
	follows bool // breakpoints follow the kernel; see follow

	// A hit is looked at by the session's worker, also while another client
	// has the guest.
	mu       sync.Mutex
	points   []*Breakpoint
	hit      *Hit   // the last one
	hitEpoch uint64 // of its stop
}

// Level is one line of a backtrace: a physical frame, or a function inlined
// into one.
type Level struct {
	report.Frame
	Phys int // index of the physical frame
}

// New makes a debugger on a session.
func New(s *session.Session) *Debugger { return &Debugger{S: s} }

// ErrNoFrame says that there is no such frame.
var ErrNoFrame = errors.New("no such frame")

// do runs f with the stop lease and an up-to-date selection.
func (d *Debugger) do(ctx context.Context, f func(context.Context, *session.Stopped) error) error {
	return d.S.Do(ctx, func(ctx context.Context, v *session.Stopped) error {
		if err := d.sync(ctx, v); err != nil {
			return err
		}
		return f(ctx, v)
	})
}

// sync selects where the last stop happened, once per stop.
func (d *Debugger) sync(ctx context.Context, v *session.Stopped) error {
	if d.frames != nil && d.epoch == v.Target.Epoch() {
		return nil
	}
	stop := v.LastStop()
	cpu, err := v.StopCPU(ctx)
	if err != nil {
		return err
	}
	d.refresh(ctx, v)
	d.cpu, d.task = cpu, nil
	if c := stop.Crash; c != nil {
		if of, err := v.Target.CPUOf(ctx, c.Thread); err == nil {
			d.cpu, d.task = of, c.Task
		}
	}
	if err := d.load(ctx, v); err != nil {
		return err
	}
	if stop.Crash != nil {
		d.selectFault(stop.Crash)
	}
	return nil
}

// refresh learns of modules that came or went while the guest ran. A list that
// cannot be read leaves what was known.
func (d *Debugger) refresh(ctx context.Context, v *session.Stopped) {
	if v.World != nil {
		_ = v.RefreshModules(ctx)
	}
}

// load unwinds what is selected.
func (d *Debugger) load(ctx context.Context, v *session.Stopped) error {
	var err error
	if d.task != nil {
		d.frames, err = v.TaskFrames(ctx, *d.task)
	} else {
		d.frames, err = v.Frames(ctx, d.cpu)
	}
	if len(d.frames) == 0 {
		if errors.Is(err, session.ErrNoKernel) {
			return d.bareFrame(ctx, v)
		}
		return fmt.Errorf("walk the stack: %w", err)
	}
	d.walk, d.level, d.epoch = err, 0, v.Target.Epoch()
	d.levels = nil
	for i := range d.frames {
		for _, f := range v.World.ReportFrame(&d.frames[i], i == 0) {
			d.levels = append(d.levels, Level{Frame: f, Phys: i})
		}
	}
	return nil
}

// bareFrame is the selection while no kernel is known: the pc and nothing else.
func (d *Debugger) bareFrame(ctx context.Context, v *session.Stopped) error {
	regs, err := v.Target.Regs(ctx, d.cpu)
	if err != nil {
		return err
	}
	f := unwind.Frame{PC: regs.PC(), Regs: regs.CFI(), Interrupted: true}
	d.frames, d.walk, d.level, d.epoch = []unwind.Frame{f}, nil, 0, v.Target.Epoch()
	d.levels = []Level{{Frame: report.Frame{Kind: report.Fault, Addr: report.Hex(f.PC), Reliable: true}}}
	return nil
}

// selectFault selects the frame that crashed, below the kernel's own reporting.
func (d *Debugger) selectFault(c *session.Crash) {
	if len(c.Frames) == 0 {
		return
	}
	for i, l := range d.levels {
		if f := d.frames[l.Phys]; f.PC == c.Frames[0].PC && f.RegsAt == c.Frames[0].RegsAt {
			d.level = i
			return
		}
	}
}

// Backtrace lists every level, innermost first, and which one is selected. err
// says why the stack ends early, if it does; the levels before it stand.
func (d *Debugger) Backtrace(ctx context.Context) (levels []Level, selected int, err error) {
	var walk error
	err = d.do(ctx, func(context.Context, *session.Stopped) error {
		levels, selected, walk = d.levels, d.level, d.walk
		return nil
	})
	return levels, selected, errors.Join(err, walk)
}

// Select selects a level by number.
func (d *Debugger) Select(ctx context.Context, n int) (Level, error) {
	return d.choose(ctx, func(int) int { return n })
}

// Up selects the level n calls further out; negative n goes in.
func (d *Debugger) Up(ctx context.Context, n int) (Level, error) {
	return d.choose(ctx, func(now int) int { return now + n })
}

// Selected gives the selected level.
func (d *Debugger) Selected(ctx context.Context) (Level, error) { return d.Up(ctx, 0) }

// Number gives the number of the selected level.
func (d *Debugger) Number() int { return d.level }

func (d *Debugger) choose(ctx context.Context, pick func(now int) int) (l Level, err error) {
	err = d.do(ctx, func(context.Context, *session.Stopped) error {
		n := pick(d.level)
		if n < 0 || n >= len(d.levels) {
			return fmt.Errorf("select frame %d: %w; this stack has 0 to %d", n, ErrNoFrame, len(d.levels)-1)
		}
		d.level = n
		l = d.levels[n]
		return nil
	})
	return l, err
}

// SelectCPU selects the CPU with that index.
func (d *Debugger) SelectCPU(ctx context.Context, index int) (l Level, err error) {
	err = d.do(ctx, func(ctx context.Context, v *session.Stopped) error {
		cpus, err := v.Target.CPUs(ctx)
		if err != nil {
			return err
		}
		if index < 0 || index >= len(cpus) {
			return fmt.Errorf("select CPU %d: the guest has CPUs 0 to %d", index, len(cpus)-1)
		}
		d.cpu, d.task = cpus[index], nil
		if err := d.load(ctx, v); err != nil {
			return err
		}
		l = d.levels[0]
		return nil
	})
	return l, err
}

// SelectTask selects the task with that pid, running or not.
func (d *Debugger) SelectTask(ctx context.Context, pid int) (l Level, err error) {
	err = d.do(ctx, func(ctx context.Context, v *session.Stopped) error {
		w, err := v.Kernel()
		if err != nil {
			return err
		}
		tasks, err := w.Kernel.Tasks(ctx)
		i := slices.IndexFunc(tasks, func(t kernel.Task) bool { return t.PID == pid })
		if i < 0 {
			return errors.Join(fmt.Errorf("select task %d: no task has this pid", pid), err)
		}
		d.task = &tasks[i]
		if v.RunsOn(ctx, tasks[i], &d.cpu) {
			d.task = nil
		}
		if err := d.load(ctx, v); err != nil {
			return err
		}
		l = d.levels[0]
		return nil
	})
	return l, err
}

// frame is the selected physical frame.
func (d *Debugger) frame() *unwind.Frame { return &d.frames[d.levels[d.level].Phys] }
