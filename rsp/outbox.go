package rsp

import (
	"io"
	"sync"
)

// outbox holds bytes on their way to a stream, so that whoever queues them
// never waits for the peer to read. A stub that does not read before it has
// written cannot block us that way either.
type outbox struct {
	mu     sync.Mutex // any goroutine puts, the writer takes
	buf    []byte
	closed bool
	wake   chan struct{} // one slot: a second wake-up would say nothing new
}

func newOutbox() *outbox { return &outbox{wake: make(chan struct{}, 1)} }

// put queues what f appends.
func (o *outbox) put(f func(dst []byte) []byte) {
	o.mu.Lock()
	o.buf = f(o.buf)
	o.mu.Unlock()
	o.signal()
}

func (o *outbox) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// close makes drain return; what is still queued is dropped.
func (o *outbox) close() {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.signal()
}

// drain writes until the outbox is closed or the stream fails.
func (o *outbox) drain(w io.Writer) error {
	var spare []byte
	for range o.wake {
		o.mu.Lock()
		b, closed := o.buf, o.closed
		o.buf = spare[:0]
		o.mu.Unlock()
		if closed {
			return nil
		}
		if len(b) > 0 {
			if _, err := w.Write(b); err != nil {
				return err
			}
		}
		spare = b
	}
	return nil
}
