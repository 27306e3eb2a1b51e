package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"

	"ktrap/rsp"
	"ktrap/session"
)

type bootCmd struct {
	machineFlags
	symbolFlags
	trapFlags
	Listen  string   `default:"${listen}" placeholder:"ADDR" help:"Where gdb may connect (default localhost:1235; empty: nowhere)."`
	Execute []string `short:"e" sep:"none" placeholder:"COMMAND" help:"Run these terminal commands, then quit (repeatable)."`
	Halt    bool     `help:"Stay at the first instruction instead of booting."`
}

// Help is the long text of `ktrap boot --help`.
func (*bootCmd) Help() string {
	return `What follows -- goes to QEMU. The guest ends with ktrap.
Examples:
  ktrap boot --lab 6.1
  ktrap boot --lab 6.1 -e 'wait 5' -e 'info tasks'
  ktrap boot --kernel arch/x86/boot/bzImage --image disk.img --append "root=/dev/sda console=ttyS0" --classic
  ktrap boot --kernel bzImage --initrd root.cpio.gz -- -device virtio-rng-pci`
}

// Run boots a machine and opens the terminal on it.
func (c *bootCmd) Run(ctx context.Context, log *slog.Logger, extra passed) error {
	m, err := c.machineFlags.resolve(extra, log)
	if err != nil {
		return err
	}
	o, done, err := c.trapFlags.options(&c.symbolFlags, log)
	if err != nil {
		return err
	}
	defer done()
	v, err := m.start(ctx, true)
	if err != nil {
		return err
	}
	defer v.Close()
	progress("%s", v.CommandLine())
	progress("console: %s", filepath.Join(v.Dir(), "console.log"))
	if a := v.SSHAddr(); a != "" {
		progress("SSH: %s", a)
	}
	m.into(o, v)
	o.Listen = c.Listen
	ctx, open, stop := interruptibleUntil(ctx)
	defer stop()
	return session.Run(ctx, o, func(ctx context.Context, s *session.Session) error {
		open()
		if !c.Halt {
			if err := s.Continue(ctx); err != nil && !errors.Is(err, rsp.ErrRunning) {
				return err
			}
		}
		return openTerminal(ctx, s, c.Execute, c.Listen)
	})
}
