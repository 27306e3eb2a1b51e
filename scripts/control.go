package scripts

import (
	"context"
	"errors"
	"time"

	"go.starlark.net/starlark"

	"ktrap/session"
	"ktrap/session/target"
)

func (h *Host) breakAt(t *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var where string
	var handler starlark.Callable
	if err := starlark.UnpackArgs("break_at", args, kw, "where", &where, "handler??", &handler); err != nil {
		return nil, err
	}
	ctx := contextOf(t)
	set := func(ctx context.Context, v *session.Stopped) error {
		places, err := h.dbg.Resolve(ctx, v, where)
		if err != nil {
			return err
		}
		for _, at := range places {
			k, err := v.Hook(ctx, at, func(hookCtx context.Context, v *session.Stopped, cpu target.CPU) bool {
				return h.handle(hookCtx, v, cpu, where, handler)
			})
			if err != nil {
				return err
			}
			h.hooks = append(h.hooks, k)
		}
		return nil
	}
	if h.lease != nil {
		return starlark.None, set(ctx, h.lease.v)
	}
	return starlark.None, h.s.Quiesced(ctx, set)
}

// handle runs a script's handler while the guest stands at its breakpoint. A
// handler that fails stops the guest and ends the script.
func (h *Host) handle(ctx context.Context, v *session.Stopped, cpu target.CPU, where string, handler starlark.Callable) bool {
	if handler == nil {
		h.stop = true
		return true
	}
	l, err := newLease(ctx, v, cpu)
	if err != nil {
		h.err, h.stop = err, true
		return true
	}
	h.lease = l
	defer func() { h.lease = nil }()
	hit := h.newHit(ctx, l, where)
	thread := h.thread(ctx, where)
	defer h.endWith(thread)()
	said, err := starlark.Call(thread, handler, starlark.Tuple{hit}, nil)
	if err != nil {
		h.err = explain(err)
	}
	h.stop = h.stop || err != nil || said == starlark.String(stopWord)
	return h.stop
}

func (h *Host) onCrash(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	if err := starlark.UnpackArgs("on_crash", args, kw, "handler", &h.crash); err != nil {
		return nil, err
	}
	return starlark.None, nil
}

// run lets the guest run. The script's top level is blocked here while handlers run.
func (h *Host) run(t *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var seconds starlark.Value = starlark.None
	if err := starlark.UnpackArgs("run", args, kw, "seconds?", &seconds); err != nil {
		return nil, err
	}
	ctx := contextOf(t)
	timed, cancel := ctx, context.CancelFunc(func() {})
	if n, ok := starlark.AsFloat(seconds); ok {
		timed, cancel = context.WithTimeout(ctx, time.Duration(n*float64(time.Second)))
	}
	defer cancel()
	if h.lease != nil {
		return nil, errors.New("run: a handler cannot let the guest run: return from it")
	}
	h.stop = false
	timed, done := context.WithCancelCause(timed)
	defer done(nil)
	h.launch(ctx, func() { done(errDone) })
	for {
		stop, err := h.dbg.Continue(timed)
		switch {
		case err != nil:
			return nil, err
		case h.err != nil:
			return nil, h.err
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case stop.Crash != nil:
			on, err := h.tellCrash(t, stop.Crash)
			if err != nil || !on {
				return starlark.String("crash"), err
			}
		case h.stop:
			return starlark.String(stopWord), nil
		case errors.Is(context.Cause(timed), errDone):
			return starlark.String("done"), nil
		case timed.Err() != nil:
			return starlark.String("timeout"), nil
		default: // somebody else's breakpoint, a Ctrl-C in gdb
			return starlark.String(stopWord), nil
		}
	}
}

// errDone says that the commands of start() have ended, and run() with them.
var errDone = errors.New("the commands have ended")

// tellCrash calls the handler of crashes and says whether the guest goes on.
func (h *Host) tellCrash(t *starlark.Thread, c *session.Crash) (goOn bool, err error) {
	if h.crash == nil {
		return false, nil
	}
	said, err := starlark.Call(t, h.crash, starlark.Tuple{newCrash(c)}, nil)
	return said == starlark.String(continueWord), err
}
