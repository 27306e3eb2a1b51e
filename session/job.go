package session

import (
	"context"
	"fmt"
	"sync/atomic"

	"ktrap/session/machine"
)

// Do runs f while the guest stands. f gets the stop lease: no other job and no
// inspection runs at the same time, and nothing resumes the guest before f ends.
// f never runs once Do has returned.
// Errors: rsp.ErrRunning if the guest runs; those of f.
func (s *Session) Do(ctx context.Context, f func(context.Context, *Stopped) error) error {
	return s.job(ctx, false, f)
}

// Quiesced is Do for a guest that may be running: it is stopped for f and
// resumed afterwards without any client noticing.
func (s *Session) Quiesced(ctx context.Context, f func(context.Context, *Stopped) error) error {
	return s.job(ctx, true, f)
}

func (s *Session) job(ctx context.Context, quiesce bool, f func(context.Context, *Stopped) error) error {
	answer := make(chan error, 1) // of f, or the refusal to run it
	var taken atomic.Bool         // by the worker that runs f, or by its caller, who waits no longer
	work := func(workCtx context.Context) machine.JobDone {
		if !taken.CompareAndSwap(false, true) {
			return machine.JobDone{}
		}
		jobCtx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(workCtx, cancel)()
		v := &Stopped{Session: s, World: s.world.Load(), shown: new(*Crash)}
		answer <- s.guarded(jobCtx, v, f)
		if *v.shown == nil {
			return machine.JobDone{}
		}
		return machine.JobDone{Show: true, Thread: (*v.shown).Thread, Report: *v.shown}
	}
	err := s.call(func() {
		id := s.newID()
		s.waiting[id], s.work[id] = answer, work
		s.step(machine.Job{ID: id, Quiesce: quiesce})
	})
	if err != nil && taken.CompareAndSwap(false, true) {
		return err
	}
	var gaveUp error
	select {
	case err := <-answer:
		return err
	case <-s.done:
		gaveUp = s.lostError()
	case <-ctx.Done():
		gaveUp = fmt.Errorf("wait for the guest to stand: %w", context.Cause(ctx))
	}
	if taken.CompareAndSwap(false, true) {
		return gaveUp
	}
	return <-answer // f runs, soon to end, and what it writes to is the caller's
}

// guarded runs a job's function; a panic in it is an error.
func (s *Session) guarded(ctx context.Context, v *Stopped, f func(context.Context, *Stopped) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = s.bugError("a job", r)
		}
	}()
	return f(ctx, v)
}

// startWorker runs an inspection or a job, of which the machine wants one at a
// time, and tells the machine of its end. It is for the loop's goroutine only.
func (s *Session) startWorker(f func(context.Context) machine.Event) {
	idle := make(chan struct{})
	s.idle = idle
	s.tasks.Go(func() {
		done := f(s.workCtx)
		close(idle)
		s.send(done)
	})
}

// newID is for the loop's goroutine only.
func (s *Session) newID() int {
	s.nextID++
	return s.nextID
}
