// Package session wires everything: it owns the one connection to QEMU's stub
// and the loop through which gdb, the terminal, scripts and the reproduction
// driver share it.
//
// Goroutines, all started in [Run] and joined before it returns:
//
//   - stub reader: rsp.Client.Run with its writer and its clock; blocks on the stub, brings
//     stops to the loop, and tells gdb of one if all is known
//   - acceptor, and a reader and a writer per gdb: block on their sockets; the
//     readers answer packets, the writers carry what a socket does not take at once
//   - a teller for each gdb that waits, while it is found out what it is to be told of a stop
//   - at most one worker, while the guest stands: an inspection; a job is run by who asks for it
//   - fetchers, while debug information is missing: block on the network, and on
//     each other; what has come is put to use by a job
//   - an unpacker of source text, the first time that some is wanted
//   - watcher: asks for a look every now and then while no kernel is known, and
//     when a report does not end
//
// The loop, which runs machine.Step and its effects and owns every field marked so, is no
// goroutine: it is whoever has its turn (see turns). Everything else runs on the goroutine of
// the caller's front.
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

	foresight atomic.Pointer[foreseen] // written by the worker; nil: none yet
	underKVM  atomic.Bool
	emulated  atomic.Bool // QEMU translates the guest's code: breakpoints are not in it
	hidden    hiddenText

	*turns                 // the loop
	stubLost chan struct{} // closed by the loop when it has heard that the stub's connection has ended
	tasks    sync.WaitGroup
	read     sync.WaitGroup // the stub reader

	workCtx  context.Context // of workers; set before the loop starts
	stopWork context.CancelFunc
	fetchCtx context.Context // of downloads; set before the loop starts
	waits    atomic.Bool     // front has not been called yet
	fetcher  *fetcher
	listens  string        // where gdb may connect; set before front is called
	leaving  time.Duration // see leaveTimeout; set before the session ends
	ended    bool          // every goroutine has been joined
	bug      error         // the loop's own panic; read when done is closed

	// Owned by the loop.
	machine   *machine.Machine
	waiting   map[int]chan error  // resumes and jobs that have not been answered
	work      map[int]func() bool // begins a job; false: it is not wanted any more
	nextID    int
	stopped   Stop
	stopCount uint64                          // how many stops were announced
	resumer   *gdbClient                      // who let the guest run, nil if it was no gdb
	instead   *machine.Resume                 // see consulted
	stepped   []rsp.ThreadID                  // CPUs that went on by one instruction only
	before    map[rsp.ThreadID][]byte         // their registers when that was begun, nil where not known
	begins    bool                            // a resume was taken, and nothing of it was done yet
	offFrom   []byte                          // those of the CPU that steps off a breakpoint; likewise
	lingers   map[machine.Point]machine.Owner // taken out by that client, and still in the stub
	stops     map[chan Stop]struct{}          // who waits for the guest to stand
	idle      chan struct{}                   // closed when the last worker has ended; read when done is closed
	watchers  map[chan Event]struct{}
	gdbs      map[*gdbClient]struct{}
	lost      error

	// Owned by the worker: one at a time, handed over through the loop.
	engine   trap.Engine
	armed    map[addr.Addr]*trap.Point
	seen     uint64 // sequence number up to which the log has been reported
	hooks    map[addr.Addr][]*Hook
	threads  threadTable
	unpacked map[string]*unpacking // tarballs of source text
	noDWARF  bool                  // it was said that vmlinux has no debug information
	look     atomic.Bool           // a kernel is to be looked for
	open     atomic.Int64          // number of the oldest report under way, 0 if there is none
	resumed  atomic.Bool           // somebody let the guest run since ktrap came
	paused   bool                  // the guest stood when ktrap came; fixed before the loop starts

	// Of the worker, too.
	found []func(context.Context, *Stopped) error // see OnKernel
	early []addr.Addr                             // see awaitKernel

	moduleWatch moduleWatch // of the worker
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
	if err := probeListen(o.Listen); err != nil {
		return err // before the guest is touched
	}
	conn, err := rsp.Dial(ctx, o.Stub)
	if err != nil {
		return err
	}
	s := newSession(o)
	opened := make(chan struct{})
	s.client = rsp.NewClient(conn, &rsp.ClientOptions{
		Log: s.log.With("c", "rsp"), Record: o.Record,
		OnStop: func(r rsp.StopReply) {
			select {
			case <-opened:
				s.send(machine.StubStop{Reply: r})
			default: // of the handshake; the machine begins with a guest that stands
			}
		},
		OnRefused: func(err error) { s.send(machine.StubRefused{Err: err}) },
		OnClose:   func(err error) { s.post(func() { s.lose(err) }) }, // called once
	})
	s.read.Go(func() { _ = s.client.Run() }) // its error reaches OnClose
	defer s.read.Wait()
	defer s.client.Close()
	if err := s.greet(ctx); err != nil {
		return errors.Join(fmt.Errorf("open %s: %w", o.Stub, err), s.takeBack())
	}
	s.machine.Stands(s.client.Features().Stop)
	ram := s.hostRAM(conn)
	defer ram.Close()
	s.Target = target.New(s.client, &target.Options{Log: s.log.With("c", "target"), Show: s.hidden.show, RAM: ram})
	close(opened)
	return s.serve(ctx, front)
}

// greet begins the talk with the stub, whose guest stands from here on.
func (s *Session) greet(ctx context.Context) error {
	if _, err := s.client.Handshake(ctx); err != nil {
		return err
	}
	s.paused = !s.client.Features().Ran
	return s.clearStub(ctx)
}

func newSession(o *Options) *Session {
	s := &Session{
		opts: o, log: o.logger(), leaving: leaveTimeout, stubLost: make(chan struct{}),
		machine: machine.New(), waiting: make(map[int]chan error), work: make(map[int]func() bool),
		stops: make(map[chan Stop]struct{}), watchers: make(map[chan Event]struct{}), gdbs: make(map[*gdbClient]struct{}),
		armed: make(map[addr.Addr]*trap.Point), hooks: make(map[addr.Addr][]*Hook), fetcher: newFetcher(),
		unpacked: make(map[string]*unpacking), lingers: make(map[machine.Point]machine.Owner),
	}
	s.turns = newTurns(s.failed)
	return s
}

// serve runs the loop, attaches to the kernel, and gives the session to front.
func (s *Session) serve(ctx context.Context, front func(context.Context, *Session) error) (err error) {
	s.workCtx, s.stopWork = context.WithCancel(context.WithoutCancel(ctx))
	defer s.stopWork()
	var stopFetch context.CancelFunc
	s.fetchCtx, stopFetch = context.WithCancel(ctx)
	s.waits.Store(true)
	s.begin()
	defer func() {
		err = errors.Join(err, s.leave())
		s.stopWork()
		s.end()
		s.client.Close()
		s.read.Wait()
		s.tasks.Wait()
		s.ended = true
		last := &Stopped{Session: s, World: s.world.Load()} // the stub may have gone in mid-report
		last.reportUnfinished(context.Background(), "the connection to QEMU ended before the kernel did")
	}()
	defer stopFetch()
	var coming *arrival
	err = s.Quiesced(ctx, func(ctx context.Context, v *Stopped) error {
		err := s.attach(ctx, v)
		coming = v.fetcher.vmlinux.Load()
		return err
	})
	if err == nil {
		err = s.awaitVmlinux(ctx, coming)
	}
	if err != nil {
		return err
	}
	s.waits.Store(false)
	watch, stopWatch := context.WithCancel(ctx)
	defer stopWatch()
	s.tasks.Go(func() { s.watch(watch) })
	if s.opts.Listen != "" {
		closeGDB, err := s.serveGDB(ctx)
		if err != nil {
			return err
		}
		defer closeGDB()
	}
	return front(ctx, s)
}
