//go:build qemu

package session_test

import (
	"context"
	"fmt"
	"io"
	"testing"

	"ktrap/session/guest"
)

// shell is one shell in the guest that begins what the rows want to happen
// there. A session per command is no way: dropbear 2022.83 closes a session that
// has no command yet when the process of another one ends (its sesscheckclose),
// and here they end whenever a breakpoint lets them.
type shell struct{ in io.WriteCloser }

// startShell returns once the shell listens, so that it does while the guest is stopped.
func startShell(ctx context.Context, t *testing.T, g *guest.Guest) *shell {
	t.Helper()
	theirs, ours := io.Pipe()
	said, says := io.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err := g.Run(ctx, "echo ready; exec sh", &guest.RunOptions{Stdin: theirs, Stdout: says})
		theirs.CloseWithError(err)
		says.CloseWithError(err)
	}()
	t.Cleanup(func() { g.Close(); <-ended })
	if _, err := io.ReadFull(said, make([]byte, len("ready\n"))); err != nil {
		t.Fatalf("start a shell in the guest: %v", err)
	}
	go func() { _, _ = io.Copy(io.Discard, said) }() // ends with the shell
	return &shell{ours}
}

// begin has the guest run a command beside whatever else is to happen.
func (s *shell) begin(command string) error {
	_, err := fmt.Fprintf(s.in, "(%s) &\n", command)
	return err
}
