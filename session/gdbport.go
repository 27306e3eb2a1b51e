package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"ktrap/rsp"
)

// probeListen says early that a port cannot be opened. It stays closed until
// the kernel is known: gdb tries a closed port again for 15 s, but gives an
// open one 2 s to answer.
func probeListen(at string) error {
	if at == "" {
		return nil
	}
	l, err := rsp.Listen(at)
	if err != nil {
		return err
	}
	return l.Close()
}

// ListenAddr is where gdb may connect, with the port that was chosen if none
// was asked for; empty if gdb may not.
func (s *Session) ListenAddr() string { return s.listens }

// serveGDB opens the gdb port. The function it returns closes the port and all
// connections, and returns when their goroutines have ended.
func (s *Session) serveGDB(ctx context.Context) (func(), error) {
	l, err := rsp.Listen(s.opts.Listen)
	if err != nil {
		return nil, err
	}
	s.listens = l.Addr().String()
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	seats := make(chan struct{}, maxClients)
	wg.Go(func() {
		for n := 1; ; n++ {
			conn, err := l.Accept()
			switch {
			case err == nil && len(seats) == maxClients:
				conn.Close() // it has said nothing yet
				s.emit(Event{Kind: ClientHas, Text: fmt.Sprintf("gdb%d turned away: %d are connected", n, maxClients)})
			case err == nil:
				seats <- struct{}{}
				wg.Go(func() {
					s.talkGDB(ctx, conn, n)
					<-seats
				})
			case ctx.Err() != nil || errors.Is(err, net.ErrClosed):
				return
			default: // no descriptors left, as a rule
				s.emit(Event{Kind: ClientHas, Text: "take a connection of gdb: " + err.Error(), Err: err})
				pause(ctx, acceptPause)
			}
		}
	})
	return func() {
		cancel()
		l.Close()
		wg.Wait()
	}, nil
}

// maxClients bounds the gdbs at a time; each may have megabytes waiting for it.
const maxClients = 16

// acceptPause is the time between tries when no connection can be taken.
const acceptPause = time.Second

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
