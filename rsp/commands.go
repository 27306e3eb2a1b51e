package rsp

import (
	"bytes"
	"context"
	"fmt"
)

// Commands are the requests that both a [Client] and a [Batch] offer.
// Addresses are as the stub takes them: run-time, virtual unless physical
// memory mode is on.
type Commands struct {
	c     *Client
	batch *Batch // nil: on behalf of nobody in particular
}

// Do sends a request about thread t and returns the raw reply. Hg precedes it
// when t is not AnyThread and differs from the stub's selection.
//
// Errors: *Error for E NN, ErrUnsupported for the empty reply, ErrRunning,
// ErrRefused, ErrSilent, ErrClosed, or that of ctx. A reply that comes after ctx ended is
// dropped when it comes, and the next request gets its own.
func (c *Commands) Do(ctx context.Context, t ThreadID, body []byte) ([]byte, error) {
	return c.do(ctx, &request{thread: t, body: bytes.Clone(body)})
}

func (c *Commands) do(ctx context.Context, q *request) ([]byte, error) {
	type answer struct {
		reply []byte
		err   error
	}
	got := make(chan answer, 1) // a reply for nobody must not block the reader
	q.batch = c.batch
	q.deliver = func(reply []byte, err error) { got <- answer{reply, err} }
	if err := c.start(q); err != nil {
		return nil, err
	}
	select {
	case a := <-got:
		return a.reply, a.err
	case <-ctx.Done():
		c.c.abandon(q)
		return nil, fmt.Errorf("wait for reply to %.40q: %w", q.body, context.Cause(ctx))
	}
}

// start queues a request, with what its body means for the client.
func (c *Commands) start(q *request) error {
	if q.kind == ordinary && isDetach(q.body) {
		q.kind = detach
	}
	return c.c.enqueue(q)
}

// Go is Do without waiting. deliver is called exactly once: on a goroutine
// of Run, or, if the request cannot be queued at all, before Go returns. The
// reply belongs to deliver.
func (c *Commands) Go(t ThreadID, body []byte, deliver func([]byte, error)) {
	c.GoOutput(t, body, nil, deliver)
}

// GoOutput is Go for qRcmd: output gets the text of each O packet that comes
// before the reply, on a goroutine of Run.
func (c *Commands) GoOutput(t ThreadID, body []byte, output func(text []byte), deliver func([]byte, error)) {
	q := &request{thread: t, batch: c.batch, body: bytes.Clone(body), output: output, deliver: deliver}
	if err := c.start(q); err != nil {
		deliver(nil, err)
	}
}

// expectOK sends a request whose only good reply is OK.
func (c *Commands) expectOK(ctx context.Context, t ThreadID, body []byte) error {
	reply, err := c.Do(ctx, t, body)
	if err != nil {
		return err
	}
	return isOK(reply)
}

func isOK(reply []byte) error {
	if string(reply) != "OK" {
		return &SyntaxError{Msg: fmt.Sprintf("reply %.40q instead of OK", reply)}
	}
	return nil
}

// ReadRegisters returns the registers of thread t, in the stub's order and
// target byte order. Those that the stub does not know ("xx") read as zero.
func (c *Commands) ReadRegisters(ctx context.Context, t ThreadID) ([]byte, error) {
	reply, err := c.Do(ctx, t, []byte("g"))
	if err == nil {
		reply, err = decodeRegisters(reply)
	}
	if err != nil {
		return nil, fmt.Errorf("read registers of thread %v: %w", t, err)
	}
	return reply, nil
}

// GoRegisters is ReadRegisters without waiting, and may be under way beside reads of
// memory; deliver is called as by Go.
func (c *Commands) GoRegisters(t ThreadID, deliver func(raw []byte, err error)) {
	c.goRead(t, []byte("g"), decodeRegisters, func(raw []byte, err error) {
		if err != nil {
			err = fmt.Errorf("read registers of thread %v: %w", t, err)
		}
		deliver(raw, err)
	})
}

// goRead sends a request that changes nothing, and so may be under way beside others
// and be sent again. decode gives what is in the reply, in its own memory.
func (c *Commands) goRead(t ThreadID, body []byte, decode func(reply []byte) ([]byte, error), deliver func(b []byte, err error)) {
	q := &request{thread: t, batch: c.batch, pipelined: true, body: body, deliver: func(reply []byte, err error) {
		if err == nil {
			reply, err = decode(reply)
		}
		if err != nil {
			reply = nil
		}
		deliver(reply, err)
	}}
	if err := c.start(q); err != nil {
		deliver(nil, err)
	}
}

// ReadRegister returns register n of thread t, in target byte order.
func (c *Commands) ReadRegister(ctx context.Context, t ThreadID, n int) ([]byte, error) {
	reply, err := c.Do(ctx, t, fmt.Appendf(nil, "p%x", n))
	if err == nil {
		reply, err = decodeRegisters(reply)
	}
	if err != nil {
		return nil, fmt.Errorf("read register %d of thread %v: %w", n, t, err)
	}
	return reply, nil
}

// decodeRegisters decodes in place; xx is a byte that is not known.
func decodeRegisters(reply []byte) ([]byte, error) {
	for i := 0; i+1 < len(reply); i += 2 {
		if reply[i] == 'x' && reply[i+1] == 'x' {
			reply[i], reply[i+1] = '0', '0'
		}
	}
	if err := unhex(reply, reply); err != nil {
		return nil, err
	}
	return reply[:len(reply)/2], nil
}

// WriteRegister sets register n of thread t, in target byte order.
func (c *Commands) WriteRegister(ctx context.Context, t ThreadID, n int, raw []byte) error {
	if err := c.expectOK(ctx, t, fmt.Appendf(nil, "P%x=%x", n, raw)); err != nil {
		return fmt.Errorf("write register %d of thread %v: %w", n, t, err)
	}
	return nil
}

// WriteRegisters sets all registers of thread t, as ReadRegisters gave them.
func (c *Commands) WriteRegisters(ctx context.Context, t ThreadID, raw []byte) error {
	if err := c.expectOK(ctx, t, fmt.Appendf(nil, "G%x", raw)); err != nil {
		return fmt.Errorf("write registers of thread %v: %w", t, err)
	}
	return nil
}

// BreakKind is the number after Z and z.
type BreakKind int

// Kinds of breakpoints.
const (
	SoftwareBreak BreakKind = iota
	HardwareBreak
	WriteWatch
	ReadWatch
	AccessWatch
)

// Insert sets a breakpoint, or a watchpoint over size bytes. QEMU counts: what
// is set twice must be removed twice.
func (c *Commands) Insert(ctx context.Context, kind BreakKind, addr uint64, size int) error {
	if err := c.expectOK(ctx, AnyThread, fmt.Appendf(nil, "Z%d,%x,%x", kind, addr, size)); err != nil {
		return fmt.Errorf("insert breakpoint Z%d at %#x: %w", kind, addr, err)
	}
	return nil
}

// Remove takes a breakpoint or watchpoint away.
func (c *Commands) Remove(ctx context.Context, kind BreakKind, addr uint64, size int) error {
	if err := c.expectOK(ctx, AnyThread, fmt.Appendf(nil, "z%d,%x,%x", kind, addr, size)); err != nil {
		return fmt.Errorf("remove breakpoint z%d at %#x: %w", kind, addr, err)
	}
	return nil
}

// GoRemove is Remove without waiting; deliver is called as by Go.
func (c *Commands) GoRemove(kind BreakKind, addr uint64, size int, deliver func(error)) {
	c.Go(AnyThread, fmt.Appendf(nil, "z%d,%x,%x", kind, addr, size), func(reply []byte, err error) {
		if err == nil {
			err = isOK(reply)
		}
		if err != nil {
			err = fmt.Errorf("remove breakpoint z%d at %#x: %w", kind, addr, err)
		}
		deliver(err)
	})
}

// SetPhysMem makes QEMU's m and M take physical addresses, or virtual ones
// again. Outside a batch it holds for every user of the client, so use it in one.
func (c *Commands) SetPhysMem(ctx context.Context, on bool) error {
	body := physOff
	if on {
		body = physOn
	}
	if err := c.expectOK(ctx, AnyThread, body); err != nil {
		return fmt.Errorf("set physical memory mode to %t: %w", on, err)
	}
	return nil
}

// Detach lets the machine run without its breakpoints. Nothing can be asked
// after it, because QEMU would take any byte for an interrupt.
func (c *Commands) Detach(ctx context.Context) error {
	body := "D"
	if c.c.Features().Multiprocess {
		body = "D;1" // QEMU has one process, and a bare D is E22 then
	}
	if err := c.expectOK(ctx, AnyThread, []byte(body)); err != nil {
		return fmt.Errorf("detach: %w", err)
	}
	return nil
}
