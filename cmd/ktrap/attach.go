package main

import (
	"context"
	"log/slog"

	"ktrap/cmd/ktrap/terminal"
	"ktrap/session"
)

type attachCmd struct {
	Vmlinux string `arg:"" optional:"" help:"The kernel's vmlinux; left out: ./vmlinux, beside QEMU's -kernel, the debug folders of distributions; always proven by build-id."`
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
While the terminal is open, a stock gdb may join: gdb -ex 'target remote :1235'`
}

// Run attaches and opens the terminal.
func (c *attachCmd) Run(ctx context.Context, log *slog.Logger) error {
	o, done, err := c.trapFlags.options(&c.symbolFlags, log)
	if err != nil {
		return err
	}
	defer done()
	o.Stub, o.Listen, o.Vmlinux = c.Stub, c.Listen, c.Vmlinux
	return session.Run(ctx, o, func(ctx context.Context, s *session.Session) error {
		return terminal.Run(ctx, s, &terminal.Options{Execute: c.Execute, Listen: c.Listen})
	})
}
