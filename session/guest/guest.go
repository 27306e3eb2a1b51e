// Package guest talks to the guest's user space over SSH: wait for it, bring
// files in, run commands and stream what they print.
package guest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// Options say how to reach the guest.
type Options struct {
	Addr       string       // HOST:PORT
	User       string       // "" means root
	Key        string       // file with an unencrypted private key; "" tries the empty password
	KnownHosts string       // known_hosts file; "" means any host key on loopback, ~/.ssh/known_hosts elsewhere
	HostAlias  string       // the name to look up in KnownHosts instead of Addr, as OpenSSH's HostKeyAlias
	Log        *slog.Logger // nil discards; keys are never logged

	// Still is called by Wait every StillEvery while it waits, from a goroutine
	// that has ended when Wait returns; nil is silent.
	Still func(waited time.Duration)
}

// StillEvery is how often Options.Still is called.
const StillEvery = 10 * time.Second

// ErrLost says that the connection broke before the command ended.
var ErrLost = errors.New("SSH connection lost")

// ErrRefused says that the guest does not accept the user, key or password.
var ErrRefused = errors.New("guest refused the login")

// WaitError says that nobody has answered while Wait waited. It is the context's
// error and that of the last attempt.
type WaitError struct {
	Addr      string
	Waited    time.Duration
	Ctx, Last error
}

// Error says how long it took and what the last attempt came to.
func (e *WaitError) Error() string {
	return fmt.Sprintf("no SSH on %s after %v (last attempt: %v)", e.Addr, e.Waited.Round(time.Second), e.Last)
}

// Unwrap gives both causes.
func (e *WaitError) Unwrap() []error { return []error{e.Ctx, e.Last} }

// ExitError says that a command ran and did not exit with 0.
type ExitError struct {
	Status int
	Signal string // without SIG, "" if it exited
}

// Error says how the command ended.
func (e *ExitError) Error() string {
	if e.Signal != "" {
		return "killed by SIG" + e.Signal
	}
	return fmt.Sprintf("exit status %d", e.Status)
}

// Guest is one SSH connection. Its methods may be called concurrently.
//
// Goroutines: those of x/crypto/ssh and one that notes the end of the
// connection; Close joins the latter.
type Guest struct {
	client *ssh.Client
	addr   string
	log    *slog.Logger
	lost   chan struct{}
	wg     sync.WaitGroup
	noSFTP atomic.Bool // found out once: the guest has no SFTP server
}

func newGuest(c *ssh.Client, addr string, log *slog.Logger) *Guest {
	g := &Guest{client: c, addr: addr, log: log, lost: make(chan struct{})}
	g.wg.Go(func() {
		err := c.Wait()
		log.Debug("connection ended", "addr", addr, "error", err)
		close(g.lost)
	})
	return g
}

// Addr is the address that was dialled.
func (g *Guest) Addr() string { return g.addr }

// Lost is closed when the connection has ended.
func (g *Guest) Lost() <-chan struct{} { return g.lost }

// Alive asks the SSH server for a sign of life; it fails when ctx ends first,
// as it does while the guest is stopped.
func (g *Guest) Alive(ctx context.Context) error {
	answer := make(chan error, 1) // its sender ends with the connection at the latest
	go func() {
		_, _, err := g.client.SendRequest("keepalive@openssh.com", true, nil)
		answer <- err
	}()
	select {
	case err := <-answer:
		if err != nil {
			return fmt.Errorf("ask guest at %s for a sign of life: %w: %w", g.addr, ErrLost, err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("ask guest at %s for a sign of life: %w", g.addr, ctx.Err())
	}
}

// Close ends the connection.
func (g *Guest) Close() error {
	err := g.client.Close()
	g.wg.Wait()
	if errors.Is(err, net.ErrClosed) { // it was lost already
		return nil
	}
	return err
}
