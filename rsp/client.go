package rsp

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"syscall"
	"time"
)

// ClientOptions are the wishes of a client's owner. Nil means all defaults.
// The callbacks run on the goroutines of Run and must not wait for a reply.
type ClientOptions struct {
	Log       *slog.Logger
	Record    *Recorder
	OnStop    func(StopReply)   // the machine stopped, also unasked
	OnRefused func(error)       // the stub would not resume; the machine stands where it stood
	OnOutput  func(text []byte) // console output (O packets) that no Monitor waits for, decoded
	OnNotify  func(body []byte) // notifications
	OnClose   func(error)       // the connection ended; called once

	AllowKill        bool          // let k and vKill through, which end QEMU
	Limit            int           // largest packet taken; 0: DefaultLimit
	Depth            int           // memory reads in flight; 0: 8, and 1 on a serial line
	Lossy            bool          // bytes may get lost on the way, as they always may on a serial line
	HandshakeTimeout time.Duration // how long a stub may be silent at first; 0: 3 s, as ReplyTimeout where bytes get lost
	ReplyTimeout     time.Duration // how long it may be silent when it owes a reply; 0: 30 s
}

// Limits of patience.
const (
	maxResends          = 5 // of a packet that arrives damaged, in each direction
	defaultDepth        = 8 // where QEMU's throughput peaks
	defaultHelloTimeout = 3 * time.Second
)

// Client is the debugger's side of a link to a stub. Its methods may be used
// from several goroutines at once.
//
// Requests form one queue. One of them is outstanding at a time, except memory
// reads, which overtake nothing but are sent several at once. Each request
// names the thread it is about; Hg is sent only when the stub's selection is
// another one or unknown. After a stop it is the thread that the stop is about.
//
// Goroutines: Run reads on its caller's goroutine and starts two, one that
// writes and one that wakes up when the stub is silent for too long. Both have
// ended when Run returns. Nothing else starts any.
type Client struct {
	Commands
	o     ClientOptions // immutable
	rw    io.ReadWriteCloser
	rd    *Reader // owned by Run
	out   *outbox
	lossy bool // immutable
	depth int  // guarded by mu

	silence *time.Timer // goes off at wakes

	// mu guards all below: the loop, the worker and the gdb side queue
	// requests, the reader completes them.
	mu        sync.Mutex
	queue     []*request // not sent yet, in order
	flight    []*request // sent, waiting for replies, in order
	owner     *Batch     // whose requests alone are sent; nil: everybody's
	selected  ThreadID   // what the stub's Hg is, if known
	known     bool
	run       runState
	steps     map[ThreadID]bool // which may be stepping when the machine runs again
	due       time.Time         // when silence has lasted too long
	wakes     time.Time         // when that is looked at; zero: never
	probe     *request          // in flight while a loss is suspected
	shifted   bool              // with probe: replies may be one request off
	interrupt bool              // wanted as soon as the queued resume is sent
	greeting  bool              // a stop nobody asked for is no news yet
	noAck     bool
	features  Features
	end       error // why no request is taken any more
	closing   bool  // Close was called
	closed    bool  // OnClose was called
}

type runState uint8

const (
	halted   runState = iota
	resuming          // a resume is queued
	running           // a resume is with the stub
)

// NewClient returns a client that talks over rw, which it closes at the end.
func NewClient(rw io.ReadWriteCloser, o *ClientOptions) *Client {
	c := &Client{rw: rw, out: newOutbox(0), greeting: true, steps: make(map[ThreadID]bool)}
	c.out.atOnce = writesAtOnce(rw)
	if o != nil {
		c.o = *o
	}
	if c.o.Log == nil {
		c.o.Log = slog.New(slog.DiscardHandler)
	}
	_, serial := rw.(*serialLine)
	c.lossy = serial || c.o.Lossy
	if c.o.ReplyTimeout <= 0 {
		c.o.ReplyTimeout = defaultReplyTimeout
	}
	if c.o.HandshakeTimeout <= 0 {
		c.o.HandshakeTimeout = defaultHelloTimeout
		if c.lossy {
			c.o.HandshakeTimeout = c.o.ReplyTimeout
		}
	}
	if c.depth = c.o.Depth; c.depth <= 0 {
		c.depth = defaultDepth
	}
	if c.lossy {
		c.depth = 1 // a lost byte would hand the reply of one read to another
	}
	c.silence = time.NewTimer(c.o.ReplyTimeout)
	c.silence.Stop()
	c.rd = NewReader(hearing{quietly(rw), c}, c.o.Limit)
	c.features.PacketSize = defaultPacketSize
	c.Commands = Commands{c: c}
	return c
}

// Run carries bytes until the stream ends or Close is called, and returns why,
// nil after Close. The owner calls it in a goroutine, before anything else.
func (c *Client) Run() error {
	var wg sync.WaitGroup
	var writeErr error
	wg.Go(func() {
		if writeErr = c.out.drain(c.rw); writeErr != nil {
			c.rw.Close() // wakes the reader, which then reports the cause
		}
	})
	ended := make(chan struct{})
	wg.Go(func() { c.endSilences(ended) })
	err := c.read()
	closeErr := c.rw.Close()
	close(ended)
	c.out.abort()
	wg.Wait()
	if writeErr != nil {
		return c.shut(whyEnded("write to stub", writeErr))
	}
	return c.shut(errors.Join(whyEnded("read from stub", err), ignoreClosed(closeErr)))
}

// whyEnded explains an error of the stream. That the stub went away shows as
// one of several.
func whyEnded(what string, err error) error {
	for _, gone := range []error{io.EOF, io.ErrClosedPipe, syscall.EPIPE, syscall.ECONNRESET} {
		if errors.Is(err, gone) {
			return errors.New("stub closed the connection")
		}
	}
	return fmt.Errorf("%s: %w", what, err)
}

// Close ends the connection as it is: the machine stays in its state, its
// breakpoints stay set. Use Detach before to leave a machine that runs.
func (c *Client) Close() error {
	c.mu.Lock()
	again := c.closing
	c.closing = true
	c.mu.Unlock()
	err := ignoreClosed(c.rw.Close())
	c.shut(errOwnerClosed)
	if again {
		return nil
	}
	return err
}

var errOwnerClosed = errors.New("closed by ktrap")

// shut fails whatever waits, once, and tells the owner. It returns the error
// of Run: nil when the owner closed the client.
func (c *Client) shut(reason error) error {
	c.mu.Lock()
	byOwner, first := c.closing, !c.closed
	c.closed = true
	if byOwner {
		reason = errOwnerClosed // what Run saw is only its consequence
	}
	end := fmt.Errorf("%w: %w", ErrClosed, reason)
	if first {
		c.end = end
	}
	end = c.end
	var done []outcome
	for _, q := range append(c.flight, c.queue...) {
		done = append(done, q.result(nil, end))
	}
	c.flight, c.queue, c.owner = nil, nil, nil
	c.run = halted
	c.mu.Unlock()
	finishAll(done)
	if first && c.o.OnClose != nil {
		c.o.OnClose(end)
	}
	if byOwner {
		return nil
	}
	return end
}

// Pipelines reports whether several reads may be under way at once.
func (c *Client) Pipelines() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.depth > 1
}

// Features is what the handshake found. Callers must not change its map.
func (c *Client) Features() Features {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.features
}

// Running reports whether a resume is queued or waits for its stop.
func (c *Client) Running() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.run != halted
}
