package rsp

import (
	"bytes"
	"slices"
)

// QEMU takes any byte for an interrupt while the machine runs, and drops it.
// If somebody else let the machine run (cont in a monitor window), the first
// byte of our next request stops it, the rest is noise, and no reply will ever
// come. What we see is a stop that nobody asked for and a request without an
// acknowledgement (in no-ack mode: any request). That can also be a mere coincidence with a stop by somebody
// else; then the reply is on its way. To tell, a question follows whose answer
// cannot be mistaken for another: what was not answered before it was lost, and
// is sent again.

var (
	hello        = []byte("qSupported:multiprocess+;vContSupported+;xmlRegisters=i386")
	helloFeature = []byte("PacketSize=")
)

// probeLost sends the question, if a request may have been lost. Called with
// mu held.
func (c *Client) probeLost() {
	if c.greeting || c.probe != nil || c.firstUnacked() == nil || !c.features.has("PacketSize") {
		return
	}
	c.o.Log.Warn("somebody else lets the machine run and stop: a request may be lost")
	c.shifted = len(c.flight) > 1
	c.probe = &request{body: hello}
	c.send(c.probe)
}

// settle takes a reply while the question is out. Called with mu held, which
// it releases.
func (c *Client) settle(body []byte) {
	head := c.flight[0]
	switch {
	case head == c.probe || bytes.Contains(body, helloFeature):
		c.requeueLost()
		done := c.pump()
		c.mu.Unlock()
		finishAll(done)
	case c.shifted: // whose reply this is, nobody knows
		c.mu.Unlock()
	default:
		c.answer(head, body)
	}
}

// requeueLost puts what was sent before the question back in front of the
// queue. Selections are made anew anyway. Called with mu held.
func (c *Client) requeueLost() {
	var lost []*request
	for _, q := range c.flight {
		if q.kind != selection && q != c.probe && q.deliver != nil {
			q.acked = false
			lost = append(lost, q)
		}
	}
	c.queue = slices.Concat(lost, c.queue)
	c.flight, c.probe = nil, nil
	c.listen()
}
