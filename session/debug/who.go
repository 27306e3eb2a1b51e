package debug

import (
	"context"

	"ktrap/session"
	"ktrap/session/kernel"
)

// Who is what the selected stack belongs to.
type Who struct {
	CPU      int          // index; -1 for a task that does not run
	Task     *kernel.Task // nil if it is not known
	Unproven error        // vmlinux is not proven to be the running kernel's, and --force said to go on; nil if it is
}

// Who tells whose stack is selected.
func (d *Debugger) Who(ctx context.Context) (w Who, err error) {
	err = d.do(ctx, func(ctx context.Context, v *session.Stopped) error {
		w = Who{CPU: -1, Task: d.task}
		if v.World != nil {
			w.Unproven = v.World.Unproven()
		}
		if d.task != nil {
			return nil
		}
		w.CPU = d.cpu.Index
		if v.World == nil {
			return nil
		}
		if now, err := v.World.Kernel.Current(ctx, d.cpu); err == nil { // else it stays unknown
			w.Task = &now
		}
		return nil
	})
	return w, err
}
