package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/ssh"
)

// maxOutput bounds what Output keeps.
const maxOutput = 1 << 20

// RunOptions are the streams of a command; nil discards.
type RunOptions struct {
	Stdin  io.Reader
	Stdout io.Writer // Stdout and Stderr may be the same writer; writes do not overlap
	Stderr io.Writer
}

// Run runs a shell command and waits for its end. When ctx ends first, the
// command is asked to die and Run returns without waiting for it: a guest that
// is stopped or dead cannot answer. Nothing is written to the streams after
// Run has returned.
// Errors: *ExitError; ErrLost when the connection broke first; ctx's.
func (g *Guest) Run(ctx context.Context, command string, o *RunOptions) error {
	if o == nil {
		o = &RunOptions{}
	}
	if err := g.run(ctx, command, o); err != nil {
		return fmt.Errorf("run %q in the guest: %w", short(command), err)
	}
	return nil
}

func (g *Guest) run(ctx context.Context, command string, o *RunOptions) error {
	return g.inSession(ctx, func(s *ssh.Session, gate *gate) error {
		if o.Stdin != nil {
			s.Stdin = &gatedReader{gate, o.Stdin}
		}
		s.Stdout, s.Stderr = gate.pass(o.Stdout), gate.pass(o.Stderr)
		return exitError(s.Run(command))
	})
}

// inSession runs f with a session of its own until f returns or ctx ends. In
// the latter case f goes on alone: it gets its session closed and its streams
// shut, but may not return before the guest answers or the connection ends.
func (g *Guest) inSession(ctx context.Context, f func(*ssh.Session, *gate) error) error {
	var gate gate
	defer gate.shut()
	ended := make(chan error, 1) // its sender may be late
	started := make(chan *ssh.Session, 1)
	go func() {
		s, err := g.client.NewSession()
		if err != nil {
			ended <- fmt.Errorf("open a session: %w: %w", ErrLost, err)
			return
		}
		defer s.Close()
		started <- s
		ended <- f(s, &gate)
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	go func() { // may block on a connection that nobody drains
		select {
		case s := <-started:
			_ = s.Signal(ssh.SIGKILL)
			_ = s.Close()
		case <-g.lost:
		}
	}()
	return ctx.Err()
}

// exitError gives x/crypto's ways to say "it ended" our types.
func exitError(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*ssh.ExitError](err); ok {
		return &ExitError{Status: e.ExitStatus(), Signal: e.Signal()}
	}
	// No exit status came, or the stream ended: in both cases nobody knows how the command fared.
	return fmt.Errorf("%w: %w", ErrLost, err)
}

// Output runs a command and returns what it printed on both streams, the first
// MiB of it.
func (g *Guest) Output(ctx context.Context, command string) ([]byte, error) {
	out := &head{limit: maxOutput}
	err := g.Run(ctx, command, &RunOptions{Stdout: out, Stderr: out})
	return out.Bytes(), err
}

// head keeps the first bytes and swallows the rest.
type head struct {
	bytes.Buffer
	limit int
}

// Write keeps what fits.
func (h *head) Write(p []byte) (int, error) {
	if room := h.limit - h.Len(); room > 0 {
		h.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// Quote makes one word of s for the guest's shell.
func Quote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// short cuts a command for a message.
func short(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "..."
	}
	return s
}
