// Package session wires everything: it owns the one connection to QEMU's stub
// and the loop through which gdb, the terminal, scripts and the reproduction
// driver share it.
//
// Goroutines, all started in [Run] and joined before it returns:
//
//   - stub reader: rsp.Client.Run; blocks on the stub, posts stops to the loop
//   - loop: runs machine.Step and its effects; owns every field marked so
//   - acceptor and one reader per gdb: block on their sockets, post packets
//   - at most one worker: an inspection or a job, while the guest stands
//   - watcher: while no kernel is known, asks for a look every now and then
//
// Everything else runs on the goroutine of the caller's front.
package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"ktrap/rsp"
	"ktrap/session/machine"
	"ktrap/session/target"
	"ktrap/session/trap"
	"ktrap/symbols"
	"ktrap/symbols/addr"
)

// Session is one guest under ktrap. Its methods may be called from any
// goroutine unless they say otherwise.
type Session struct {
	opts   *Options
	log    *slog.Logger
	client *rsp.Client
	Target *target.Target // for holders of a [Stopped] only
	image  *symbols.Image // nil until found; written by the worker that finds it
	world  atomic.Pointer[World]

	post  chan machine.Event // unbuffered: whoever reports waits until the loop has it
	calls chan func()        // run on the loop
	done  chan struct{}      // closed when the loop has ended
	tasks sync.WaitGroup     // workers and gdb readers

	// Owned by the loop.
	machine  *machine.Machine
	waiting  map[int]chan error // resumes and jobs that have not been answered
	work     map[int]func(context.Context)
	nextID   int
	stopped  Stop
	stops    []chan Stop // who waits for the guest to stand
	watchers map[chan Event]struct{}
	gdbs     map[*gdbClient]struct{}
	lost     error

	// Owned by the worker: one at a time, handed over through the loop.
	engine  trap.Engine
	armed   map[addr.Addr]*trap.Point
	seen    uint64 // sequence number up to which the log has been reported
	hooks   map[addr.Addr][]*Hook
	resumed atomic.Bool // somebody let the guest run since ktrap came
	paused  bool        // the guest stood when ktrap came; fixed before the loop starts
}

// Stop is why the guest stands.
type Stop struct {
	machine.Stop
	Crash *Crash // the report, when a trap has stopped it
}

// Run opens a session, calls front with it, and when front returns takes every
// breakpoint out of the guest and lets it go, whatever front's error was.
// Errors: those of connecting and of front, joined with what went wrong at the end.
func Run(ctx context.Context, o *Options, front func(context.Context, *Session) error) error {
	conn, err := rsp.Dial(ctx, o.Stub)
	if err != nil {
		return err
	}
	s := newSession(o)
	first := make(chan rsp.StopReply, 1) // a stub that was running stops on connect and says so once
	opened := make(chan struct{})
	s.client = rsp.NewClient(conn, &rsp.ClientOptions{
		Log: s.log.With("c", "rsp"), Record: o.Record,
		OnStop: func(r rsp.StopReply) {
			select {
			case <-opened:
				s.send(machine.StubStop{Reply: r})
			default:
				select {
				case first <- r:
				default:
				}
			}
		},
		OnRefused: func(err error) { s.send(machine.StubRefused{Err: err}) },
		OnClose:   func(err error) { s.onClose(err, opened) },
	})
	var carriers sync.WaitGroup
	carriers.Go(func() { _ = s.client.Run() }) // its error reaches OnClose
	defer carriers.Wait()
	defer s.client.Close()
	if _, err := s.client.Handshake(ctx); err != nil {
		return fmt.Errorf("open %s: %w", o.Stub, err)
	}
	s.paused = len(first) == 0
	s.Target = target.New(s.client, &target.Options{Log: s.log.With("c", "target")})
	close(opened)
	return s.serve(ctx, front)
}

func newSession(o *Options) *Session {
	return &Session{
		opts: o, log: o.logger(),
		post: make(chan machine.Event), calls: make(chan func()), done: make(chan struct{}),
		machine: machine.New(), waiting: make(map[int]chan error), work: make(map[int]func(context.Context)),
		watchers: make(map[chan Event]struct{}), gdbs: make(map[*gdbClient]struct{}),
		armed: make(map[addr.Addr]*trap.Point), hooks: make(map[addr.Addr][]*Hook),
	}
}

// onClose tells the loop that the stub is gone, once there is a loop.
func (s *Session) onClose(err error, opened chan struct{}) {
	select {
	case <-opened:
		s.send(machine.StubLost{Err: err})
	default:
	}
}

// serve runs the loop, attaches to the kernel, and gives the session to front.
func (s *Session) serve(ctx context.Context, front func(context.Context, *Session) error) (err error) {
	loopCtx, stopLoop := context.WithCancel(context.WithoutCancel(ctx))
	var loop sync.WaitGroup
	loop.Go(func() { s.loop(loopCtx) })
	defer func() {
		err = errors.Join(err, s.leave())
		stopLoop()
		s.client.Close()
		loop.Wait()
		s.tasks.Wait()
	}()
	if err := s.Quiesced(ctx, s.attach); err != nil {
		return err
	}
	watch, stopWatch := context.WithCancel(ctx)
	defer stopWatch()
	s.tasks.Go(func() { s.watchForKernel(watch) })
	if s.opts.Listen != "" {
		closeGDB, err := s.serveGDB(ctx)
		if err != nil {
			return err
		}
		defer closeGDB()
	}
	return front(ctx, s)
}

// leaveTimeout bounds the wait for a stub that no longer answers.
const leaveTimeout = 5 * time.Second

// leave takes every breakpoint out and lets the guest go as promised: it runs
// on, unless it was paused before and nobody resumed it, or is to stay paused.
func (s *Session) leave() error {
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	err := s.Quiesced(ctx, func(ctx context.Context, v *Stopped) error {
		errs := v.removeAll(ctx)
		if s.opts.StayPaused || s.paused && !s.resumed.Load() {
			return errs
		}
		return errors.Join(errs, s.client.Detach(ctx))
	})
	if errors.Is(err, rsp.ErrClosed) {
		return nil // the stub is gone, and the guest with it: front has heard
	}
	if err != nil {
		return fmt.Errorf("leave the guest: %w", err)
	}
	return nil
}
