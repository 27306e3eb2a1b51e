package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"

	"ktrap/rsp"
	"ktrap/scripts"
	"ktrap/session"
	"ktrap/session/guest"
)

type scriptCmd struct {
	File string   `arg:"" help:"A Starlark file, or the name of one that ships with ktrap: --list shows them." optional:""`
	Args []string `arg:"" optional:"" help:"The script's argv."`
	List bool     `help:"List the scripts that ship with ktrap."`
	symbolFlags
	trapFlags
	machineFlags
	Stub   address  `default:"${stub}" placeholder:"ADDR" help:"The stub: HOST:PORT, a unix socket or a serial line (default localhost:1234)."`
	Listen address  `placeholder:"ADDR" help:"Where gdb may connect meanwhile (default nowhere)."`
	SSH    hostPort `name:"ssh" placeholder:"HOST:PORT" help:"Where the guest's SSH answers, for guest() and start()."`
}

// Help is the long text of `ktrap script --help`.
func (*scriptCmd) Help() string {
	return `With --kernel, --image or --lab a VM is started; else the script attaches to --stub.
The exit status is 3 if a crash was caught. More in docs/scripts.md.

Functions that scripts may call:

` + functionList(scripts.Reference()) + `
Examples:

  ktrap script --lab 6.1 opens.star 5
  ktrap script --lab 6.12 fork_tree.star 5 'sh -c "ls | wc -l"'
  ktrap script --stub localhost:1234 --vmlinux vmlinux my.star`
}

// Run runs a script.
func (c *scriptCmd) Run(ctx context.Context, log *slog.Logger, extra passed) error {
	if c.List {
		for _, s := range scripts.Shipped() {
			fmt.Printf("%-20s %s\n", s.Name, s.Help)
		}
		return nil
	}
	if c.File == "" {
		return usage("which script? --list shows those that ship with ktrap")
	}
	src, err := scripts.Load(c.File)
	if errors.Is(err, fs.ErrNotExist) {
		return usage("no script %s: not a file, and none of those that ship with ktrap (--list shows them)", c.File)
	}
	if err != nil {
		return err
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	o, done, err := c.trapFlags.options(&c.symbolFlags, log)
	if err != nil {
		return err
	}
	defer done()
	so := &scripts.Options{Args: c.Args, Out: os.Stdout, Log: log}
	o.Stub, o.Listen, o.Vmlinux = string(c.Stub), string(c.Listen), c.Vmlinux
	if c.SSH != "" {
		so.Guest = &guest.Options{Addr: string(c.SSH), Key: c.SSHKey, Log: log, Still: stillWaiting(string(c.SSH), nil)}
	}
	if c.Kernel != "" || c.Image != "" || c.Lab != "" {
		m, err := c.machineFlags.resolve(extra, log)
		if err != nil {
			return err
		}
		v, err := m.start(ctx, true)
		if err != nil {
			return err
		}
		defer v.Close()
		m.into(o, v)
		so.Guest = m.guestOptions(v)
	}
	caught := false
	var boots atomic.Bool // the script does not say yet what people hear
	o.OnEvent = func(e session.Event) {
		caught = caught || e.Kind == session.TrapHit
		if e.Kind == session.Note && boots.Load() {
			progress("%s", e.Text)
		}
	}
	err = session.Run(ctx, o, func(ctx context.Context, s *session.Session) error {
		if so.Guest != nil {
			boots.Store(true)
			err := c.ready(ctx, s, so.Guest)
			boots.Store(false)
			if err != nil {
				return &exitError{exitInfra, withConsole(err, o.Console)}
			}
		}
		return scripts.Run(ctx, s, c.File, src, so)
	})
	if err == nil && caught { // the loop that told of it has ended
		return &exitError{Status: exitCrash}
	}
	return err
}

// ready lets the guest boot until SSH answers and what is fetched of its vmlinux
// has come, and stops it again: scripts begin with a guest that stands, whose user
// space is up and whose kernel is known.
func (c *scriptCmd) ready(ctx context.Context, s *session.Session, o *guest.Options) error {
	if err := s.Continue(ctx); err != nil && !errors.Is(err, rsp.ErrRunning) {
		return err
	}
	progress("wait for SSH on %s", o.Addr)
	waitCtx, cancel := context.WithTimeout(ctx, c.bootTimeout())
	defer cancel()
	g, err := guest.Wait(waitCtx, o)
	if err != nil {
		return fmt.Errorf("reach the guest: %w", err)
	}
	g.Close()
	s.AwaitKernel(ctx)
	_, err = s.Halt(ctx)
	return err
}

// functionList lays the reference of scripts, a list in Markdown, out for a
// terminal: a line with the call, and below it what it does.
func functionList(reference string) string {
	var b strings.Builder
	for line := range strings.Lines(reference) {
		call, help, ok := strings.Cut(strings.TrimPrefix(line, "- `"), "`: ")
		if !ok {
			continue
		}
		fmt.Fprintf(&b, "  %s\n", call)
		for _, part := range wrap(strings.TrimSpace(help), helpWidth) {
			fmt.Fprintf(&b, "      %s\n", part)
		}
	}
	return b.String()
}

// helpWidth is where lines of help end.
const helpWidth = 72

// wrap breaks text into lines of at most width, at blanks.
func wrap(text string, width int) []string {
	var lines []string
	for word := range strings.FieldsSeq(text) {
		if n := len(lines); n > 0 && len(lines[n-1])+1+len(word) <= width {
			lines[n-1] += " " + word
		} else {
			lines = append(lines, word)
		}
	}
	return lines
}
