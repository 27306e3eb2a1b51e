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
	o.OnEvent = func(e session.Event) {
		if e.Kind == session.Note || e.Kind == session.Ready {
			progress("%s", e.Text)
		}
	}
	a := &repro.Options{Timeout: c.Timeout, Output: printable{os.Stderr}, Say: func(s string) { progress("%s", s) }, Log: log}
	end, err := c.target(ctx, o, a, extra)
	if err != nil {
		return err
	}
	defer end()
	var res repro.Result
	err = session.Run(ctx, o, func(ctx context.Context, s *session.Session) error {
		res = repro.Attempt(ctx, s, r, a)
		return nil
	})
	if err != nil && res.Verdict == "" {
		if _, ok := errors.AsType[net.Error](err); ok { // nobody there, or gone before the first word
			return &exitError{exitInfra, err}
		}
		return err
	}
	if err != nil { // the attempt has its verdict all the same
		progress("%v", err)
	}
	return c.show(&res)
}

// target says which guest to use: one that runs already, or one that is
// started here and ended by end.
func (c *reproCmd) target(ctx context.Context, o *session.Options, a *repro.Options, extra passed) (end func(), err error) {
	if c.Stub != "" {
		if c.SSH == "" {
			return nil, &exitError{exitUsage, errors.New("--stub needs --ssh: where does the guest's SSH answer?")}
		}
		if c.Kernel != "" || c.Lab != "" || c.Image != "" || c.Initrd != "" || len(extra) > 0 {
			return nil, &exitError{exitUsage, errors.New("--stub uses a VM that runs already: --kernel, --image, --initrd, --lab and QEMU's arguments say how to start one")}
		}
		o.Stub, o.Vmlinux = c.Stub, c.machineFlags.Vmlinux
		a.Guest = &guest.Options{Addr: c.SSH, Key: c.SSHKey, Log: a.Log}
		return func() {}, nil
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
	o.Stub, o.Vmlinux = v.GDBAddr(), m.vmlinux
	o.ModuleDirs = append(o.ModuleDirs, m.modules...)
	o.Console, o.Origin.QEMU = recentConsole(v), v.Args()
	a.Guest = m.guestOptions(v)
	return func() {
		if err := v.Close(); err != nil {
			progress("end the VM: %v", err)
		}
	}, nil
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
	if res.Earlier {
		progress("the guest stood at this crash already; %s was not run", c.Repro)
	}
	progress("verdict: %s after %v", res.Verdict, res.Took.Round(time.Millisecond))
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
	if res.Err != nil {
		progress("the reproducer ended with: %v", res.Err)
	}
	return nil
}
