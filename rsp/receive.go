package rsp

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// read takes messages until the stream ends.
func (c *Client) read() error {
	for {
		m, err := c.rd.Next()
		switch {
		case err == nil:
			c.o.Record.record(FromStub, m.Kind, m.Body)
			c.receive(m)
		case errors.Is(err, ErrChecksum):
			c.receiveDamaged(err)
		case tooLongOrSyntax(err):
			c.receiveUnreadable(err)
		default:
			return err
		}
	}
}

// tooLongOrSyntax tells packets that cannot be taken from a stream that ended.
func tooLongOrSyntax(err error) bool {
	_, syntax := errors.AsType[*SyntaxError](err)
	return syntax || errors.Is(err, ErrTooLong)
}

func (c *Client) receive(m Message) {
	switch m.Kind {
	case Ack:
		c.receiveAck()
	case Nack:
		c.receiveNack()
	case Notification:
		if c.o.OnNotify != nil {
			c.o.OnNotify(bytes.Clone(m.Body))
		}
	case Packet:
		c.o.Log.Debug("receive", "body", wireText(m.Body))
		c.ack()
		c.receivePacket(m.Body)
	}
}

func (c *Client) ack() {
	if !c.noAck { // owned by the reader: only it turns acknowledgements off
		c.transmitByte(Ack, '+')
	}
}

// firstUnacked returns the request that a + or - is about: they come in order.
func (c *Client) firstUnacked() *request {
	for _, q := range c.flight {
		if !q.acked {
			return q
		}
	}
	return nil
}

func (c *Client) receiveAck() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if q := c.firstUnacked(); q != nil {
		q.acked = true
		c.listen()
	}
}

// receiveNack sends a damaged request again. The stub did not take it, so its
// reply comes behind those of all others that are in flight.
func (c *Client) receiveNack() {
	c.mu.Lock()
	q := c.firstUnacked()
	if q == nil {
		c.mu.Unlock()
		c.o.Log.Warn("stub refuses a packet it had accepted")
		return
	}
	c.remove(q)
	if q.resends++; q.resends <= maxResends {
		c.flight = append(c.flight, q)
		c.transmit(q)
		c.mu.Unlock()
		return
	}
	c.fail(q, fmt.Errorf("send %.40q: stub refused it %d times: %w", q.body, q.resends, ErrChecksum))
}

// receiveDamaged asks for a damaged packet again. Among requests sent together
// a nak is no use: a stub repeats its last packet only, and QEMU not even that,
// when the acknowledgement of one reply reaches it after the next. The oldest
// request, whose reply it must have been, is sent anew, and from then on one at
// a time.
func (c *Client) receiveDamaged(err error) {
	c.o.Log.Warn("damaged packet from stub", "err", err)
	c.mu.Lock()
	c.depth = 1
	if len(c.flight) == 0 {
		c.transmitByte(Nack, '-')
		c.mu.Unlock()
		return
	}
	q := c.flight[0]
	if q.damaged++; q.damaged > maxResends {
		c.remove(q)
		c.fail(q, fmt.Errorf("read reply to %.40q, damaged %d times: %w", q.body, q.damaged, err))
		return
	}
	if len(c.flight) == 1 && !q.pipelined {
		c.transmitByte(Nack, '-')
		c.mu.Unlock()
		return
	}
	c.remove(q)
	c.transmitByte(Ack, '+')
	if q.deliver != nil {
		q.acked = false
		c.queue = slices.Insert(c.queue, 0, q)
	}
	done := c.pump()
	c.mu.Unlock()
	finishAll(done)
}

// receiveUnreadable fails the request whose reply arrived whole and is none.
// Asking again would bring the same.
func (c *Client) receiveUnreadable(err error) {
	c.o.Log.Warn("unreadable packet from stub", "err", err)
	c.ack()
	c.mu.Lock()
	if len(c.flight) == 0 {
		c.mu.Unlock()
		return
	}
	q := c.flight[0]
	c.remove(q)
	c.fail(q, fmt.Errorf("read reply to %.40q: %w", q.body, err))
}

// remove takes a request out of flight. Called with mu held.
func (c *Client) remove(q *request) {
	c.flight = slices.DeleteFunc(c.flight, func(x *request) bool { return x == q })
	c.listen()
}

// fail ends a request that is in flight no more. Called with mu held, which
// it releases.
func (c *Client) fail(q *request, err error) {
	refused := q.kind == resume && !q.private
	done := []outcome{q.result(nil, err)}
	switch q.kind {
	case selection:
		done = []outcome{c.dropSelecting(q, err)}
	case resume:
		c.run = halted
	}
	done = append(done, c.pump()...)
	c.mu.Unlock()
	if refused && c.o.OnRefused != nil {
		c.o.OnRefused(err)
	}
	finishAll(done)
}

// dropSelecting ends the request that a failed selection was for, if it still
// waits. Called with mu held.
func (c *Client) dropSelecting(q *request, err error) outcome {
	if !slices.Contains(c.queue, q.selects) {
		return outcome{}
	}
	c.queue = slices.DeleteFunc(c.queue, func(x *request) bool { return x == q.selects })
	return q.selects.result(nil, fmt.Errorf("select thread %v: %w", q.selects.thread, err))
}
