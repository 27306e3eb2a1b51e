package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/fatih/color"

	"ktrap/session"
	"ktrap/session/report"
	"ktrap/session/repro"
	"ktrap/session/vm"
	"ktrap/testdata/crashme"
)

type labDemoCmd struct {
	Series string    `arg:"" default:"6.1" optional:"" help:"Kernel series."`
	Crash  crashName `default:"null" placeholder:"WHAT" help:"What goes wrong (default null): bug, warn, gpf, div, panic, stackoverflow, ...; a wrong word lists all. Some need a kernel that is built to notice."`
	symbolFlags
}

// Run boots, crashes, shows, and leaves nothing behind.
func (c *labDemoCmd) Run(ctx context.Context, log *slog.Logger) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	if _, err := prepareLab(ctx, log, c.Series, false); err != nil {
		return err
	}
	flags := machineFlags{Lab: c.Series}
	m, err := flags.resolve(nil, log)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "ktrap-demo-")
	if err != nil {
		return fmt.Errorf("make a folder for the report: %w", err)
	}
	defer os.RemoveAll(dir)
	v, err := m.start(ctx, true)
	if err != nil {
		return err
	}
	defer v.Close()
	began := time.Now()
	progress("boot Linux %s under QEMU, KASLR on, stopped at its first instruction", m.lab.Release)
	o, done, err := (&trapFlags{}).options(&c.symbolFlags, log)
	if err != nil {
		return err
	}
	defer done()
	m.into(o, v)
	o.ReportDir = dir
	o.OnEvent = func(e session.Event) {
		if e.Kind == session.Ready {
			progress("%s", e.Text)
		}
	}
	r := &repro.Reproducer{Name: "the crash " + string(c.Crash), Command: "echo " + string(c.Crash) + " > /proc/crashme"}
	var res repro.Result
	err = session.Run(ctx, o, func(ctx context.Context, s *session.Session) error {
		res = repro.Attempt(ctx, s, r, &repro.Options{
			Guest: m.guestOptions(v), Timeout: time.Minute, Wait: flags.bootTimeout(), Say: func(s string) { progress("%s", s) },
		})
		return nil
	})
	if err == nil {
		res.Err = withConsole(res.Err, o.Console)
		err = c.uncaught(&res, m.lab.Release)
	}
	if err != nil {
		return err
	}
	progress("stopped at the fault %v after the boot began", time.Since(began).Round(time.Millisecond))
	fmt.Println()
	if err := report.Text(os.Stdout, res.Crash.Report, &report.TextOptions{Color: !color.NoColor, Source: true}); err != nil {
		return err
	}
	fmt.Printf(demoEpilogue, vm.ShellLine(os.Args[:1]), c.Series)
	return nil
}

// uncaught says why an attempt is not the demo; nil if it is.
func (c *labDemoCmd) uncaught(res *repro.Result, release string) error {
	switch {
	case res.Crash != nil:
		return nil
	case res.Verdict == repro.Infra:
		return &exitError{exitInfra, res.Err}
	case res.Verdict == repro.Cancelled:
		return errors.New("interrupted")
	}
	return errors.Join(fmt.Errorf("crash %s was not caught, the attempt %s: Linux %s may not be built to notice it", c.Crash, res.Verdict, release), res.Err)
}

const demoEpilogue = `
To look around in such a crash yourself:

  # the same kernel with ktrap's terminal, and stock gdb beside it, no set-up needed
  %[1]s boot --lab %[2]s
  gdb -ex 'target remote localhost:1235'

  # another crash
  %[1]s repro --lab %[2]s 'echo bug > /proc/crashme'

  # your own kernel, QEMU started with -s
  %[1]s attach vmlinux
`

// crashName is what the lab's crash module can be told to do.
type crashName string

// Validate refuses a word that the module does not know; kong calls it.
func (c crashName) Validate() error {
	if names := crashme.Keywords(); !slices.Contains(names, string(c)) {
		return fmt.Errorf("%q is no crash, want one of %s", c, strings.Join(names, " "))
	}
	return nil
}
