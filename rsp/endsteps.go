package rsp

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// EndSteps ends the steps that another stop has overtaken: QEMU (7.2, gdbstub.c
// gdb_vm_state_change) takes the step from the one CPU that it tells of, and lets the
// others make theirs when the machine runs again, also after a detach. It would then
// stop with nobody to hear of it. Each such CPU runs by one instruction at most; OnStop
// hears nothing. The machine must stand, and stands afterwards.
func (c *Client) EndSteps(ctx context.Context) error {
	left, err := c.stepsLeft(ctx)
	if err != nil {
		return fmt.Errorf("end steps: %w", err)
	}
	for _, t := range left {
		if err := c.endStep(ctx, t); err != nil {
			return fmt.Errorf("end the step of thread %v: %w", t, err)
		}
	}
	c.mu.Lock()
	clear(c.steps)
	c.mu.Unlock()
	return nil
}

// stepsLeft lists the threads that may be stepping still.
func (c *Client) stepsLeft(ctx context.Context) ([]ThreadID, error) {
	if !c.Features().QEMU {
		return nil, nil
	}
	c.mu.Lock()
	left, all := slices.Collect(maps.Keys(c.steps)), c.steps[AnyThread]
	c.mu.Unlock()
	if all {
		return c.Threads(ctx)
	}
	slices.SortFunc(left, func(a, b ThreadID) int { return cmp.Or(cmp.Compare(a.PID, b.PID), cmp.Compare(a.TID, b.TID)) })
	return left, nil
}

// endStep steps a thread and interrupts it at once: whether it gets to the end of the
// step or sleeps, the stop is told of it, which Hc sees to.
func (c *Client) endStep(ctx context.Context, t ThreadID) error {
	if err := c.expectOK(ctx, AnyThread, []byte("Hc"+t.String())); err != nil {
		return err
	}
	stopped := make(chan error, 1)
	q := &request{kind: resume, body: fmt.Appendf(nil, "vCont;s:%v", t), deliver: func(_ []byte, err error) { stopped <- err }}
	if err := c.enqueue(q); err != nil {
		return err
	}
	if err := c.Interrupt(); err != nil && !errors.Is(err, ErrStopped) {
		return err
	}
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
		c.abandon(q)
		return context.Cause(ctx)
	}
}

// noteSteps remembers which threads a packet steps; AnyThread: all or one that is not
// named. Called with mu held.
func (c *Client) noteSteps(body []byte) {
	for action := range bytes.SplitSeq(bytes.TrimPrefix(body, []byte("vCont;")), []byte(";")) {
		if !bytes.HasPrefix(bytes.ToLower(action), []byte("s")) {
			continue
		}
		_, name, _ := bytes.Cut(action, []byte(":"))
		t, err := ParseThreadID(string(name))
		if err != nil || t.TID <= 0 {
			t = AnyThread
		}
		c.steps[t] = true
	}
}
