package rsp

import (
	"bytes"
	"slices"
)

// request is something to be sent, or a mark in the queue.
type request struct {
	kind      requestKind
	thread    ThreadID
	body      []byte
	batch     *Batch // whose it is; nil: nobody's in particular
	pipelined bool   // may be in flight beside others of its thread
	private   bool   // of a resume: OnStop and OnRefused do not hear of it
	acked     bool   // guarded by Client.mu, as all below
	resends   int
	damaged   int
	selects   *request          // of a selection: for whom
	output    func(text []byte) // takes O packets
	deliver   func([]byte, error)
}

type requestKind uint8

const (
	ordinary  requestKind = iota
	selection             // Hg, sent before the request it is for
	resume
	detach
	startNoAck
	batchBegin // no packet: the batch owns the client from here
	batchEnd   // no packet: until here
	restore    // what a batch has changed, before its end
)

// enqueue takes a request, or says why not.
func (c *Client) enqueue(q *request) error {
	if err := c.harm(q); err != nil {
		return err
	}
	c.mu.Lock()
	if err := c.admit(q); err != nil {
		c.mu.Unlock()
		return err
	}
	c.queue = append(c.queue, q)
	done := c.pump()
	c.mu.Unlock()
	finishAll(done)
	return nil
}

// admit says whether a request may be queued now. Called with mu held.
func (c *Client) admit(q *request) error {
	switch {
	case c.end != nil:
		return c.end
	case q.batch != nil && q.kind != batchBegin:
		if c.owner != q.batch || q.batch.over {
			return errBatchOver
		}
	case c.run != halted:
		return ErrRunning
	}
	if q.kind == resume {
		c.run = resuming
	}
	return nil
}

// abandon forgets a request whose owner waits no longer. If it was sent, its
// reply is dropped when it comes.
func (c *Client) abandon(q *request) {
	c.mu.Lock()
	q.deliver = nil
	if q.kind == resume && slices.Contains(c.queue, q) {
		c.run, c.interrupt = halted, false
	}
	c.queue = slices.DeleteFunc(c.queue, func(x *request) bool { return x == q })
	done := c.pump()
	c.mu.Unlock()
	finishAll(done)
}

// outcome is a request that is done, to be told when mu is free.
type outcome struct {
	deliver func([]byte, error)
	reply   []byte
	err     error
}

// result takes the deliverer of q, so that it is called once. Called with mu held.
func (q *request) result(reply []byte, err error) outcome {
	o := outcome{q.deliver, reply, err}
	q.deliver = nil
	return o
}

func finishAll(done []outcome) {
	for _, o := range done {
		if o.deliver != nil {
			o.deliver(o.reply, o.err)
		}
	}
}

// pump sends what may be sent. Called with mu held.
func (c *Client) pump() (done []outcome) {
	for c.end == nil && c.run != running {
		q := c.next()
		if q == nil || len(c.flight) > 0 && !c.joins(q) {
			return done
		}
		if c.needsSelection(q) {
			if len(c.flight) == 0 {
				c.send(&request{kind: selection, body: []byte("Hg" + q.thread.String()), selects: q})
			}
			return done
		}
		if q.kind == batchEnd && q.batch.physical && !q.batch.restored {
			q.batch.restored = true
			c.send(c.restoring(q.batch))
			return done
		}
		c.queue = slices.DeleteFunc(c.queue, func(x *request) bool { return x == q })
		switch q.kind {
		case batchBegin:
			c.owner = q.batch
			done = append(done, q.result(nil, nil))
		case batchEnd:
			c.owner = nil
		default:
			c.send(q)
		}
	}
	return done
}

// next returns the request whose turn it is.
func (c *Client) next() *request {
	for _, q := range c.queue {
		if c.owner == nil || q.batch == c.owner {
			return q
		}
	}
	return nil
}

// joins reports whether q may be sent while others are in flight.
func (c *Client) joins(q *request) bool {
	return q.pipelined && c.probe == nil && len(c.flight) < c.depth && c.flight[0].pipelined
}

func (c *Client) needsSelection(q *request) bool {
	return q.thread != AnyThread && (!c.known || c.selected != q.thread)
}

// send puts a request on the wire. Called with mu held.
func (c *Client) send(q *request) {
	c.flight = append(c.flight, q)
	if bytes.HasPrefix(q.body, []byte("Hg")) {
		c.known = false // until the reply says so
	}
	q.batch.noteSent(q.body)
	c.transmit(q)
	if len(c.flight) == 1 {
		c.listen()
	}
	if q.kind == resume {
		c.run = running
		c.noteSteps(q.body)
		if c.interrupt {
			c.interrupt = false
			c.transmitByte(Interrupt, interrupt)
		}
	}
}

func (c *Client) transmit(q *request) {
	c.o.Log.Debug("send", "body", wireText(q.body))
	c.o.Record.record(ToStub, Packet, q.body)
	// Its end is the reader's to report.
	_ = c.out.put(func(dst []byte) []byte { return AppendPacket(dst, q.body) })
}

func (c *Client) transmitByte(k Kind, b byte) {
	c.o.Record.record(ToStub, k, nil)
	_ = c.out.put(func(dst []byte) []byte { return append(dst, b) })
}
