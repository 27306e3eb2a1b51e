package terminal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"ktrap/session"
)

// batch runs commands that nobody types: those of -e, else the lines of a pipe.
// The first one that fails ends it, and so does a kernel that is refused.
func (t *Terminal) batch(ctx context.Context, o *Options) error {
	ctx, t.giveUp = context.WithCancel(ctx)
	defer t.giveUp()
	t.greet(ctx)
	next, failed := t.lines(o)
	for line := range next {
		t.drain()
		if err := t.do(ctx, strings.TrimSpace(line)); err != nil {
			t.drain()
			return ErrFailed
		}
		if t.quit || ctx.Err() != nil {
			break
		}
	}
	t.drain()
	switch err := failed(); {
	case err != nil:
		return err
	case t.refused != nil:
		return ErrFailed
	case t.caught:
		return ErrCaught
	}
	return nil
}

// lines gives the commands, and after them why there are no more.
func (t *Terminal) lines(o *Options) (next func(yield func(string) bool), failed func() error) {
	if len(o.Execute) > 0 {
		return func(yield func(string) bool) {
			for _, line := range o.Execute {
				if !yield(line) {
					return
				}
			}
		}, func() error { return nil }
	}
	in := bufio.NewScanner(t.in)
	return func(yield func(string) bool) {
		for in.Scan() && yield(in.Text()) {
		}
	}, in.Err
}

// greet shows where the guest stands, the crash first if it stands at one.
func (t *Terminal) greet(ctx context.Context) {
	if t.s.Running() {
		t.drain()
		t.tell("%s\n", t.colors.dim("the guest runs"))
		return
	}
	switch k, err := t.dbg.Kernel(ctx); {
	case err == nil:
		t.tell("%s\n", t.colors.dim(fmt.Sprintf("Linux %s, vmlinux %s", k.Release, k.Vmlinux)))
		if k.Unproven != nil {
			t.tell("%s\n", t.colors.bad(k.Unproven.Error()))
		}
	case errors.Is(err, session.ErrNoKernel):
		t.tell("%s\n", t.colors.dim("no kernel is mapped yet: `continue` lets it boot, `break` FUNCTION waits for it"))
	}
	stop, err := t.dbg.Wait(ctx)
	if err != nil {
		t.fail(err)
		return
	}
	t.showStop(ctx, stop)
}
