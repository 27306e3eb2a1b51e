// Package scripts runs Starlark files over a session: break somewhere, look at
// the guest in a handler, print, go on or stop. The *.star files beside it ship
// with ktrap and answer real questions.
//
// A script runs on one goroutine at a time: its top level waits in run() while
// handlers run, each while the guest stands.
package scripts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"unicode"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"ktrap/session"
	"ktrap/session/debug"
	"ktrap/session/guest"
	"ktrap/session/target"
)

// Options adjust a run; nil means the defaults.
type Options struct {
	Args     []string       // argv of the script
	Out      io.Writer      // what print writes; nil discards
	Guest    *guest.Options // where guest() runs commands; nil: nowhere
	MaxSteps uint64         // budget of the top level and of each handler; 0 means DefaultMaxSteps
	Log      *slog.Logger
}

// DefaultMaxSteps is the budget of Starlark steps that stops an endless loop in
// a script before it stops the person: some seconds of work.
const DefaultMaxSteps = 100_000_000

// Host is one script at one session.
type Host struct {
	s   *session.Session
	dbg *debug.Debugger
	o   Options
	out sync.Mutex // of Out: commands of start() report beside the script

	// Used by one goroutine at a time: the script's own, or the session's worker
	// while the script waits in run() or guest().
	hooks []*session.Hook
	crash starlark.Callable // on_crash
	lease *lease            // while a handler runs: the guest it may look at
	stop  bool              // a handler has ended run()
	err   error             // a handler failed

	endWith func(*starlark.Thread) (release func() bool) // cancels a thread when the script is to end

	pending []string       // commands of start(), until the next run()
	running sync.WaitGroup // the goroutines of start() and of the wait in guest(); joined by Run
}

// lease is what a handler works with.
type lease struct {
	v *session.Stopped
	debug.Place
}

// Run runs a script to its end and takes its breakpoints away.
// Errors: *starlark.EvalError with the script's backtrace, syntax errors, and
// those of the session.
func Run(ctx context.Context, s *session.Session, name string, src []byte, o *Options) error {
	h := &Host{s: s, dbg: debug.New(s)}
	if o != nil {
		h.o = *o
	}
	if h.o.Out == nil {
		h.o.Out = io.Discard
	}
	if h.o.MaxSteps == 0 {
		h.o.MaxSteps = DefaultMaxSteps
	}
	ctx, cancel := context.WithCancel(ctx)
	defer h.running.Wait()
	defer cancel()
	h.endWith = func(t *starlark.Thread) func() bool {
		return context.AfterFunc(ctx, func() { t.Cancel(context.Cause(ctx).Error()) })
	}
	thread := h.thread(ctx, name)
	defer h.endWith(thread)()
	_, err := starlark.ExecFileOptions(fileOptions, thread, name, src, h.predeclared())
	if h.err == nil { // else err only says that run() failed by it
		h.err = explain(err)
	}
	return errors.Join(h.err, h.unhook(context.WithoutCancel(ctx)))
}

// fileOptions allow what people expect of a small script.
var fileOptions = &syntax.FileOptions{Set: true, While: true, TopLevelControl: true, GlobalReassign: true}

// thread makes a Starlark thread that ends with ctx and has a budget.
func (h *Host) thread(ctx context.Context, name string) *starlark.Thread {
	t := &starlark.Thread{Name: name, Print: func(_ *starlark.Thread, msg string) { h.print(msg) }}
	t.SetLocal(contextKey, ctx)
	t.SetMaxExecutionSteps(h.o.MaxSteps)
	return t
}

// contextKey is under which a thread keeps its context.
const contextKey = "context"

func contextOf(t *starlark.Thread) context.Context {
	if ctx, ok := t.Local(contextKey).(context.Context); ok {
		return ctx
	}
	return context.Background()
}

// print writes a line. Much of what scripts print comes from the guest: what
// could move a terminal's cursor is replaced.
func (h *Host) print(text string) {
	text = strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) || c == '\n' || c == '\t' {
			return c
		}
		return unicode.ReplacementChar
	}, text)
	h.out.Lock()
	defer h.out.Unlock()
	fmt.Fprintln(h.o.Out, text) // a reader that went away does not stop the script
}

// Error is a script's failure, with the place in the script that a person looks
// for and the calls that led there.
type Error struct {
	Pos   syntax.Position
	Calls string // the traceback; empty when the place says it all
	Err   error
}

// Error gives FILE:LINE:COLUMN: what, then the calls.
func (e *Error) Error() string {
	return strings.TrimRight(fmt.Sprintf("%v: %v\n%s", e.Pos, e.Err, e.Calls), "\n")
}

// Unwrap gives what went wrong.
func (e *Error) Unwrap() error { return e.Err }

// explain turns Starlark's error into one that names the innermost place in the
// script.
func explain(err error) error {
	e, ok := errors.AsType[*starlark.EvalError](err)
	if !ok {
		return err
	}
	out := &Error{Err: err}
	frames := 0
	for i := range e.CallStack {
		if at := e.CallStack.At(i).Pos; at.Line > 0 {
			out.Pos = at
			frames++
		}
	}
	if frames > 1 {
		out.Calls = e.CallStack.String()
	}
	return out
}

func (h *Host) unhook(ctx context.Context) error {
	if len(h.hooks) == 0 {
		return nil
	}
	return h.s.Quiesced(ctx, func(ctx context.Context, v *session.Stopped) error {
		var errs error
		for _, k := range h.hooks {
			errs = errors.Join(errs, v.Unhook(ctx, k))
		}
		return errs
	})
}

// look runs f on the standing guest: in a handler with the handler's lease,
// else with one of its own, at the selected frame.
func (h *Host) look(ctx context.Context, f func(context.Context, *lease) error) error {
	if h.lease != nil {
		return f(ctx, h.lease)
	}
	return h.s.Do(ctx, func(ctx context.Context, v *session.Stopped) error {
		cpu, err := v.StopCPU(ctx)
		if err != nil {
			return err
		}
		l, err := newLease(ctx, v, cpu)
		if err != nil {
			return err
		}
		return f(ctx, l)
	})
}

func newLease(ctx context.Context, v *session.Stopped, cpu target.CPU) (*lease, error) {
	at, err := debug.At(ctx, v, cpu)
	if err != nil {
		return nil, err
	}
	return &lease{v: v, Place: at}, nil
}
