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
	"ktrap/session/report"
	"ktrap/session/repro"
)

type labDemoCmd struct {
	Series string `arg:"" default:"6.1" optional:"" help:"Kernel series."`
	Crash  string `default:"null" help:"What goes wrong; cat /proc/crashme in the guest lists the keywords."`
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
	r := &repro.Reproducer{Name: c.Crash, Command: "echo " + c.Crash + " > /proc/crashme"}
	var res repro.Result
	err = session.Run(ctx, o, func(ctx context.Context, s *session.Session) error {
		res = repro.Attempt(ctx, s, r, &repro.Options{
			Guest: m.guestOptions(v), Timeout: time.Minute, Say: func(s string) { progress("%s", s) },
		})
		return nil
	})
	switch {
	case err != nil:
		return err
	case res.Crash == nil:
		return &exitError{exitInfra, errors.Join(fmt.Errorf("the demo's crash was not caught: %s", res.Verdict), res.Err)}
	}
	progress("stopped at the fault %v after the boot began", time.Since(began).Round(time.Millisecond))
	fmt.Println()
	if err := report.Text(os.Stdout, res.Crash.Report, &report.TextOptions{Color: !color.NoColor, Source: true}); err != nil {
		return err
	}
	fmt.Print(demoEpilogue)
	return nil
}

const demoEpilogue = `
To look around in such a crash yourself:

  bin/ktrap boot --lab 6.1                      boot the same kernel with ktrap's terminal
  gdb -ex 'target remote localhost:1235'        attach stock gdb to it, no set-up needed
  bin/ktrap repro --lab 6.1 'echo bug > /proc/crashme'
  bin/ktrap attach vmlinux                      your own kernel, QEMU started with -s
`
