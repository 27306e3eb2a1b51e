package vm

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
)

// Limits on what a talkative guest can make the host keep.
const (
	consoleRing = 1 << 20   // bytes held in memory at least, once received
	consoleLog  = 256 << 20 // bytes written to console.log
)

// Console is the guest's serial line: raw in console.log, the last part also
// in memory.
type Console struct {
	log     *slog.Logger
	file    io.Writer
	on      func([]byte)
	keyb    io.Writer
	written int64 // to file; owned by the goroutine that calls receive

	mu      sync.Mutex    // QEMU's output arrives on another goroutine than its readers
	held    []byte        // the last bytes received
	end     int64         // bytes received in all
	changed chan struct{} // closed and replaced at each arrival
	closed  bool
}

func newConsole(file io.Writer, on func([]byte), log *slog.Logger) *Console {
	return &Console{file: file, on: on, log: log, changed: make(chan struct{})}
}

// receiver is the writing end, for QEMU's output only.
type receiver struct{ c *Console }

// Write takes over a piece of QEMU's output; it never fails, so that a full
// disk does not stop the guest.
func (r receiver) Write(p []byte) (int, error) {
	r.c.receive(p)
	return len(p), nil
}

func (c *Console) receive(p []byte) {
	c.record(p)
	c.mu.Lock()
	if len(c.held)+len(p) > 2*consoleRing {
		keep := c.held[max(0, len(c.held)-consoleRing):]
		c.held = c.held[:copy(c.held, keep)]
	}
	c.held = append(c.held, p...)
	c.end += int64(len(p))
	close(c.changed)
	c.changed = make(chan struct{})
	c.mu.Unlock()
	if c.on != nil {
		c.on(p)
	}
}

// record writes to console.log until its limit or the first error.
func (c *Console) record(p []byte) {
	if c.file == nil {
		return
	}
	if c.written+int64(len(p)) > consoleLog {
		_, _ = io.WriteString(c.file, "\n[ktrap: console.log ends here, the guest printed more]\n")
		c.file = nil
		return
	}
	n, err := c.file.Write(p)
	c.written += int64(n)
	if err != nil {
		c.log.Warn("console.log is incomplete", "error", err)
		c.file = nil
	}
}

// finish wakes everybody who waits; no more will come.
func (c *Console) finish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.closed = true
		close(c.changed)
	}
}

// Offset is the number of bytes received so far.
func (c *Console) Offset() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.end
}

// Since returns a copy of what came at or after off and is still held, and the
// offset of its first byte (later than off if that is gone already).
// Shape: raw bytes; print them through [Printable].
func (c *Console) Since(off int64) (p []byte, start int64) {
	p, start, _, _ = c.since(off)
	return p, start
}

func (c *Console) since(off int64) (p []byte, start int64, changed <-chan struct{}, closed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	start = min(max(off, c.end-int64(len(c.held))), c.end)
	return bytes.Clone(c.held[len(c.held)-int(c.end-start):]), start, c.changed, c.closed
}

// Tail returns a copy of the last n bytes, or fewer, beginning with a whole line if it can.
func (c *Console) Tail(n int) []byte {
	p, start := c.Since(c.Offset() - int64(n))
	if i := bytes.IndexByte(p, '\n'); start > 0 && i >= 0 {
		return p[i+1:]
	}
	return p
}

// WaitFor waits until marker has been printed at or after off and returns the
// offset behind it.
// Errors: ctx's; io.EOF when QEMU ended first.
func (c *Console) WaitFor(ctx context.Context, off int64, marker string) (int64, error) {
	for {
		p, start, changed, closed := c.since(off)
		if i := bytes.Index(p, []byte(marker)); i >= 0 {
			return start + int64(i) + int64(len(marker)), nil
		}
		if closed {
			return 0, fmt.Errorf("wait for %q on the console: %w", marker, io.EOF)
		}
		// What was searched need not be searched again, but for a split marker.
		off = max(off, start+int64(len(p))-int64(len(marker)))
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, fmt.Errorf("wait for %q on the console: %w", marker, ctx.Err())
		}
	}
}

// Write types into the serial line.
func (c *Console) Write(p []byte) (int, error) {
	if c.keyb == nil {
		return 0, fmt.Errorf("type on the console: %w", io.ErrClosedPipe)
	}
	return c.keyb.Write(p)
}
