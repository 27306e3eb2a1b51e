package rsp

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Patience with a step that is to be ended. The interrupt is sent again in case that it
// was lost, or quicker than the step.
const (
	endStepTimeout = 2 * time.Second
	interruptAgain = 100 * time.Millisecond
	mostStepEnds   = 3
)

var errStepStays = errors.New("the machine does not stop")

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
	var errs []error
	for _, t := range left {
		err := c.endStep(ctx, t)
		if err != nil {
			errs = append(errs, fmt.Errorf("end the step of thread %v: %w", t, err))
		}
		if errors.Is(err, errStepStays) || ctx.Err() != nil {
			break // nor would it for the others
		}
	}
	c.mu.Lock()
	delete(c.steps, AnyThread)
	c.mu.Unlock()
	return errors.Join(errs...)
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

// endStep steps a thread and interrupts it at once, until the stop is told of it: of the
// thread that Hc names, whether that gets to the end of its step or sleeps.
func (c *Client) endStep(ctx context.Context, t ThreadID) error {
	ctx, cancel := context.WithTimeoutCause(ctx, endStepTimeout, errStepStays)
	defer cancel()
	for range mostStepEnds {
		if err := c.expectOK(ctx, AnyThread, []byte("Hc"+t.String())); err != nil {
			return err
		}
		if err := c.stepBriefly(ctx, t); err != nil {
			return err
		}
		c.mu.Lock()
		steps := c.steps[t]
		c.mu.Unlock()
		if !steps {
			return nil
		}
	}
	return errors.New("the stops are told of other threads")
}

// stepBriefly steps a thread, interrupts it, and waits for the stop.
func (c *Client) stepBriefly(ctx context.Context, t ThreadID) error {
	stopped := make(chan error, 1)
	q := &request{kind: resume, private: true, body: fmt.Appendf(nil, "vCont;s:%v", t), deliver: func(_ []byte, err error) { stopped <- err }}
	if err := c.enqueue(q); err != nil {
		return err
	}
	again := time.NewTicker(interruptAgain)
	defer again.Stop()
	for {
		if err := c.Interrupt(); err != nil && !errors.Is(err, ErrStopped) {
			return err
		}
		select {
		case err := <-stopped:
			return err
		case <-again.C:
		case <-ctx.Done():
			c.abandonStep(q)
			return context.Cause(ctx)
		}
	}
}

// abandonStep takes the machine for one that stands although the step has not ended: a
// QEMU that has to be reset first resumes nothing and does not say so. A stop that
// comes all the same is one that nobody has asked for.
func (c *Client) abandonStep(q *request) {
	c.mu.Lock()
	if slices.Contains(c.flight, q) {
		c.remove(q)
		c.run = halted
	}
	c.mu.Unlock()
	c.abandon(q)
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

// noteStop remembers whose step is over. Called with mu held.
func (c *Client) noteStop(s *StopReply) {
	if s.Thread.TID > 0 {
		delete(c.steps, s.Thread)
	}
}
