package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"

	"ktrap/rsp"
	"ktrap/session"
)

type serveCmd struct {
	Vmlinux string `arg:"" optional:"" type:"existingfile" help:"The kernel's vmlinux; left out: looked for, as for attach."`
	connectFlags
	symbolFlags
	trapFlags
}

// Help is the long text of `ktrap serve --help`.
func (*serveCmd) Help() string {
	return `Events are JSON lines on stdout, described in docs/serve.md.

Examples:

  ktrap serve vmlinux | jq .
  ktrap serve --on all=log --report-dir /var/crash
  ktrap serve --listen localhost:0     on a free port, which the event "ready" tells`
}

// Run serves until it is told to end or the stub is gone.
func (c *serveCmd) Run(ctx context.Context, log *slog.Logger) error {
	o, done, err := c.trapFlags.options(&c.symbolFlags, log)
	if err != nil {
		return err
	}
	defer done()
	o.Stub, o.Listen, o.Vmlinux = string(c.Stub), string(c.Listen), c.Vmlinux
	ctx, stop := interruptible(ctx)
	defer stop()
	out := newEventLog(os.Stdout)
	defer out.close()
	n := &narrator{put: out.put}
	o.OnEvent = n.hear
	err = session.Run(ctx, o, func(ctx context.Context, s *session.Session) error {
		n.open(s.ListenAddr())
		if !s.AtCrash() {
			if err := s.Continue(ctx); err != nil && !errors.Is(err, rsp.ErrRunning) {
				return err
			}
		}
		return s.UntilLost(ctx)
	})
	if ctx.Err() != nil { // it was told to end
		err = nil
	}
	return n.end(err)
}

// narrator turns a session's events into those of serve. The first ones come
// before the port for gdb is open, and wait for its address: whoever reads
// "ready" wants to connect.
type narrator struct {
	put func(event)

	mu      sync.Mutex // events come from the session's loop, the address from its front
	opened  bool
	address string
	waiting []session.Event
	caught  bool
	refused refusal
}

func (n *narrator) hear(e session.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.caught = n.caught || e.Kind == session.TrapHit
	n.refused.hear(e)
	if !n.opened {
		n.waiting = append(n.waiting, e) // a handful: nothing runs yet
		return
	}
	n.tell(e)
}

// open is called when gdb may connect.
func (n *narrator) open(address string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.address = address
	if address != "" {
		n.put(event{Event: "listen", Time: time.Now().UTC(), Address: address, Text: "gdb may join: target remote " + address})
	}
	n.flush()
}

// flush tells what has waited; mu is held.
func (n *narrator) flush() {
	n.opened = true
	for _, e := range n.waiting {
		n.tell(e)
	}
	n.waiting = nil
}

// tell puts an event out; mu is held.
func (n *narrator) tell(e session.Event) {
	out := newEvent(e)
	if e.Kind == session.Ready {
		out.Address = n.address
	}
	n.put(out)
}

// end puts the last event, when the session has ended, and gives the command's
// error.
func (n *narrator) end(err error) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.flush()
	err = n.refused.or(err)
	status := statusOf(err)
	if err == nil && n.caught {
		status = exitCrash
	}
	last := event{Event: "exit", Time: time.Now().UTC(), Status: &status}
	if err != nil {
		last.Error = err.Error()
	}
	n.put(last)
	if status == exitDone {
		return nil
	}
	return &exitError{status, err}
}
