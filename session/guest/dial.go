package guest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

const (
	firstBanner    = 2 * time.Second // wait for a server's first byte, see bannerTime
	lastBanner     = 30 * time.Second
	handshakeLimit = 2 * time.Minute // key exchange and login of a slow guest
	retryEvery     = 100 * time.Millisecond
	refusals       = 3 // logins refused in a row before Wait believes it
)

// Dial connects once.
// Errors: ErrRefused; *knownhosts.KeyError for a host key that is not the known one.
func Dial(ctx context.Context, o *Options) (*Guest, error) {
	return dial(ctx, o, lastBanner)
}

// Wait connects, trying again until it works, ctx ends, or it is plain that it
// never will: wrong host key, unreadable key file, login refused repeatedly.
// Errors: *WaitError when ctx has ended; those of Dial that waiting does not mend.
func Wait(ctx context.Context, o *Options) (*Guest, error) {
	began := time.Now()
	defer o.tellStill(began)()
	refused := 0
	var last error // of an attempt that was not cut short
	for {
		g, err := dial(ctx, o, bannerTime(time.Since(began)))
		if err == nil {
			return g, nil
		}
		if last == nil || ctx.Err() == nil {
			last = err
		}
		if errors.Is(err, ErrRefused) {
			refused++
		} else {
			refused = 0
		}
		if hopeless(err) || refused == refusals {
			return nil, err
		}
		o.log().Debug("not yet", "error", err)
		select {
		case <-time.After(retryEvery):
		case <-ctx.Done():
			return nil, &WaitError{Addr: o.Addr, Waited: time.Since(began), Ctx: ctx.Err(), Last: last}
		}
	}
}

// bannerTime is how long an attempt waits for the server's first byte. One that
// QEMU accepted before the guest's network was up is seldom answered later, so
// that its time is lost; but a slow guest answers slowly, and every attempt that
// is given up still reaches it. A quarter of the time that its boot has taken
// serves both.
func bannerTime(waited time.Duration) time.Duration {
	return min(max(waited/4, firstBanner), lastBanner)
}

// tellStill calls Still every now and then, until the function that it returns
// is called.
func (o *Options) tellStill(began time.Time) (stop func()) {
	if o.Still == nil {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(StillEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				o.Still(time.Since(began))
			case <-done:
				return
			}
		}
	}()
	return func() { close(done); <-ended }
}

// hopeless tells the errors that no waiting mends.
func hopeless(err error) bool {
	if _, ok := errors.AsType[*knownhosts.KeyError](err); ok {
		return true
	}
	_, ok := errors.AsType[*configError](err)
	return ok
}

// configError is a mistake on the host's side.
type configError struct{ err error }

func (e *configError) Error() string { return e.err.Error() }
func (e *configError) Unwrap() error { return e.err }

func dial(ctx context.Context, o *Options, banner time.Duration) (*Guest, error) {
	attempt := &attempt{}
	config, err := o.config(attempt)
	if err != nil {
		return nil, &configError{fmt.Errorf("prepare SSH to %s: %w", o.Addr, err)}
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeLimit)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", o.Addr)
	if err != nil {
		return nil, fmt.Errorf("connect to guest: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	client, err := handshake(conn, o.Addr, config, banner)
	if !stop() && err == nil { // ctx ended just now and took the connection along
		err = ctx.Err()
	}
	if err != nil {
		_ = conn.Close()
		if attempt.login && attempt.answered(err) {
			return nil, fmt.Errorf("log in as %s at %s: %w: %w", config.User, o.Addr, ErrRefused, err)
		}
		return nil, fmt.Errorf("open SSH to %s: %w", o.Addr, err)
	}
	return newGuest(client, o.Addr, o.log()), nil
}

// attempt notes how far a login came, because x/crypto/ssh has no type for a
// refused one.
type attempt struct{ login bool }

// answered tells a refusal from a connection that broke.
func (*attempt) answered(err error) bool {
	_, network := errors.AsType[net.Error](err)
	return !network && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed)
}

// handshake waits for the server's first byte only for a short time: QEMU's
// user network accepts at once, and what it accepted before the guest's
// network was up can hang for long.
func handshake(conn net.Conn, addr string, config *ssh.ClientConfig, banner time.Duration) (*ssh.Client, error) {
	if err := conn.SetReadDeadline(time.Now().Add(banner)); err != nil {
		return nil, err
	}
	first := make([]byte, 1)
	if _, err := io.ReadFull(conn, first); err != nil {
		return nil, fmt.Errorf("wait for SSH banner: %w", err)
	}
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		return nil, err
	}
	c, chans, reqs, err := ssh.NewClientConn(&pushedBack{Conn: conn, first: first}, addr, config)
	if err != nil {
		return nil, err
	}
	return ssh.NewClient(c, chans, reqs), nil
}

// pushedBack is a connection whose first byte was read already.
type pushedBack struct {
	net.Conn
	first []byte // owned by the reader
}

// Read gives the byte first.
func (c *pushedBack) Read(p []byte) (int, error) {
	if len(c.first) > 0 && len(p) > 0 {
		n := copy(p, c.first)
		c.first = c.first[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

func (o *Options) log() *slog.Logger {
	if o.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return o.Log.With("c", "guest")
}

func (o *Options) config(a *attempt) (*ssh.ClientConfig, error) {
	hostKey, err := o.hostKeyCallback()
	if err != nil {
		return nil, err
	}
	auth, err := o.auth(a)
	if err != nil {
		return nil, err
	}
	return &ssh.ClientConfig{
		User:              cmp.Or(o.User, "root"),
		Auth:              auth,
		HostKeyCallback:   hostKey,
		HostKeyAlgorithms: o.hostKeyAlgorithms(hostKey),
		ClientVersion:     "SSH-2.0-ktrap",
		// Emulated guests compute slowly: the cheapest safe algorithms first.
		Config: ssh.Config{KeyExchanges: preferred(ssh.SupportedAlgorithms().KeyExchanges, ssh.KeyExchangeCurve25519)},
	}, nil
}

// preferred moves one algorithm to the front.
func preferred(all []string, first string) []string {
	out := []string{first}
	for _, a := range all {
		if a != first {
			out = append(out, a)
		}
	}
	return out
}

func (o *Options) auth(a *attempt) ([]ssh.AuthMethod, error) {
	if o.Key == "" {
		return []ssh.AuthMethod{
			ssh.PasswordCallback(func() (string, error) { a.login = true; return "", nil }),
			ssh.KeyboardInteractive(func(_, _ string, q []string, _ []bool) ([]string, error) {
				a.login = true
				return make([]string, len(q)), nil
			}),
		}, nil
	}
	pem, err := os.ReadFile(o.Key)
	if err != nil {
		return nil, fmt.Errorf("read SSH key: %w", err)
	}
	signer, err := ssh.ParsePrivateKey(pem)
	if err != nil {
		return nil, fmt.Errorf("parse SSH key %s: %w", o.Key, err)
	}
	return []ssh.AuthMethod{ssh.PublicKeysCallback(func() ([]ssh.Signer, error) {
		a.login = true
		return []ssh.Signer{signer}, nil
	})}, nil
}
