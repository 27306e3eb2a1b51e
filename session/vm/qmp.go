package vm

import "context"

// QMP is a connection to QEMU's monitor.
type QMP struct {
}

// Do runs one command and decodes its return value into ret, which may be nil.
func (q *QMP) Do(ctx context.Context, command string, args map[string]any, ret any) error {
	return nil
}

// Status is the run state: "running", "paused", "prelaunch", "debug", ...
func (q *QMP) Status(ctx context.Context) (string, error) { return "", nil }

// Stop pauses the CPUs.
func (q *QMP) Stop(ctx context.Context) error { return q.Do(ctx, "stop", nil, nil) }

// Cont lets the CPUs run.
func (q *QMP) Cont(ctx context.Context) error { return q.Do(ctx, "cont", nil, nil) }

// Quit ends QEMU.
func (q *QMP) Quit(ctx context.Context) error { return q.Do(ctx, "quit", nil, nil) }

// Monitor runs a command of the human monitor and returns what it printed.
func (q *QMP) Monitor(ctx context.Context, line string) (string, error) { return "", nil }
