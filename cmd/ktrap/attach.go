package main

import (
	"context"
	"errors"
	"log/slog"

	"ktrap/cmd/ktrap/terminal"
	"ktrap/session"
)

type attachCmd struct {
	Vmlinux string `arg:"" optional:"" type:"existingfile" help:"The kernel's vmlinux; left out: ./vmlinux, beside QEMU's -kernel, the debug folders of distributions; always proven by build-id."`
	connectFlags
	symbolFlags
	trapFlags
	Execute []string `short:"e" sep:"none" placeholder:"COMMAND" help:"Run these terminal commands, then quit (repeatable)."`
}

// Help is the long text of `ktrap attach --help`.
func (*attachCmd) Help() string {
	return `Examples:

  qemu-system-x86_64 -s ... &  ktrap attach vmlinux
  ktrap attach --stub unix:/tmp/gdb.sock --on warn=log
  ktrap attach -e bt -e 'print init_task.comm'
  echo dmesg | ktrap attach

While the terminal is open, a stock gdb may join: gdb -ex 'target remote :1235'

Commands: docs/terminal.md, or help in the terminal. With -e or a pipe the exit status
is 1 if a command failed, 3 if a crash was caught.`
}

// Run attaches and opens the terminal.
func (c *attachCmd) Run(ctx context.Context, log *slog.Logger) error {
	o, done, err := c.trapFlags.options(&c.symbolFlags, log)
	if err != nil {
		return err
	}
	defer done()
	o.Stub, o.Listen, o.Vmlinux = string(c.Stub), string(c.Listen), c.Vmlinux
	ctx, open, stop := interruptibleUntil(ctx)
	defer stop()
	var r refusal
	o.OnEvent = r.hear
	err = session.Run(ctx, o, func(ctx context.Context, s *session.Session) error {
		open()
		return openTerminal(ctx, s, c.Execute)
	})
	return r.or(err)
}

// openTerminal runs a terminal and gives its end an exit status: a person who
// leaves is always done.
func openTerminal(ctx context.Context, s *session.Session, execute []string) error {
	err := terminal.Run(ctx, s, &terminal.Options{Execute: execute, Listen: s.ListenAddr()})
	switch {
	case errors.Is(err, terminal.ErrFailed):
		return &exitError{Status: exitFailed}
	case errors.Is(err, terminal.ErrCaught):
		return &exitError{Status: exitCrash}
	}
	return err
}
