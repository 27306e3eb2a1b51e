package rsp

import (
	"bytes"
	"context"
	"fmt"
)

// Batch is exclusive use of a client, for the time of [Client.Atomically].
type Batch struct {
	Commands
	over     bool // guarded by Client.mu, as below
	physical bool // physical memory mode is on, or might be
	restored bool // turning it off at the end was tried
}

var (
	physPrefix = []byte("Qqemu.PhyMemMode:")
	physOn     = []byte("Qqemu.PhyMemMode:1")
	physOff    = []byte("Qqemu.PhyMemMode:0")
)

// noteSent keeps track of what a batch must put back. Called with Client.mu held.
func (b *Batch) noteSent(body []byte) {
	if b != nil && bytes.HasPrefix(body, physPrefix) {
		b.physical = true // also before off: it is off when the stub says so
	}
}

// noteOK is noteSent for a request that succeeded.
func (b *Batch) noteOK(body []byte) {
	if b != nil && bytes.Equal(body, physOff) {
		b.physical = false
	}
}

// restoring is the request that puts back what a batch left changed. It is made
// once: if it is refused, so would the next be.
func (c *Client) restoring(b *Batch) *request {
	return &request{kind: restore, batch: b, body: physOff, deliver: func(_ []byte, err error) {
		if err != nil {
			c.o.Log.Error("physical memory mode stays on", "err", err)
		}
	}}
}

// Atomically runs f while nobody else's request gets between its own. f must
// ask through the batch only; a request through the client waits for f to
// return. Physical memory mode is off again before anybody else's request,
// however f ends.
func (c *Client) Atomically(ctx context.Context, f func(*Batch) error) error {
	b := &Batch{}
	b.Commands = Commands{c: c, batch: b}
	granted := make(chan error, 1)
	q := &request{kind: batchBegin, batch: b, deliver: func(_ []byte, err error) { granted <- err }}
	if err := c.enqueue(q); err != nil {
		return fmt.Errorf("begin batch: %w", err)
	}
	defer c.endBatch(b)
	select {
	case err := <-granted:
		if err != nil {
			return fmt.Errorf("begin batch: %w", err)
		}
	case <-ctx.Done():
		c.abandon(q)
		return fmt.Errorf("begin batch: %w", context.Cause(ctx))
	}
	return f(b)
}

// endBatch queues the end of a batch behind what it asked for. What it left
// changed is put back when its turn comes.
func (c *Client) endBatch(b *Batch) {
	c.mu.Lock()
	b.over = true
	if c.owner == b {
		c.queue = append(c.queue, &request{kind: batchEnd, batch: b})
	}
	done := c.pump()
	c.mu.Unlock()
	finishAll(done)
}
