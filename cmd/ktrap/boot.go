package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"ktrap/rsp"
	"ktrap/session"
	"ktrap/session/guest"
)

type bootCmd struct {
	machineFlags
	symbolFlags
	trapFlags
	Listen  address  `default:"${listen}" placeholder:"ADDR" help:"Where gdb may connect (default localhost:1235; empty: nowhere)."`
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
	g := m.guestOptions(v)
	if g.Addr != "" {
		progress("log in: %s", sshCommand(g))
	}
	m.into(o, v)
	o.Listen = string(c.Listen)
	var r refusal
	o.OnEvent = r.hear
	ctx, open, stop := interruptibleUntil(ctx)
	defer stop()
	err = session.Run(ctx, o, func(ctx context.Context, s *session.Session) error {
		open()
		if c.Halt {
			return openTerminal(ctx, s, c.Execute)
		}
		if err := s.Continue(ctx); err != nil && !errors.Is(err, rsp.ErrRunning) {
			return err
		}
		ctx, cancel := context.WithCancel(ctx)
		var told sync.WaitGroup
		told.Go(func() { c.tellSSH(ctx, s, g) })
		defer told.Wait()
		defer cancel()
		return openTerminal(ctx, s, c.Execute)
	})
	return r.or(err)
}

// tellSSH says when the guest's SSH answers, or that it does not.
func (c *bootCmd) tellSSH(ctx context.Context, s *session.Session, o *guest.Options) {
	if o.Addr == "" {
		return
	}
	o.Still = nil // the person may be busy with a guest that stands
	began := time.Now()
	waitCtx, cancel := context.WithTimeout(ctx, c.bootTimeout())
	defer cancel()
	g, err := guest.Wait(waitCtx, o)
	took := time.Since(began).Round(100 * time.Millisecond)
	switch {
	case err == nil:
		_ = g.Close() // it was only asked whether it answers
		s.Tell(fmt.Sprintf("SSH answers after %v: %s", took, sshCommand(o)))
	case ctx.Err() == nil && errors.Is(err, guest.ErrRefused):
		s.Tell(fmt.Sprintf("SSH answers after %v, but refuses root this way (--ssh-key names a key): %s", took, sshCommand(o)))
	case ctx.Err() == nil && s.Running():
		s.Tell(err.Error())
	}
}
