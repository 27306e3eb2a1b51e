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

// job runs f on its caller's goroutine when the machine says that it is its turn:
// another one would cost each of gdb's packets a turn more.
func (s *Session) job(ctx context.Context, quiesce bool, f func(context.Context, *Stopped) error) error {
	refused := make(chan error, 1)
	turn := make(chan chan struct{}, 1) // to be closed when f has ended
	var taken atomic.Bool               // by the loop, for f, or by its caller, who waits no longer
	err := s.call(func() {
		id := s.newID()
		s.waiting[id], s.work[id] = refused, func() bool {
			if !taken.CompareAndSwap(false, true) {
				return false
			}
			turn <- s.workBegins()
			return true
		}
		s.step(machine.Job{ID: id, Quiesce: quiesce})
	})
	if err != nil && taken.CompareAndSwap(false, true) {
		return err
	}
	var gaveUp error
	select {
	case idle := <-turn:
		return s.atWork(ctx, idle, f)
	case err := <-refused:
		return err
	case <-s.done:
		gaveUp = s.lostError()
	case <-ctx.Done():
		gaveUp = fmt.Errorf("wait for the guest to stand: %w", context.Cause(ctx))
	}
	if taken.CompareAndSwap(false, true) {
		return gaveUp
	}
	return s.atWork(ctx, <-turn, f) // soon to end, as it is told so
}

// atWork runs f with the stop lease, and gives that back.
func (s *Session) atWork(ctx context.Context, idle chan struct{}, f func(context.Context, *Stopped) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.workCtx, cancel)()
	v := &Stopped{Session: s, World: s.world.Load(), shown: new(*Crash)}
	defer func() { // also when f ends its goroutine
		done := machine.JobDone{}
		if c := *v.shown; c != nil {
			done = machine.JobDone{Show: true, Thread: c.Thread, Report: c}
		}
		close(idle)
		s.send(done)
		s.tasks.Done()
	}()
	return s.guarded(ctx, v, f)
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

// startWorker runs an inspection, of which or of a job the machine wants one at a
// time, and tells the machine of its end. It is for a turn of the loop.
func (s *Session) startWorker(f func(context.Context) machine.Event) {
	idle := s.workBegins()
	go func() {
		defer s.tasks.Done()
		done := f(s.workCtx)
		close(idle)
		s.send(done)
	}()
}

// workBegins gives what is to be closed when it has ended. It is for a turn
// of the loop.
func (s *Session) workBegins() chan struct{} {
	s.tasks.Add(1)
	s.idle = make(chan struct{})
	return s.idle
}

// newID is for a turn of the loop.
func (s *Session) newID() int {
	s.nextID++
	return s.nextID
}
