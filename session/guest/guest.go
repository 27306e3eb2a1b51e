// Package guest talks to the guest's user space over SSH: wait for it, bring
// files in, run commands and stream what they print.
package guest

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
)

// Options say how to reach the guest.
type Options struct {
	Addr       string       // HOST:PORT
	User       string       // "" means root
	Key        string       // file with an unencrypted private key; "" tries the empty password
	KnownHosts string       // known_hosts file; "" accepts any host key, on loopback addresses only
	Log        *slog.Logger // nil discards; keys are never logged
}

// ErrLost says that the connection broke before the command ended.
var ErrLost = errors.New("SSH connection lost")

// ExitError says that a command ran and did not exit with 0.
type ExitError struct {
	Status int
	Signal string // without SIG, "" if it exited
}

// Error says how the command ended.
func (e *ExitError) Error() string { return "" }

// Guest is one SSH connection. Its methods may be called concurrently.
type Guest struct {
}

// Dial connects once.
func Dial(ctx context.Context, o *Options) (*Guest, error) { return nil, errors.ErrUnsupported }

// Wait connects, trying again until it works or ctx ends.
func Wait(ctx context.Context, o *Options) (*Guest, error) { return nil, errors.ErrUnsupported }

// RunOptions are the streams of a command; nil discards.
type RunOptions struct {
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
}

// Run runs a shell command and waits for its end.
// Errors: *ExitError, or ErrLost when the guest stopped answering.
func (g *Guest) Run(ctx context.Context, command string, o *RunOptions) error { return nil }

// Output runs a command and returns what it printed on both streams, at most 1 MiB.
func (g *Guest) Output(ctx context.Context, command string) ([]byte, error) { return nil, nil }

// Copy writes r to a file of the guest, through SFTP if the guest has it, else through cat.
func (g *Guest) Copy(ctx context.Context, r io.Reader, path string, mode fs.FileMode) error {
	return nil
}

// CopyFile copies a file of the host.
func (g *Guest) CopyFile(ctx context.Context, local, path string) error { return nil }

// Lost is closed when the connection has ended.
func (g *Guest) Lost() <-chan struct{} { return nil }

// Close ends the connection.
func (g *Guest) Close() error { return nil }
