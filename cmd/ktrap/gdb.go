package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"ktrap/session"
)

type gdbCmd struct {
	Vmlinux string `arg:"" optional:"" type:"existingfile" help:"The kernel's vmlinux; left out: looked for, as for attach."`
	GDB     string `name:"gdb" env:"KTRAP_GDB" default:"gdb" placeholder:"PROGRAM" help:"The gdb to start ($KTRAP_GDB, default gdb)."`
	connectFlags
	symbolFlags
	trapFlags
}

// Help is the long text of ktrap gdb --help.
func (*gdbCmd) Help() string {
	return `Your own gdb, with its own settings, on a kernel that ktrap has found and whose traps
are armed. What follows -- goes to gdb. The guest stands when gdb starts, and is
let go when gdb ends.

Examples:
  ktrap gdb                                   the kernel of localhost:1234
  ktrap gdb vmlinux -- --tui
  ktrap gdb --gdb gdb-multiarch -- -x my.gdb
  ktrap gdb -- -batch -ex 'break vfs_write' -ex continue -ex bt

In gdb: monitor ktrap help. With -batch the exit status is 3 if a crash was caught.`
}

// Run attaches and runs gdb until it ends.
func (c *gdbCmd) Run(ctx context.Context, log *slog.Logger, extra passed) error {
	program, err := exec.LookPath(c.GDB)
	if err != nil {
		return fmt.Errorf("start gdb: %w; install one (apt-get install gdb), or name one with --gdb", err)
	}
	if c.Listen == "" {
		return usage("--listen: gdb needs a port to connect to; localhost:0 takes a free one")
	}
	o, done, err := c.trapFlags.options(&c.symbolFlags, log)
	if err != nil {
		return err
	}
	defer done()
	o.Stub, o.Listen, o.Vmlinux = string(c.Stub), string(c.Listen), c.Vmlinux
	ctx, open, stop := interruptibleUntil(ctx)
	defer stop()
	g := gdbRun{program: program, args: extra, substitute: c.Substitute, sourceDirs: c.SourceDir}
	o.OnEvent = g.hear
	err = session.Run(ctx, o, func(ctx context.Context, s *session.Session) error {
		open()
		return g.run(ctx, s)
	})
	err = g.refused.or(err)
	if err == nil && g.caught && !term.IsTerminal(int(os.Stdin.Fd())) { // a person who leaves is always done
		return &exitError{Status: exitCrash}
	}
	return err
}

// gdbRun is one gdb on a session.
type gdbRun struct {
	program    string
	args       []string // the person's
	substitute []string // A=B
	sourceDirs []string

	refused refusal
	caught  bool // written by the session's loop
}

// hear keeps what decides about the end: while gdb has the terminal, it is gdb
// that says what happens.
func (g *gdbRun) hear(e session.Event) {
	g.refused.hear(e)
	g.caught = g.caught || e.Kind == session.TrapHit
}

// run starts gdb on the person's terminal and waits for its end.
func (g *gdbRun) run(ctx context.Context, s *session.Session) error {
	wiring := gdbWiring{address: s.ListenAddr(), substitute: g.substitute, sourceDirs: g.sourceDirs}
	err := s.Quiesced(ctx, func(_ context.Context, v *session.Stopped) error {
		wiring.vmlinux = v.Vmlinux()
		wiring.compiled, wiring.source, _ = v.SourceRoot()
		return nil
	})
	if err != nil {
		return err
	}
	// Ctrl-C is gdb's. Taken, not ignored, which gdb would inherit.
	keys := make(chan os.Signal, 1)
	signal.Notify(keys, os.Interrupt, syscall.SIGQUIT)
	defer signal.Stop(keys)
	cmd := exec.CommandContext(ctx, g.program, append(wiring.flags(), g.args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // gdb puts the terminal right
	cmd.WaitDelay = gdbLeaves
	err = cmd.Run()
	switch exit, ok := errors.AsType[*exec.ExitError](err); {
	case ctx.Err() != nil:
		return nil // ktrap was told to end
	case ok && exit.Exited():
		return &exitError{exitFailed, fmt.Errorf("%s ended with status %d", g.program, exit.ExitCode())}
	case err != nil:
		return fmt.Errorf("run %s: %w", g.program, err)
	}
	return nil
}

// gdbLeaves is the time that gdb has to end when it is told to.
const gdbLeaves = 5 * time.Second

// gdbWiring is what makes a gdb know this kernel from its start.
type gdbWiring struct {
	address          string
	vmlinux          string // "" when no kernel is known yet
	compiled, source string // the source tree as compiled, and here; "" when not known
	substitute       []string
	sourceDirs       []string
}

// flags are gdb's arguments; what people write themselves comes first. The index
// cache is for vmlinux alone: of a module it would keep the addresses of this boot.
func (w *gdbWiring) flags() []string {
	list := []string{"-q"}
	for _, s := range w.substitute {
		from, to, _ := strings.Cut(s, "=")
		list = append(list, "-iex", "set substitute-path "+gdbWord(from)+" "+gdbWord(to))
	}
	if w.source != "" {
		list = append(list, "-iex", "set substitute-path "+gdbWord(w.compiled)+" "+gdbWord(w.source))
	}
	for _, dir := range w.sourceDirs {
		list = append(list, "-iex", "directory "+gdbWord(dir))
	}
	if w.vmlinux != "" {
		list = append(list, "-iex", "set index-cache enabled on", "-se", w.vmlinux, "-ex", "set index-cache enabled off")
	}
	return append(list, "-ex", "target remote "+w.address)
}

// gdbWord quotes a word of a gdb command.
func gdbWord(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune(" \t\"'\\", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
