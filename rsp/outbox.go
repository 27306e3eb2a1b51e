package rsp

import (
	"fmt"
	"io"
	"sync"
)

// outbox holds bytes on their way to a stream, so that whoever queues them
// never waits for the peer to read. A peer that does not read before it has
// written cannot block us that way either.
type outbox struct {
	limit  int                    // of bytes that may wait; 0: none
	atOnce func(p []byte) (n int) // writes what the stream takes without a wait; nil: the writer is to

	mu      sync.Mutex // any goroutine puts, the writer takes
	buf     []byte
	held    bool          // more may be put soon that can go together with it
	writing bool          // the writer is, what it has taken out of buf
	end     error         // why nothing is taken any more
	wake    chan struct{} // one slot: a second wake-up would say nothing new
}

func newOutbox(limit int) *outbox { return &outbox{limit: limit, wake: make(chan struct{}, 1)} }

// shortOutput is up to what size output is written by whoever puts it: to wake the writer
// takes longer than that.
const shortOutput = 16 << 10

// put queues what f appends.
// Errors: ErrBacklog if too much waits already; why the outbox has ended.
func (o *outbox) put(f func(dst []byte) []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.end != nil {
		return o.end
	}
	waits := len(o.buf)
	o.buf = f(o.buf)
	if o.limit > 0 && len(o.buf) > o.limit {
		o.buf = o.buf[:waits]
		return fmt.Errorf("%w: %d bytes wait for it", ErrBacklog, waits)
	}
	o.deliver()
	return nil
}

// hold has what is put from now on wait for release, so that it is written in one piece.
func (o *outbox) hold() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.held = true
}

func (o *outbox) release() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.held = false
	o.deliver()
}

// deliver writes what is short enough, or wakes the writer. Called with mu held.
func (o *outbox) deliver() {
	if o.held || len(o.buf) == 0 {
		return
	}
	if o.atOnce != nil && !o.writing && len(o.buf) <= shortOutput {
		n := o.atOnce(o.buf)
		o.buf = append(o.buf[:0], o.buf[n:]...)
	}
	if len(o.buf) > 0 {
		o.signal()
	}
}

func (o *outbox) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// close makes drain write what is still queued and return.
func (o *outbox) close() { o.shut(ErrClosed) }

// abort makes drain return without writing any more.
func (o *outbox) abort() {
	o.shut(ErrClosed)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buf = nil
}

func (o *outbox) shut(why error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.end == nil {
		o.end = why
	}
	o.signal()
}

// keptSpare is how large a buffer may be to be used again: one burst of output
// is not paid for until the end.
const keptSpare = 1 << 20

func (o *outbox) written() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.writing = false
}

// drain writes until the outbox is closed or the stream fails.
func (o *outbox) drain(w io.Writer) error {
	var spare []byte
	for range o.wake {
		o.mu.Lock()
		b, ended := o.buf, o.end != nil
		o.buf, o.writing = spare[:0], true
		o.mu.Unlock()
		if len(b) > 0 {
			if _, err := w.Write(b); err != nil {
				o.shut(fmt.Errorf("%w: %w", ErrClosed, err))
				return err
			}
		}
		o.written()
		if ended {
			return nil
		}
		if spare = b; cap(b) > keptSpare {
			spare = nil
		}
	}
	return nil
}
