// Package terminal is the command line in which a person works at a stopped
// guest. It reads lines, calls session/debug, and prints; it decides nothing.
package terminal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/fatih/color"
	"github.com/go-delve/liner"

	"ktrap/session"
	"ktrap/session/debug"
	"ktrap/session/report"
)

// Options adjust a terminal; nil means interactive, on standard input and output.
type Options struct {
	Execute []string  // run these commands, then end
	Listen  string    // where gdb may connect, for the greeting
	Out     io.Writer // nil: standard output
	In      io.Reader // nil: standard input; a reader that is no terminal is a script
}

// Terminal is one person at one session.
type Terminal struct {
	out    io.Writer
	colors palette
	dbg    *debug.Debugger
	s      *session.Session
	line   *liner.State // nil when not interactive
	last   string       // repeated by an empty line
	quit   bool
	events <-chan session.Event
}

// errFailed says that a command of Execute failed; the message was printed.
var errFailed = errors.New("a command failed")

// Run opens the terminal and returns when the person leaves or the stub is gone.
func Run(ctx context.Context, s *session.Session, o *Options) error {
	if o == nil {
		o = &Options{}
	}
	t := &Terminal{out: o.Out, s: s, dbg: debug.New(s)}
	if t.out == nil {
		t.out = os.Stdout
	}
	t.colors = newPalette(!color.NoColor && o.Out == nil)
	events, unsubscribe := s.Subscribe()
	defer unsubscribe()
	t.events = events
	t.greet(ctx, o.Listen)
	if len(o.Execute) > 0 {
		return t.execute(ctx, o.Execute)
	}
	return t.interact(ctx)
}

func (t *Terminal) printf(format string, args ...any) { fmt.Fprintf(t.out, format, args...) }

// greet shows where the guest stands, the crash first if it stands at one.
func (t *Terminal) greet(ctx context.Context, listen string) {
	if listen != "" {
		t.printf("gdb may join: gdb -ex 'target remote %s'\n", listen)
	}
	stop, err := t.s.Wait(ctx)
	if err != nil {
		t.fail(err)
		return
	}
	t.showStop(ctx, stop)
}

func (t *Terminal) execute(ctx context.Context, commands []string) error {
	for _, c := range commands {
		if err := t.do(ctx, c); err != nil {
			return errFailed
		}
		if t.quit {
			break
		}
	}
	return nil
}

const prompt = "(ktrap) "

// interact reads lines until quit or the end of input.
func (t *Terminal) interact(ctx context.Context) error {
	t.line = liner.NewLiner()
	defer t.line.Close()
	t.line.SetCtrlCAborts(true)
	t.line.SetCompleter(func(line string) []string { return t.complete(ctx, line) })
	history := historyFile()
	t.loadHistory(history)
	defer t.saveHistory(history)
	for !t.quit {
		t.drain()
		text, err := t.line.Prompt(prompt)
		switch {
		case errors.Is(err, liner.ErrPromptAborted):
			continue
		case err != nil:
			t.printf("\n")
			return nil // end of input
		}
		if text = strings.TrimSpace(text); text == "" {
			text = t.last
		} else {
			t.line.AppendHistory(text)
		}
		t.last = repeatable(text)
		_ = t.do(ctx, text) // the message was printed, the person is here
		if ctx.Err() != nil {
			return nil
		}
	}
	return nil
}

// do runs one line; Ctrl-C ends the command, never the terminal.
func (t *Terminal) do(ctx context.Context, text string) error {
	name, args, _ := strings.Cut(text, " ")
	if name == "" {
		return nil
	}
	name, args = splitFormat(name, args)
	c, err := find(name)
	if err != nil {
		t.fail(err)
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	if err := c.run(ctx, t, strings.TrimSpace(args)); err != nil {
		t.fail(err)
		return err
	}
	return nil
}

// splitFormat moves gdb's /FORMAT from the command to its arguments.
func splitFormat(name, args string) (string, string) {
	if base, format, ok := strings.Cut(name, "/"); ok {
		return base, "/" + format + " " + args
	}
	return name, args
}

func (t *Terminal) fail(err error) {
	t.printf("%s\n", t.colors.bad(err.Error()))
}

// drain prints what happened while the person was thinking.
func (t *Terminal) drain() {
	for {
		select {
		case e := <-t.events:
			t.showEvent(e)
		default:
			return
		}
	}
}

func (t *Terminal) showEvent(e session.Event) {
	switch e.Kind {
	case session.TrapHit:
		if !e.Shown {
			t.printf("%s %s\n", t.colors.dim("[log]"), e.Crash.Report.Title)
		}
	case session.Reported:
		t.printf("%s %s\n", t.colors.dim("report:"), e.Path)
	default:
		t.printf("%s\n", t.colors.dim(e.Text))
	}
}

// showStop prints why the guest stands.
func (t *Terminal) showStop(ctx context.Context, stop session.Stop) {
	t.drain()
	if stop.Crash != nil {
		if err := report.Text(t.out, stop.Crash.Report, &report.TextOptions{Color: t.colors.on}); err != nil {
			t.fail(err)
		}
		return
	}
	l, err := t.dbg.Selected(ctx)
	if err != nil {
		t.fail(err)
		return
	}
	if b := t.dbg.At(stop.PC); b != nil {
		t.printf("breakpoint %d, ", b.ID)
	}
	t.showLevel(t.dbg.Number(), l)
	t.showLine(ctx)
}

// historyFile is where lines are kept, "" if there is no place.
func historyFile() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "ktrap", "history")
}

func (t *Terminal) loadHistory(path string) {
	f, err := os.Open(path)
	if err != nil {
		return // the first time
	}
	defer f.Close()
	if _, err := t.line.ReadHistory(f); err != nil {
		t.fail(fmt.Errorf("read history: %w", err))
	}
}

func (t *Terminal) saveHistory(path string) {
	if path == "" || os.MkdirAll(filepath.Dir(path), 0o700) != nil {
		return
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return // history is a comfort
	}
	defer f.Close()
	_, _ = t.line.WriteHistory(f)
}
