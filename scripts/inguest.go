package scripts

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"go.starlark.net/starlark"

	"ktrap/rsp"
	"ktrap/session/guest"
)

// errNoGuest says that a script wants to reach a guest that nobody named.
var errNoGuest = errors.New("no guest to reach: give --ssh, or start one with --lab, --kernel or --image")

// guest runs a command to its end while the guest runs, and leaves the guest as
// it found it.
func (h *Host) guest(t *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var command string
	if err := starlark.UnpackArgs("guest", args, kw, "command", &command); err != nil {
		return nil, err
	}
	switch {
	case h.o.Guest == nil:
		return nil, fmt.Errorf("guest: %w", errNoGuest)
	case h.lease != nil:
		return nil, errors.New("guest: a handler cannot run commands: the guest stands while it runs")
	}
	ctx := contextOf(t)
	stood := !h.s.Running()
	if stood {
		if err := h.s.Continue(ctx); err != nil && !errors.Is(err, rsp.ErrRunning) {
			return nil, err
		}
	}
	out, err := h.output(ctx, command)
	if stood {
		_, herr := h.s.Halt(ctx)
		err = errors.Join(err, herr)
	}
	return starlark.String(out), err
}

// output runs a command; a stop of the guest, which would never let it end,
// ends the wait.
func (h *Host) output(ctx context.Context, command string) ([]byte, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	h.running.Go(func() {
		if _, err := h.s.Wait(ctx); err == nil {
			cancel(errors.New("the guest stopped before the command ended"))
		}
	})
	g, err := guest.Wait(ctx, h.o.Guest)
	if err != nil {
		return nil, err
	}
	defer g.Close()
	out, err := g.Output(ctx, command)
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return out, err
}

// start remembers a command for the next run().
func (h *Host) start(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var command string
	if err := starlark.UnpackArgs("start", args, kw, "command", &command); err != nil {
		return nil, err
	}
	if h.o.Guest == nil {
		return nil, fmt.Errorf("start: %w", errNoGuest)
	}
	h.pending = append(h.pending, command)
	return starlark.None, nil
}

// launch starts the commands of start(), which end with the script, and calls
// done when the last of them has ended by itself.
func (h *Host) launch(ctx context.Context, done func()) {
	left := new(atomic.Int64)
	left.Store(int64(len(h.pending)))
	for _, command := range h.pending {
		h.running.Go(func() {
			g, err := guest.Wait(ctx, h.o.Guest)
			if err != nil {
				return // the script ended before the guest answered
			}
			defer g.Close()
			out, err := g.Output(ctx, command)
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				h.print(fmt.Sprintf("start(%q): %v\n%s", command, err, out))
			}
			if left.Add(-1) == 0 {
				done()
			}
		})
	}
	h.pending = nil
}
