// Package repro makes a guest crash on purpose: it brings a reproducer in, runs
// it, and watches the session until a trap fires, the reproducer ends or time is
// up. One [Attempt] is one try on a session that is already open.
package repro

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"ktrap/rsp"
	"ktrap/session"
	"ktrap/session/guest"
)

// Verdict is how an attempt ended.
type Verdict string

// The verdicts.
const (
	Crashed   Verdict = "crashed"    // a trap fired; the guest stands at the crash
	Survived  Verdict = "survived"   // the reproducer ended and nothing happened
	TimedOut  Verdict = "timed out"  // nothing happened in time
	Infra     Verdict = "infra"      // SSH was lost or never came, without a crash
	CannotRun Verdict = "cannot run" // the reproducer does not build or start
)

// Result is what came of an attempt.
type Result struct {
	Verdict Verdict
	Crash   *session.Crash // with Crashed
	Err     error          // why, with Infra and CannotRun; the exit status with Survived
	Took    time.Duration  // from the reproducer's start
}

// Options adjust an attempt. Guest is required.
type Options struct {
	Guest   *guest.Options
	Timeout time.Duration // for the reproducer; 0 means DefaultTimeout
	Wait    time.Duration // for SSH to answer; 0 means DefaultWait
	Output  io.Writer     // what the reproducer prints; nil discards
	Linger  time.Duration // how long to go on watching after the reproducer has ended; 0 means DefaultLinger
	Say     func(string)  // progress, one line each; nil is silent
	Log     *slog.Logger
}

// Defaults of an attempt.
const (
	DefaultTimeout = 5 * time.Minute
	DefaultWait    = 3 * time.Minute
	DefaultLinger  = 3 * time.Second
)

// ErrLostWithoutCrash says that the guest stopped answering and no trap fired.
var ErrLostWithoutCrash = errors.New("the guest stopped answering, and no trap fired")

// Attempt runs a reproducer once in a guest that boots or runs under s.
// The guest is resumed if it stands.
func Attempt(ctx context.Context, s *session.Session, r *Reproducer, o *Options) Result {
	say := o.Say
	if say == nil {
		say = func(string) {}
	}
	crashes, unsubscribe := s.Subscribe()
	defer unsubscribe()
	if err := s.Continue(ctx); err != nil && !errors.Is(err, rsp.ErrRunning) {
		return Result{Verdict: Infra, Err: err}
	}
	a := &attempt{Options: o, s: s, events: crashes, say: say}
	g, res := a.reach(ctx)
	if g == nil {
		return res
	}
	defer g.Close()
	if err := r.install(ctx, g); err != nil {
		return Result{Verdict: CannotRun, Err: err}
	}
	say("run " + r.Name)
	return a.run(ctx, g, r)
}

type attempt struct {
	*Options
	s      *session.Session
	events <-chan session.Event
	say    func(string)
}

// reach waits for SSH; a crash during boot is a result too.
func (a *attempt) reach(ctx context.Context) (*guest.Guest, Result) {
	wait := a.Wait
	if wait == 0 {
		wait = DefaultWait
	}
	a.say("wait for SSH on " + a.Guest.Addr)
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	type answer struct {
		g   *guest.Guest
		err error
	}
	got := make(chan answer, 1)
	go func() { // ends with ctx
		g, err := guest.Wait(ctx, a.Guest)
		got <- answer{g, err}
	}()
	for {
		select {
		case r := <-got:
			if r.err != nil {
				return nil, Result{Verdict: Infra, Err: fmt.Errorf("reach the guest on %s: %w", a.Guest.Addr, r.err)}
			}
			return r.g, Result{}
		case ev := <-a.events:
			if res, done := verdictOf(ev); done {
				cancel()
				if r := <-got; r.g != nil {
					r.g.Close()
				}
				return nil, res
			}
		}
	}
}

// run runs the reproducer and watches for the first thing that decides.
func (a *attempt) run(ctx context.Context, g *guest.Guest, r *Reproducer) Result {
	timeout := a.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	linger := a.Linger
	if linger == 0 {
		linger = DefaultLinger
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ended := make(chan error, 1)
	go func() { // ends with ctx, or when g is closed
		ended <- g.Run(ctx, r.Command, &guest.RunOptions{Stdout: a.Output, Stderr: a.Output})
	}()
	res := a.watch(ctx, ended, linger)
	res.Took = time.Since(began)
	return res
}

func (a *attempt) watch(ctx context.Context, ended <-chan error, linger time.Duration) Result {
	var after <-chan time.Time
	var exit error
	for {
		select {
		case ev := <-a.events:
			if res, done := verdictOf(ev); done {
				return res
			}
		case exit = <-ended:
			ended = nil
			after = time.After(linger)
		case <-after:
			if errors.Is(exit, guest.ErrLost) {
				return Result{Verdict: Infra, Err: fmt.Errorf("%w: %w", ErrLostWithoutCrash, exit)}
			}
			return Result{Verdict: Survived, Err: exit}
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return Result{Verdict: TimedOut}
			}
			return Result{Verdict: Infra, Err: ctx.Err()}
		}
	}
}

// verdictOf recognises the events that decide an attempt.
func verdictOf(ev session.Event) (Result, bool) {
	switch {
	case ev.Kind == session.TrapHit && ev.Shown:
		return Result{Verdict: Crashed, Crash: ev.Crash}, true
	case ev.Kind == session.StubGone:
		return Result{Verdict: Infra, Err: fmt.Errorf("QEMU is gone: %w", ev.Err)}, true
	}
	return Result{}, false
}
