package terminal

import (
	"context"
	"errors"
	"strconv"

	"ktrap/session"
)

func running() []command {
	return []command{
		{names: []string{"continue", "c"}, help: "let the guest run; Ctrl-C interrupts it", again: true, run: runContinue},
		{names: []string{"step", "s"}, args: "[N]", help: "go to another source line, into functions", again: true, run: repeat((*Terminal).step)},
		{names: []string{"next", "n"}, args: "[N]", help: "go to another source line, over functions", again: true, run: repeat((*Terminal).next)},
		{names: []string{"stepi", "si"}, args: "[N]", help: "execute one instruction", again: true, run: repeat((*Terminal).stepi)},
		{names: []string{"finish", "fin"}, help: "run until the selected function returns", run: runFinish},
		{names: []string{"interrupt"}, help: "stop a guest that another client has resumed", run: runInterrupt},
	}
}

func runContinue(ctx context.Context, t *Terminal, _ string) error {
	return t.until(ctx, t.dbg.Continue)
}

func runFinish(ctx context.Context, t *Terminal, _ string) error {
	return t.until(ctx, t.dbg.Finish)
}

func runInterrupt(ctx context.Context, t *Terminal, _ string) error {
	t.s.Interrupt()
	return t.until(ctx, t.dbg.Wait)
}

// until runs what moves the guest and shows where it came to stand.
func (t *Terminal) until(ctx context.Context, move func(context.Context) (session.Stop, error)) error {
	stop, err := move(ctx)
	if err != nil {
		return err
	}
	t.showStop(context.WithoutCancel(ctx), stop)
	return nil
}

// repeat makes a command of a move that takes a count.
func repeat(move func(*Terminal, context.Context) (session.Stop, error)) func(context.Context, *Terminal, string) error {
	return func(ctx context.Context, t *Terminal, args string) error {
		n := 1
		if args != "" {
			var err error
			if n, err = strconv.Atoi(args); err != nil || n < 1 {
				return errors.New("want a count: 1, 2, ...")
			}
		}
		var stop session.Stop
		for range n {
			var err error
			if stop, err = move(t, ctx); err != nil {
				return err
			}
			if stop.Crash != nil || ctx.Err() != nil {
				break
			}
		}
		t.showStop(context.WithoutCancel(ctx), stop)
		return nil
	}
}

func (t *Terminal) step(ctx context.Context) (session.Stop, error) { return t.dbg.Step(ctx) }
func (t *Terminal) next(ctx context.Context) (session.Stop, error) { return t.dbg.Next(ctx) }
func (t *Terminal) stepi(ctx context.Context) (session.Stop, error) {
	return t.dbg.StepInstruction(ctx)
}
