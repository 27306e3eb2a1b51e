// Package terminal is the command line in which a person works at a stopped
// guest. It reads lines, calls session/debug, and prints; it decides nothing.
//
// Lines come from a person at a terminal, from -e, or from a pipe. Only the
// person is waited for: a guest that runs when the terminal opens is left
// running for the others.
package terminal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/fatih/color"
	"golang.org/x/term"

	"ktrap/rsp"
	"ktrap/session"
	"ktrap/session/debug"
	"ktrap/symbols"
	"ktrap/symbols/addr"
)

// Options adjust a terminal; nil means interactive, on standard input and output.
type Options struct {
	Execute []string  // run these commands, then end
	Listen  string    // where gdb may connect, for the greeting
	Out     io.Writer // nil: standard output
	Err     io.Writer // errors and news; nil: standard error, or where a person reads the rest
	In      io.Reader // nil: standard input; anything but a terminal is a script
}

// Terminal is one person at one session.
type Terminal struct {
	in      io.Reader
	out     io.Writer // what was asked for
	err     io.Writer // errors, hints and news
	colors  palette
	dbg     *debug.Debugger
	s       *session.Session
	person  bool      // somebody types, as opposed to -e and pipes
	keys    *keyboard // of the person
	last    string    // repeated by an empty line
	quit    bool
	caught  bool   // a crash was caught
	who     string // whose stack is selected, as last shown: in sh, pid 1, CPU 0
	refused error  // why no kernel is known although the guest has booted
	giveUp  func() // ends the commands of a batch
	events  <-chan session.Event

	examined addr.Addr        // where x goes on
	listed   symbols.Location // where list goes on; the zero value: at the selection
}

// How a terminal without a person ends.
var (
	ErrFailed = errors.New("a command failed")   // its message was printed
	ErrCaught = errors.New("a crash was caught") // and every command succeeded
)

// Run opens the terminal and returns when the person leaves, the commands are
// done, or the stub is gone.
// Errors: ErrFailed, ErrCaught, rsp.ErrClosed.
func Run(ctx context.Context, s *session.Session, o *Options) error {
	if o == nil {
		o = &Options{}
	}
	t := &Terminal{in: o.In, out: o.Out, s: s, dbg: debug.New(s)}
	t.person = len(o.Execute) == 0 && o.In == nil && o.Out == nil && isTerminal(os.Stdin) && isTerminal(os.Stdout)
	t.colors = newPalette(!color.NoColor && o.Out == nil && isTerminal(os.Stdout) && (t.person || isTerminal(os.Stderr)))
	if t.in == nil {
		t.in = os.Stdin
	}
	if t.out == nil {
		t.out = os.Stdout
	}
	if t.err = o.Err; t.err == nil {
		t.err = os.Stderr
		if t.person {
			t.err = t.out
		}
	}
	events, unsubscribe := s.Subscribe()
	defer unsubscribe()
	t.events = events
	defer holdInterrupts()()
	if t.person {
		return t.interact(ctx, o.Listen)
	}
	return t.batch(ctx, o)
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// holdInterrupts keeps a Ctrl-C that meets no command from ending ktrap, until
// the function that it returns is called.
func holdInterrupts() func() {
	c := make(chan os.Signal, 1) // never read: it only has to be there
	signal.Notify(c, os.Interrupt)
	return func() { signal.Stop(c) }
}

// interruptible ends a context at Ctrl-C: a key of the person, a signal
// otherwise.
func (t *Terminal) interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	if t.keys == nil {
		return ctx, stop
	}
	ctx, release := t.keys.command(ctx)
	return ctx, func() { release(); stop() }
}

// do runs one line; Ctrl-C ends the command, never the terminal. The error has
// been shown.
func (t *Terminal) do(ctx context.Context, text string) error {
	name, args, _ := strings.Cut(text, " ")
	if name == "" || strings.HasPrefix(name, "#") {
		return nil
	}
	name, args = splitFormat(name, args)
	c, err := find(name)
	if err == nil {
		ctx, stop := t.interruptible(ctx)
		err = c.run(ctx, t, strings.TrimSpace(args))
		if err != nil && ctx.Err() != nil {
			err = fmt.Errorf("%s: interrupted", c.names[0])
		}
		stop()
	}
	if err != nil {
		t.fail(err)
	}
	return err
}

// splitFormat moves gdb's /FORMAT from the command to its arguments.
func splitFormat(name, args string) (string, string) {
	if base, format, ok := strings.Cut(name, "/"); ok {
		return base, "/" + format + " " + args
	}
	return name, args
}

// refuse is told that the running kernel is not to be known: for a batch that is
// the end.
func (t *Terminal) refuse(err error) {
	t.refused = err
	if t.giveUp != nil {
		t.giveUp()
	}
}

// fail shows an error, with what to do about it where that is known.
func (t *Terminal) fail(err error) {
	t.tell("%s\n", t.colors.bad(err.Error()))
	switch {
	case errors.Is(err, rsp.ErrRunning):
		t.tell("%s\n", t.colors.dim("`wait` waits until it stops, `interrupt` stops it"))
	case errors.Is(err, session.ErrNoKernel) && t.refused != nil:
		t.tell("%s\n", t.colors.dim(t.refused.Error()))
	case errors.Is(err, session.ErrNoKernel):
		t.tell("%s\n", t.colors.dim("`continue` lets it boot; the traps are armed by themselves"))
	case errors.Is(err, symbols.ErrNoSource):
		t.tell("%s\n", t.colors.dim("--source-dir or --substitute-path say where sources are; `ktrap lab source` fetches those of a lab kernel"))
	}
}
