package rsp

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"
)

var errTODO = errors.New("not written yet")

// ClientOptions are the wishes of a client's owner. Nil means all defaults.
// The callbacks run on the goroutine of Run and must not wait for a reply.
type ClientOptions struct {
	Log       *slog.Logger
	Record    *Recorder
	OnStop    func(StopReply)   // the machine stopped, also unasked
	OnRefused func(error)       // the stub would not resume; the machine stands where it stood
	OnOutput  func(text []byte) // console output (O packets), decoded
	OnNotify  func(body []byte) // notifications
	OnClose   func(error)       // the connection ended; called once

	AllowKill        bool          // let k and vKill through, which end QEMU
	Limit            int           // largest packet taken; 0: DefaultLimit
	Depth            int           // memory reads in flight; 0: 8
	HandshakeTimeout time.Duration // how long a stub may be silent at first; 0: 3 s
}

// Client is the debugger's side of a link to a stub. Its methods may be used
// from several goroutines at once.
type Client struct {
	Commands
}

// NewClient returns a client that talks over rw, which it closes at the end.
func NewClient(rw io.ReadWriteCloser, o *ClientOptions) *Client { return &Client{} }

// Run carries bytes until the stream ends; see ClientOptions for the callbacks.
// The owner calls it in a goroutine, before anything else.
func (c *Client) Run() error { return errTODO }

// Handshake opens the dialogue.
func (c *Client) Handshake(ctx context.Context) (Features, error) { return Features{}, errTODO }

// Features is what the handshake found.
func (c *Client) Features() Features { return Features{} }

// Resume sends a packet that lets the machine run: vCont;..., c, s and so on.
// The stop comes to OnStop; until then requests fail with ErrRunning.
func (c *Client) Resume(body []byte) error { return errTODO }

// Interrupt asks a running machine to stop; the stop comes to OnStop.
func (c *Client) Interrupt() error { return errTODO }

// Running reports whether a resume waits for its stop.
func (c *Client) Running() bool { return false }

// Close ends the connection as it is: the machine stays in its state.
func (c *Client) Close() error { return errTODO }

// Atomically runs f while no other user's request gets between its own.
// Physical memory mode is off again when it returns.
func (c *Client) Atomically(ctx context.Context, f func(*Batch) error) error { return errTODO }

// Batch is exclusive use of a client.
type Batch struct {
	Commands
}
