package terminal

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"ktrap/session"
	"ktrap/session/debug"
)

func running() []command {
	return []command{
		{names: []string{"continue", "c"}, help: "let the guest run until it stops; Ctrl-C stops it", example: "c", again: true, run: runContinue},
		{names: []string{"step", "s"}, args: "[N]", help: "go to another source line, into functions", example: "step 3", again: true, run: repeat((*Terminal).step)},
		{names: []string{"next", "n"}, args: "[N]", help: "go to another source line, over functions", example: "n", again: true, run: repeat((*Terminal).next)},
		{names: []string{"stepi", "si"}, args: "[N]", help: "execute one instruction", example: "si 10", again: true, run: repeat((*Terminal).stepi)},
		{names: []string{"finish", "fin"}, help: "run until the selected function returns", example: "finish", run: runFinish},
		{names: []string{"wait"}, args: "[SECONDS]", help: "wait until a running guest stops; after SECONDS stop it", example: "wait 5", run: runWait},
		{names: []string{"interrupt"}, help: "stop a running guest", example: "interrupt", run: runInterrupt},
	}
}

func runContinue(ctx context.Context, t *Terminal, _ string) error {
	return t.until(ctx, t.dbg.Continue)
}

func runInterrupt(ctx context.Context, t *Terminal, _ string) error {
	return t.until(ctx, t.dbg.Interrupt)
}

func runWait(ctx context.Context, t *Terminal, args string) error {
	if args != "" {
		seconds, err := strconv.ParseFloat(args, 64)
		if err != nil || seconds < 0 || seconds > maxWait.Seconds() {
			return fmt.Errorf("wait %q: want seconds", args)
		}
		timed, cancel := context.WithTimeout(ctx, time.Duration(seconds*float64(time.Second)))
		defer cancel()
		ctx = timed
	}
	return t.until(ctx, t.dbg.Wait)
}

// maxWait bounds what wait takes.
const maxWait = 365 * 24 * time.Hour

func runFinish(ctx context.Context, t *Terminal, _ string) error {
	var stop session.Stop
	var value *debug.Returned
	var err error
	t.telling(ctx, func() { stop, value, err = t.dbg.Finish(ctx) })
	if err != nil {
		return err
	}
	t.showStep(context.WithoutCancel(ctx), stop)
	if value != nil && value.Text != "" {
		t.printf("%s returned %s\n", value.Func, block(value.Text))
	}
	return nil
}

// until runs what moves the guest and shows where it came to stand.
func (t *Terminal) until(ctx context.Context, move func(context.Context) (session.Stop, error)) error {
	var stop session.Stop
	var err error
	t.telling(ctx, func() { stop, err = move(ctx) })
	if err != nil {
		return err
	}
	t.showStop(context.WithoutCancel(ctx), stop)
	return nil
}

// telling shows events as they come while f waits for the guest. Its goroutine
// is joined before telling returns.
func (t *Terminal) telling(ctx context.Context, f func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var teller sync.WaitGroup
	teller.Go(func() {
		for {
			select {
			case e := <-t.events:
				t.showEvent(e)
			case <-ctx.Done():
				return
			}
		}
	})
	f()
	cancel()
	teller.Wait()
}

// repeat makes a command of a move that takes a count.
func repeat(move func(*Terminal, context.Context) (session.Stop, error)) func(context.Context, *Terminal, string) error {
	return func(ctx context.Context, t *Terminal, args string) error {
		n := 1
		if args != "" {
			var err error
			if n, err = strconv.Atoi(args); err != nil || n < 1 {
				return errors.New("want a count of 1 or more")
			}
		}
		var stop session.Stop
		for range n {
			var err error
			if stop, err = move(t, ctx); err != nil {
				return err
			}
			if t.notable(ctx, stop) {
				break
			}
		}
		t.showStep(context.WithoutCancel(ctx), stop)
		return nil
	}
}

// notable reports a stop that ends a count of steps early.
func (t *Terminal) notable(ctx context.Context, stop session.Stop) bool {
	if stop.Crash != nil || ctx.Err() != nil {
		return true
	}
	hit, err := t.dbg.Hit(ctx)
	return err != nil || hit != nil
}

func (t *Terminal) step(ctx context.Context) (session.Stop, error) { return t.dbg.Step(ctx) }
func (t *Terminal) next(ctx context.Context) (session.Stop, error) { return t.dbg.Next(ctx) }
func (t *Terminal) stepi(ctx context.Context) (session.Stop, error) {
	return t.dbg.StepInstruction(ctx)
}
