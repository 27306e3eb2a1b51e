// Package repro makes a guest crash on purpose: it brings a reproducer in, runs
// it, and watches the session until a trap fires, the reproducer ends or time is
// up. One [Attempt] is one try on a session that is already open.
package repro

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

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
	Cancelled Verdict = "cancelled"  // the caller's context ended first
)

// Result is what came of an attempt.
type Result struct {
	Verdict Verdict
	Crash   *session.Crash // with Crashed
	Earlier bool           // with Crashed: the guest stood at this crash already, nothing was run
	Err     error          // why, with Infra, CannotRun and Cancelled; the exit status with Survived
	Took    time.Duration  // from the reproducer's start to its end or the crash
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

// ErrReset says that the guest began anew and no trap fired.
var ErrReset = errors.New("the guest was reset, and no trap fired")

// Attempt runs a reproducer once in a guest that boots or runs under s.
// The guest is resumed if it stands, unless it stands at a crash: then that is
// the result.
// Goroutines: at most one at a time, for what goes over SSH; it has ended when
// Attempt returns.
func Attempt(ctx context.Context, s *session.Session, r *Reproducer, o *Options) Result {
	events, unsubscribe := s.Subscribe()
	defer unsubscribe()
	a := &attempt{
		Options: o, vm: s, events: events,
		dial: func(ctx context.Context) (shell, error) { return guest.Wait(ctx, o.Guest) },
	}
	return a.try(ctx, r)
}
