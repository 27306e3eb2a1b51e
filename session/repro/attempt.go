package repro

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"ktrap/rsp"
	"ktrap/session"
	"ktrap/session/guest"
)

// debuggee is what an attempt asks of the session.
type debuggee interface {
	AtCrash() bool
	AwaitKernel(ctx context.Context) bool
	Wait(ctx context.Context) (session.Stop, error)
	Continue(ctx context.Context) error
}

// shell is what an attempt asks of the guest.
type shell interface {
	Copy(ctx context.Context, r io.Reader, path string, mode fs.FileMode) error
	Run(ctx context.Context, command string, o *guest.RunOptions) error
	Close() error
}

// attempt is one try under way.
type attempt struct {
	*Options
	vm     debuggee
	events <-chan session.Event
	dial   func(ctx context.Context) (shell, error)
	up     bool // SSH has answered: a reset from now on is news
}

func (a *attempt) say(text string) {
	if a.Say != nil {
		a.Say(text)
	}
}

func (a *attempt) try(ctx context.Context, r *Reproducer) Result {
	if a.vm.AtCrash() {
		if stop, err := a.vm.Wait(ctx); err == nil && stop.Crash != nil {
			return Result{Verdict: Crashed, Crash: stop.Crash, Earlier: true}
		}
	}
	if err := a.vm.Continue(ctx); err != nil && !errors.Is(err, rsp.ErrRunning) {
		return Result{Verdict: Infra, Err: err}
	}
	g, res := a.reach(ctx)
	if res != nil {
		return *res
	}
	defer g.Close()
	a.up = true
	if !a.vm.AwaitKernel(ctx) {
		return Result{Verdict: CannotRun, Err: ErrBlind}
	}
	if res := a.bring(ctx, g, r); res != nil {
		return *res
	}
	a.say("run " + r.Name)
	return a.run(ctx, g, r)
}

// ErrBlind says that nothing would be caught, so that nothing can be judged.
var ErrBlind = errors.New("the running kernel is not known, so no trap is armed: give the --vmlinux it was built with")

// reach waits for SSH; a crash during boot is a result too.
func (a *attempt) reach(ctx context.Context) (shell, *Result) {
	a.say("wait for SSH on " + a.Guest.Addr)
	waitCtx, cancel := context.WithTimeout(ctx, cmp.Or(a.Wait, DefaultWait))
	defer cancel()
	var g shell
	res, err := a.during(waitCtx, func(ctx context.Context) (err error) {
		g, err = a.dial(ctx)
		return err
	})
	switch {
	case res != nil && err == nil:
		g.Close() // it answered just when the guest crashed
		return nil, res
	case res != nil:
		return nil, res
	case ctx.Err() != nil:
		return nil, &Result{Verdict: Cancelled, Err: ctx.Err()}
	case err != nil:
		return nil, &Result{Verdict: Infra, Err: fmt.Errorf("reach the guest: %w", err)}
	}
	return g, nil
}

// bring brings the reproducer in.
func (a *attempt) bring(ctx context.Context, g shell, r *Reproducer) *Result {
	res, err := a.during(ctx, func(ctx context.Context) error { return r.install(ctx, g) })
	switch {
	case res != nil:
		return res
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return &Result{Verdict: Cancelled, Err: ctx.Err()}
	case errors.Is(err, guest.ErrLost):
		lost := a.linger(ctx, Result{Verdict: Infra, Err: fmt.Errorf("%w: %w", ErrLostWithoutCrash, err)})
		return &lost
	}
	return &Result{Verdict: CannotRun, Err: err}
}

// run runs the reproducer and watches for the first thing that decides.
func (a *attempt) run(ctx context.Context, g shell, r *Reproducer) Result {
	began := time.Now()
	res, done := a.execute(ctx, g, r)
	res.Took = time.Since(began)
	if done {
		return res
	}
	late := a.linger(ctx, res)
	if late.Verdict == Crashed {
		late.Took = time.Since(began)
	}
	return late
}

// execute is the reproducer's own time. done says that nothing more can come.
func (a *attempt) execute(ctx context.Context, g shell, r *Reproducer) (out Result, done bool) {
	runCtx, cancel := context.WithTimeout(ctx, cmp.Or(a.Timeout, DefaultTimeout))
	defer cancel()
	res, err := a.during(runCtx, func(ctx context.Context) error {
		return g.Run(ctx, r.Command, &guest.RunOptions{Stdout: a.Output, Stderr: a.Output})
	})
	switch {
	case res != nil:
		return *res, true
	case ctx.Err() != nil:
		return Result{Verdict: Cancelled, Err: ctx.Err()}, true
	case runCtx.Err() != nil:
		return Result{Verdict: TimedOut}, true
	case errors.Is(err, guest.ErrLost):
		return Result{Verdict: Infra, Err: fmt.Errorf("%w: %w", ErrLostWithoutCrash, err)}, false
	case notRun(err):
		return Result{Verdict: CannotRun, Err: err}, true
	}
	return Result{Verdict: Survived, Err: err}, false
}

// notRun recognises the two statuses by which a shell says that it could not
// run a command at all: found but not executable, and not found.
func notRun(err error) bool {
	exit, ok := errors.AsType[*guest.ExitError](err)
	return ok && (exit.Status == 126 || exit.Status == 127)
}

// linger goes on watching for a while: what a reproducer has set off may come
// later. It gives res if nothing does.
func (a *attempt) linger(ctx context.Context, res Result) Result {
	what := "the reproducer has ended"
	if res.Verdict == Infra {
		what = "SSH is lost"
	}
	a.say(fmt.Sprintf("%s; watch %v longer for a crash that comes late", what, cmp.Or(a.Linger, DefaultLinger)))
	found, _ := a.during(ctx, func(ctx context.Context) error {
		select {
		case <-time.After(cmp.Or(a.Linger, DefaultLinger)):
		case <-ctx.Done():
		}
		return nil
	})
	switch {
	case found != nil:
		return *found
	case ctx.Err() != nil:
		return Result{Verdict: Cancelled, Err: ctx.Err()}
	}
	return res
}

// during runs f and watches the session meanwhile. It returns when f has
// ended: by itself, or because its context did when an event decided.
func (a *attempt) during(ctx context.Context, f func(context.Context) error) (decided *Result, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- f(ctx) }()
	for {
		select {
		case ev := <-a.events:
			if decided = a.decides(ev); decided != nil {
				cancel()
				return decided, <-ended
			}
		case err := <-ended:
			return a.pending(), err
		}
	}
}

// pending looks at the events that came while something else was ready too.
func (a *attempt) pending() *Result {
	for {
		select {
		case ev := <-a.events:
			if res := a.decides(ev); res != nil {
				return res
			}
		default:
			return nil
		}
	}
}

// decides recognises the events that decide an attempt.
func (a *attempt) decides(ev session.Event) *Result {
	switch {
	case ev.Kind == session.TrapHit && ev.Shown:
		return &Result{Verdict: Crashed, Crash: ev.Crash}
	case ev.Kind == session.StubGone:
		return &Result{Verdict: Infra, Err: fmt.Errorf("QEMU is gone: %w", ev.Err)}
	case ev.Kind == session.GuestDown && a.up:
		return &Result{Verdict: Infra, Err: ErrReset}
	}
	return nil
}
