package terminal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"ktrap/session"
)

// batch runs commands that nobody types: those of -e, else the lines of a pipe.
// The first one that fails ends it, and so does a kernel that is refused.
func (t *Terminal) batch(ctx context.Context, o *Options) error {
	ctx, t.giveUp = context.WithCancel(ctx)
	defer t.giveUp()
	t.greet(ctx)
	next, failed := t.lines(ctx, o)
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

// lines gives the commands, and after them why there are no more. Once ctx has
// ended nobody waits for a pipe that stays silent.
func (t *Terminal) lines(ctx context.Context, o *Options) (next iter.Seq[string], failed func() error) {
	if len(o.Execute) > 0 {
		return slices.Values(o.Execute), func() error { return nil }
	}
	var err error
	typed := make(chan string)
	ended := make(chan error, 1)
	go func() {
		defer close(typed)
		in := bufio.NewScanner(t.in)
		for in.Scan() {
			select {
			case typed <- in.Text():
			case <-ctx.Done():
				ended <- nil
				return
			}
		}
		ended <- in.Err()
	}()
	return func(yield func(string) bool) {
		for {
			select {
			case line, more := <-typed:
				if !more {
					err = <-ended
					return
				}
				if !yield(line) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}, func() error { return err }
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
