package repro

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"ktrap/rsp"
	"ktrap/session"
	"ktrap/session/guest"
)

// fakeVM is a session that says what it is told to.
type fakeVM struct {
	stop    *session.Stop // what the guest stands at
	refused error         // answer to Continue
	resumed bool
	blind   bool // no kernel is known
}

func (v *fakeVM) AtCrash() bool { return v.stop != nil }

func (v *fakeVM) AwaitKernel(context.Context) bool { return !v.blind }

func (v *fakeVM) Wait(context.Context) (session.Stop, error) {
	return *v.stop, nil
}
func (v *fakeVM) Continue(context.Context) error {
	v.resumed = true
	return v.refused
}

// fakeShell is a guest's SSH. nil functions succeed at once.
type fakeShell struct {
	copy, run func(context.Context) error
	closed    bool
}

func (g *fakeShell) Copy(ctx context.Context, _ io.Reader, _ string, _ fs.FileMode) error {
	if g.copy == nil {
		return nil
	}
	return g.copy(ctx)
}

func (g *fakeShell) Run(ctx context.Context, _ string, _ *guest.RunOptions) error {
	if g.run == nil {
		return nil
	}
	return g.run(ctx)
}

func (g *fakeShell) Close() error {
	g.closed = true
	return nil
}

// never ends only with its context, as everything does in a guest that stands.
func never(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// gives ends at once.
func gives(err error) func(context.Context) error {
	return func(context.Context) error { return err }
}

var (
	theCrash = &session.Crash{}
	hit      = session.Event{Kind: session.TrapHit, Shown: true, Crash: theCrash}
	errLost  = fmt.Errorf("run in the guest: %w: %w", guest.ErrLost, io.EOF)
)

func TestVerdicts(t *testing.T) {
	type when struct {
		after time.Duration
		event session.Event
	}
	cases := []struct {
		name  string
		dial  func(context.Context) error
		shell fakeShell
		news  []when
		want  Verdict
		err   error // in the result's chain
		took  time.Duration
	}{
		{name: "a reproducer that does nothing survives, after a look at what comes later",
			want: Survived},
		{name: "the time is the reproducer's own, without the look at what comes later",
			shell: fakeShell{run: func(context.Context) error { time.Sleep(2 * time.Second); return nil }}, want: Survived, took: 2 * time.Second},
		{name: "a reproducer that fails survives, and its status is told",
			shell: fakeShell{run: gives(&guest.ExitError{Status: 1})}, want: Survived, err: &guest.ExitError{}},
		{name: "a crash ends a reproducer that never would",
			shell: fakeShell{run: never}, news: []when{{7 * time.Second, hit}}, want: Crashed, took: 7 * time.Second},
		{name: "a crash soon after the reproducer's end counts",
			news: []when{{2 * time.Second, hit}}, want: Crashed, took: 2 * time.Second},
		{name: "a crash that the policy only logs does not end it",
			news: []when{{time.Second, session.Event{Kind: session.TrapHit}}}, want: Survived},
		{name: "a reproducer that goes on and on times out",
			shell: fakeShell{run: never}, want: TimedOut, took: DefaultTimeout},
		{name: "SSH that never answers is no verdict about the reproducer",
			dial: never, want: Infra, err: context.DeadlineExceeded},
		{name: "a login that is refused neither",
			dial: gives(guest.ErrRefused), want: Infra, err: guest.ErrRefused},
		{name: "a guest that crashes during its boot has crashed",
			dial: never, news: []when{{time.Second, hit}}, want: Crashed},
		{name: "a firmware that resets the machine before the kernel boots is no news",
			news: []when{{0, session.Event{Kind: session.GuestDown}}},
			dial: func(context.Context) error { time.Sleep(time.Second); return nil }, want: Survived},
		{name: "a guest that reboots under the reproducer is lost",
			shell: fakeShell{run: never}, news: []when{{time.Second, session.Event{Kind: session.GuestDown}}}, want: Infra, err: ErrReset, took: time.Second},
		{name: "SSH that breaks without a crash is lost",
			shell: fakeShell{run: gives(errLost)}, want: Infra, err: ErrLostWithoutCrash},
		{name: "SSH that breaks just before the trap is a crash",
			shell: fakeShell{run: gives(errLost)}, news: []when{{time.Second, hit}}, want: Crashed, took: time.Second},
		{name: "QEMU that dies is no crash of the guest",
			shell: fakeShell{run: never}, news: []when{{time.Second, session.Event{Kind: session.StubGone, Err: io.EOF}}}, want: Infra, err: io.EOF, took: time.Second},
		{name: "a crash while the reproducer is copied counts",
			shell: fakeShell{copy: never}, news: []when{{time.Second, hit}}, want: Crashed},
		{name: "a reproducer that cannot be copied cannot run",
			shell: fakeShell{copy: gives(fs.ErrPermission)}, want: CannotRun, err: fs.ErrPermission},
		{name: "a command that does not exist cannot run",
			shell: fakeShell{run: gives(&guest.ExitError{Status: 127})}, want: CannotRun, err: &guest.ExitError{}},
		{name: "a file that is no program cannot run",
			shell: fakeShell{run: gives(&guest.ExitError{Status: 126})}, want: CannotRun, err: &guest.ExitError{}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				events := make(chan session.Event, 8)
				for _, n := range c.news {
					time.AfterFunc(n.after, func() { events <- n.event })
				}
				g := &c.shell
				dialled := false
				a := &attempt{
					Options: &Options{Guest: &guest.Options{}}, vm: &fakeVM{}, events: events,
					dial: func(ctx context.Context) (shell, error) {
						if c.dial != nil {
							if err := c.dial(ctx); err != nil {
								return nil, err
							}
						}
						dialled = true
						return g, nil
					},
				}
				res := a.try(t.Context(), &Reproducer{Name: "r", Command: "r", binary: "attempt_test.go"})
				if res.Verdict != c.want {
					t.Fatalf("verdict %s (%v), want %s", res.Verdict, res.Err, c.want)
				}
				checkResult(t, res, c.err)
				if c.took != 0 && res.Took != c.took {
					t.Errorf("took %v, want %v", res.Took, c.took)
				}
				if dialled && !g.closed {
					t.Error("the SSH connection was left open")
				}
			})
		})
	}
}

func checkResult(t *testing.T, res Result, want error) {
	t.Helper()
	if (res.Verdict == Crashed) != (res.Crash == theCrash) {
		t.Errorf("verdict %s with crash %p", res.Verdict, res.Crash)
	}
	if _, exit := want.(*guest.ExitError); exit {
		if _, ok := errors.AsType[*guest.ExitError](res.Err); !ok {
			t.Errorf("error %v is no exit status", res.Err)
		}
		return
	}
	if !errors.Is(res.Err, want) {
		t.Errorf("error %v, want %v", res.Err, want)
	}
}

func TestAGuestThatStandsAtACrashIsNotResumed(t *testing.T) {
	vm := &fakeVM{stop: &session.Stop{Crash: theCrash}}
	a := &attempt{Options: &Options{Guest: &guest.Options{}}, vm: vm}
	res := a.try(t.Context(), &Reproducer{})
	if res.Verdict != Crashed || res.Crash != theCrash || !res.Earlier || vm.resumed {
		t.Errorf("result %+v, resumed %v", res, vm.resumed)
	}
}

func TestAGuestThatRunsAlreadyIsTakenAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &attempt{
			Options: &Options{Guest: &guest.Options{}}, vm: &fakeVM{refused: rsp.ErrRunning},
			dial: func(context.Context) (shell, error) { return &fakeShell{}, nil },
		}
		if res := a.try(t.Context(), &Reproducer{}); res.Verdict != Survived {
			t.Errorf("verdict %s: %v", res.Verdict, res.Err)
		}
	})
}

func TestCtrlCEndsAnAttemptWhereverItIs(t *testing.T) {
	for name, a := range map[string]*attempt{
		"while it waits for SSH": {dial: func(ctx context.Context) (shell, error) { return nil, never(ctx) }},
		"while it copies":        {dial: func(context.Context) (shell, error) { return &fakeShell{copy: never}, nil }},
		"while it runs":          {dial: func(context.Context) (shell, error) { return &fakeShell{run: never}, nil }},
		"while it looks on":      {dial: func(context.Context) (shell, error) { return &fakeShell{}, nil }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Second, cancel)
				a.Options, a.vm = &Options{Guest: &guest.Options{}}, &fakeVM{}
				res := a.try(ctx, &Reproducer{binary: "attempt_test.go"})
				if res.Verdict != Cancelled || !errors.Is(res.Err, context.Canceled) {
					t.Errorf("result %+v", res)
				}
			})
		})
	}
}

func TestProgressIsSaidStepByStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said []string
		a := &attempt{
			Options: &Options{Guest: &guest.Options{Addr: "localhost:22"}, Say: func(s string) { said = append(said, s) }},
			vm:      &fakeVM{}, dial: func(context.Context) (shell, error) { return &fakeShell{}, nil },
		}
		a.try(t.Context(), &Reproducer{Name: "x.c"})
		want := []string{"wait for SSH on localhost:22", "run x.c", "the reproducer has ended; watch 3s longer for a crash that comes late"}
		if !slices.Equal(said, want) {
			t.Errorf("said %q, want %q", said, want)
		}
	})
}

func TestAGuestWhoseKernelIsNotKnownCannotBeJudged(t *testing.T) {
	g := &fakeShell{}
	a := &attempt{
		Options: &Options{Guest: &guest.Options{}}, vm: &fakeVM{blind: true},
		dial: func(context.Context) (shell, error) { return g, nil },
	}
	if res := a.try(t.Context(), &Reproducer{Name: "r", Command: "r"}); res.Verdict != CannotRun || !errors.Is(res.Err, ErrBlind) {
		t.Errorf("verdict %s (%v), want %s and ErrBlind", res.Verdict, res.Err, CannotRun)
	}
	if !g.closed {
		t.Error("the SSH connection was left open")
	}
}
