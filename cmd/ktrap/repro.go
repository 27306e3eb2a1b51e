package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/fatih/color"

	"ktrap/session"
	"ktrap/session/guest"
	"ktrap/session/report"
	"ktrap/session/repro"
)

type reproCmd struct {
	Repro string `arg:"" help:"A C file (built static here), a script, or a command for the guest's shell."`
	machineFlags
	symbolFlags
	trapFlags
	Stub    address       `placeholder:"ADDR" help:"Use the VM that runs behind this stub instead of starting one."`
	SSH     hostPort      `name:"ssh" placeholder:"HOST:PORT" help:"Where its SSH answers."`
	Timeout time.Duration `default:"5m" placeholder:"TIME" help:"How long the reproducer may run (default 5m)."`
	Format  string        `enum:"text,json" default:"text" help:"text or json: one object with verdict, took, error, report_dir and report."`
	Listen  address       `placeholder:"ADDR" help:"Where gdb may connect (default nowhere)."`
}

// Help is the long text of `ktrap repro --help`.
func (*reproCmd) Help() string {
	return `Exit status: 0 nothing crashed, 3 a crash was caught, 4 no VM or no SSH, 125 the reproducer could not run.

Examples:

  ktrap repro --lab 6.1 'echo null > /proc/crashme'
  ktrap repro --kernel bzImage --image disk.img --append root=/dev/sda --ssh-key id_rsa repro.c
  ktrap repro --stub localhost:1234 --ssh localhost:10021 --ssh-key id_rsa ./repro.sh`
}

// Run makes one attempt and prints what came of it.
func (c *reproCmd) Run(ctx context.Context, log *slog.Logger, extra passed) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	res, err := c.attempt(ctx, log, extra)
	if statusOf(err) == exitUsage {
		return err // nothing was tried
	}
	if res == nil {
		res = &repro.Result{Err: err}
	}
	if c.Format == "json" {
		return errors.Join(newOutcome(res, err).write(os.Stdout), err)
	}
	return errors.Join(c.show(res), err)
}

// attempt makes one attempt. Its error has the exit status of the command; the
// result is nil if it did not come to an attempt.
func (c *reproCmd) attempt(ctx context.Context, log *slog.Logger, extra passed) (*repro.Result, error) {
	o, done, err := c.trapFlags.options(&c.symbolFlags, log)
	if err != nil {
		return nil, err
	}
	defer done()
	dir, err := os.MkdirTemp("", "ktrap-repro-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the reproducer: %w", err)
	}
	defer os.RemoveAll(dir)
	r, err := repro.New(ctx, c.Repro, dir)
	if err != nil {
		return nil, &exitError{exitUnclear, err}
	}
	o.Origin.Reproducer = r.Origin()
	o.Listen = string(c.Listen)
	o.OnEvent = func(e session.Event) {
		if e.Kind == session.Note || e.Kind == session.Ready || e.Kind == session.Refused {
			progress("%s", e.Text)
		}
	}
	a := &repro.Options{Timeout: c.Timeout, Wait: c.bootTimeout(), Output: printable{os.Stderr}, Say: func(s string) { progress("%s", s) }, Log: log}
	end, err := c.target(ctx, o, a, extra)
	if err != nil {
		return nil, err
	}
	defer end()
	var res repro.Result
	err = session.Run(ctx, o, func(ctx context.Context, s *session.Session) error {
		res = repro.Attempt(ctx, s, r, a)
		return nil
	})
	if err != nil && res.Verdict == "" {
		if _, ok := errors.AsType[net.Error](err); ok { // nobody there, or gone before the first word
			return nil, &exitError{exitInfra, err}
		}
		return nil, err
	}
	if err != nil { // the attempt has its verdict all the same
		progress("%v", err)
	}
	res.Err = withConsole(res.Err, o.Console)
	return &res, verdictError(&res)
}

// verdictError turns a verdict into an exit status.
func verdictError(res *repro.Result) error {
	switch res.Verdict {
	case repro.Cancelled:
		return errors.New("interrupted")
	case repro.Crashed:
		return &exitError{Status: exitCrash}
	case repro.Infra:
		return &exitError{exitInfra, res.Err}
	case repro.CannotRun:
		return &exitError{exitUnclear, res.Err}
	}
	return nil
}

// target says which guest to use: one that runs already, or one that is
// started here and ended by end.
func (c *reproCmd) target(ctx context.Context, o *session.Options, a *repro.Options, extra passed) (end func(), err error) {
	if c.Stub != "" {
		if c.SSH == "" {
			return nil, usage("--stub needs --ssh: where does the guest's SSH answer?")
		}
		if c.Kernel != "" || c.Lab != "" || c.Image != "" || c.Initrd != "" || len(extra) > 0 {
			return nil, usage("--stub uses a VM that runs already: --kernel, --image, --initrd, --lab and QEMU's arguments say how to start one")
		}
		o.Stub, o.Vmlinux = string(c.Stub), c.machineFlags.Vmlinux
		a.Guest = &guest.Options{Addr: string(c.SSH), Key: c.SSHKey, Log: a.Log, Still: stillWaiting(string(c.SSH), nil)}
		return func() {}, nil
	}
	if c.SSH != "" {
		return nil, usage("--ssh belongs to --stub; the VM that is started here is reached by itself")
	}
	m, err := c.machineFlags.resolve(extra, a.Log)
	if err != nil {
		return nil, err
	}
	v, err := m.start(ctx, true)
	if err != nil {
		return nil, err
	}
	progress("%s", v.CommandLine())
	progress("console: %s", filepath.Join(v.Dir(), "console.log"))
	m.into(o, v)
	a.Guest = m.guestOptions(v)
	return func() {
		if err := v.Close(); err != nil {
			progress("end the VM: %v", err)
		}
	}, nil
}

// show prints the report, and the verdict for people. The error of the attempt
// is left to the caller.
func (c *reproCmd) show(res *repro.Result) error {
	if res.Verdict == "" {
		return nil
	}
	if res.Crash != nil {
		if err := report.Text(os.Stdout, res.Crash.Report, &report.TextOptions{Color: !color.NoColor, Source: true}); err != nil {
			return err
		}
		if res.Crash.Path != "" {
			progress("report: %s", res.Crash.Path)
		}
	}
	if res.Earlier {
		progress("the guest stood at this crash already; %s was not run", c.Repro)
	}
	if res.Verdict == repro.Survived && res.Err != nil {
		progress("the reproducer ended with: %v", res.Err)
	}
	progress("verdict: %s after %v", res.Verdict, res.Took.Round(time.Millisecond))
	return nil
}
