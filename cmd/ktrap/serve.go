package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"ktrap/rsp"
	"ktrap/session"
)

type serveCmd struct {
	Vmlinux string `arg:"" optional:"" help:"The kernel's vmlinux; left out: looked for, as for attach."`
	connectFlags
	symbolFlags
	trapFlags
}

// Help is the long text of `ktrap serve --help`.
func (*serveCmd) Help() string {
	return `Events are JSON lines on stdout, described in docs/serve.md.
Examples:
  ktrap serve vmlinux | jq .
  ktrap serve --on all=log --report-dir /var/crash`
}

// event is one line of output.
type event struct {
	Event  string    `json:"event"`
	Time   time.Time `json:"time"`
	Text   string    `json:"text,omitempty"`
	Path   string    `json:"path,omitempty"`
	Error  string    `json:"error,omitempty"`
	Title  string    `json:"title,omitempty"`
	Class  string    `json:"class,omitempty"`
	CPU    *int      `json:"cpu,omitempty"`
	Stops  *bool     `json:"stops,omitempty"` // a trap: the guest stays stopped
	Status *int      `json:"status,omitempty"`
}

// Run serves until it is told to end or the stub is gone.
func (c *serveCmd) Run(ctx context.Context, log *slog.Logger) error {
	o, done, err := c.trapFlags.options(&c.symbolFlags, log)
	if err != nil {
		return err
	}
	defer done()
	o.Stub, o.Listen, o.Vmlinux = c.Stub, c.Listen, c.Vmlinux
	ctx, stop := interruptible(ctx)
	defer stop()
	out := newEventLog(os.Stdout)
	defer out.close()
	status := exitDone
	o.OnEvent = func(e session.Event) {
		if e.Kind == session.TrapHit {
			status = exitCrash
		}
		out.put(newEvent(e))
	}
	err = session.Run(ctx, o, func(ctx context.Context, s *session.Session) error {
		if !s.AtCrash() {
			if err := s.Continue(ctx); err != nil && !errors.Is(err, rsp.ErrRunning) {
				return err
			}
		}
		return s.UntilLost(ctx)
	})
	if err != nil && ctx.Err() == nil {
		status = exitFailed
	} else {
		err = nil
	}
	out.put(event{Event: "exit", Time: time.Now().UTC(), Status: &status})
	if status != exitDone {
		return &exitError{status, err}
	}
	return nil
}

func newEvent(e session.Event) event {
	out := event{Event: string(e.Kind), Time: e.Time, Text: e.Text, Path: e.Path}
	if e.Err != nil {
		out.Error = e.Err.Error()
	}
	if e.Crash != nil {
		r := e.Crash.Report
		out.Title, out.Class, out.CPU, out.Stops = r.Title, string(r.Class), &r.CPU, &e.Shown
	}
	return out
}
