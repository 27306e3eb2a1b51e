package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
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
	Stub    string        `placeholder:"ADDR" help:"Use the VM that runs behind this stub instead of starting one."`
	SSH     string        `name:"ssh" placeholder:"HOST:PORT" help:"Where its SSH answers."`
	Timeout time.Duration `default:"5m" help:"Give up after this time."`
	Format  string        `enum:"text,json" default:"text" help:"text or json."`
	Listen  string        `placeholder:"ADDR" help:"Where gdb may connect (default nowhere)."`
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
	o, done, err := c.trapFlags.options(&c.symbolFlags, log)
	if err != nil {
		return err
	}
	defer done()
	dir, err := os.MkdirTemp("", "ktrap-repro-")
	if err != nil {
		return fmt.Errorf("make a folder for the reproducer: %w", err)
	}
	defer os.RemoveAll(dir)
	r, err := repro.New(ctx, c.Repro, dir)
	if err != nil {
		return &exitError{exitUnclear, err}
	}
	o.Origin.Reproducer = r.Origin()
	o.Listen = c.Listen
	a := &repro.Options{Timeout: c.Timeout, Output: os.Stderr, Say: func(s string) { progress("%s", s) }, Log: log}
	if c.Stub != "" {
		if c.SSH == "" {
			return &exitError{exitUsage, errors.New("--stub needs --ssh: where does the guest's SSH answer?")}
		}
		o.Stub, o.Vmlinux = c.Stub, c.machineFlags.Vmlinux
		a.Guest = &guest.Options{Addr: c.SSH, Key: c.SSHKey, Log: log}
	} else {
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
		a.Guest = m.guestOptions(v)
		progress("boot %s", m.vm.Kernel)
	}
	var res repro.Result
	err = session.Run(ctx, o, func(ctx context.Context, s *session.Session) error {
		res = repro.Attempt(ctx, s, r, a)
		return nil
	})
	if err != nil && res.Verdict == "" {
		return err
	}
	return c.show(&res)
}

// show prints the verdict and turns it into an exit status.
func (c *reproCmd) show(res *repro.Result) error {
	if res.Crash != nil {
		if c.Format == "json" {
			if err := report.JSON(os.Stdout, res.Crash.Report); err != nil {
				return err
			}
		} else if err := report.Text(os.Stdout, res.Crash.Report, &report.TextOptions{Color: !color.NoColor, Source: true}); err != nil {
			return err
		}
		if res.Crash.Path != "" {
			progress("report: %s", res.Crash.Path)
		}
	}
	progress("verdict: %s after %v", res.Verdict, res.Took.Round(time.Millisecond))
	switch res.Verdict {
	case repro.Crashed:
		return &exitError{Status: exitCrash}
	case repro.Infra:
		return &exitError{exitInfra, res.Err}
	case repro.CannotRun:
		return &exitError{exitUnclear, res.Err}
	}
	if res.Err != nil {
		progress("the reproducer ended with: %v", res.Err)
	}
	return nil
}
