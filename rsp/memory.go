package rsp

import (
	"context"
	"fmt"
)

// chunk is a part of a memory read.
type chunk struct {
	off, n int
	reply  []byte
	err    error
}

// ReadMemory fills p from addr as thread t sees it, or fails. Long reads go
// as several packets, some of them at once.
// Errors: *Error from the stub if part of it is unreadable. p then holds rubbish.
func (c *Commands) ReadMemory(ctx context.Context, t ThreadID, addr uint64, p []byte) error {
	if len(p) == 0 {
		return nil
	}
	if end := addr + uint64(len(p)) - 1; end < addr {
		return fmt.Errorf("read %d bytes at %#x: range passes the end of the address space", len(p), addr)
	}
	r := memoryRead{c: c, t: t, addr: addr, p: p, size: c.c.readSize(),
		replies: make(chan chunk, readWindow)} // room for all that are out: the reader must not block
	if err := r.run(ctx); err != nil {
		return fmt.Errorf("read %d bytes at %#x: %w", len(p), addr, err)
	}
	return nil
}

// readWindow is how many parts of one read may be queued: enough that the line
// is busy while one goroutine decodes, few enough that others get their turn.
const readWindow = 2 * defaultDepth

// readSize is how many bytes one m may ask for.
func (c *Client) readSize() int {
	f := c.Features()
	if f.QEMU {
		return f.PacketSize / 2 // its own bound, so that two make a page
	}
	return (f.PacketSize - len("$#00\x00")) / 2
}

type memoryRead struct {
	c       *Commands
	t       ThreadID
	addr    uint64
	p       []byte
	size    int
	next    int // what of p was asked for
	out     []*request
	replies chan chunk
}

func (r *memoryRead) run(ctx context.Context) error {
	defer r.abandon()
	for left := len(r.p); left > 0; {
		for r.next < len(r.p) && len(r.out) < readWindow {
			n := min(r.size, len(r.p)-r.next)
			if err := r.ask(r.next, n); err != nil {
				return err
			}
			r.next += n
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case got := <-r.replies:
			n, err := r.take(got)
			if err != nil {
				return err
			}
			left -= n
		}
	}
	return nil
}

// ask queues an m packet.
func (r *memoryRead) ask(off, n int) error {
	q := &request{
		thread: r.t, batch: r.c.batch, pipelined: true,
		body:    fmt.Appendf(nil, "m%x,%x", r.addr+uint64(off), n),
		deliver: func(reply []byte, err error) { r.replies <- chunk{off, n, reply, err} },
	}
	if err := r.c.start(q); err != nil {
		return err
	}
	r.out = append(r.out, q)
	return nil
}

// take stores a part. A stub may answer with less than was asked for; the
// rest is asked for again.
func (r *memoryRead) take(got chunk) (int, error) {
	r.out = r.out[1:] // which one does not matter while all come
	if got.err != nil {
		return 0, got.err
	}
	n := len(got.reply) / 2
	if n > got.n || n == 0 {
		return 0, &SyntaxError{Msg: fmt.Sprintf("%d bytes instead of %d", n, got.n)}
	}
	if err := unhex(r.p[got.off:got.off+n], got.reply); err != nil {
		return 0, err
	}
	if n < got.n {
		return n, r.ask(got.off+n, got.n-n)
	}
	return n, nil
}

// abandon drops the parts nobody waits for any more.
func (r *memoryRead) abandon() {
	for _, q := range r.out {
		r.c.c.abandon(q)
	}
}

// GoMemory reads n bytes, of which the stub may give fewer, in one packet and without
// waiting; deliver is called as by [Commands.Go].
func (c *Commands) GoMemory(t ThreadID, addr uint64, n int, deliver func(b []byte, err error)) {
	c.goRead(t, fmt.Appendf(nil, "m%x,%x", addr, min(n, c.c.readSize())), decodeMemory, func(b []byte, err error) {
		if err != nil {
			err = fmt.Errorf("read %d bytes at %#x: %w", n, addr, err)
		}
		deliver(b, err)
	})
}

// decodeMemory decodes in place.
func decodeMemory(reply []byte) ([]byte, error) {
	err := unhex(reply, reply)
	return reply[:len(reply)/2], err
}

// WriteMemory writes p to addr as thread t sees it. When it fails, a part may
// have been written.
func (c *Commands) WriteMemory(ctx context.Context, t ThreadID, addr uint64, p []byte) error {
	const head = len("Mffffffffffffffff,ffffffff:") + len("$#00\x00")
	size := max((c.c.Features().PacketSize-head)/2, 1)
	for off := 0; off < len(p); off += size {
		part := p[off:min(off+size, len(p))]
		a := addr + uint64(off)
		if err := c.expectOK(ctx, t, fmt.Appendf(nil, "M%x,%x:%x", a, len(part), part)); err != nil {
			return fmt.Errorf("write %d bytes at %#x: %w", len(part), a, err)
		}
	}
	return nil
}
