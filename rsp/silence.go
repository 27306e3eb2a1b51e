package rsp

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"time"
)

// A stub answers most requests within milliseconds. When one is outstanding and
// no byte comes, either bytes were lost or the stub hangs.
//
// Where bytes can be lost, on a serial line, the protocol's own remedy is used:
// what was not acknowledged is sent again, and a reply that does not come is
// asked for with a nak. A socket loses nothing, so there a second packet would
// only be carried out twice and its second reply taken for that of the next
// request; the request fails instead, and its reply is dropped should it come.
//
// defaultReplyTimeout is long because the stub shares QEMU's main loop: a QEMU
// that is swapped out, that emulates on a crowded host, or whose monitor takes
// a snapshot at somebody else's wish is silent for many seconds and then goes
// on. On a serial line the time is that of all tries together, five seconds
// each: a packet of 4 KB takes more than four at 9600 baud.
const defaultReplyTimeout = 30 * time.Second

// slowPackets begin requests that may take the stub minutes: monitor commands
// such as savevm, checksums and searches over the whole memory, new programs.
var slowPackets = [][]byte{[]byte("qRcmd,"), []byte("qCRC:"), []byte("qSearch:"), []byte("vRun;"), []byte("vAttach;")}

// takesItsTime reports whether silence says nothing about a request that the
// stub has accepted.
func (q *request) takesItsTime() bool {
	if q.kind == resume {
		return true
	}
	for _, p := range slowPackets {
		if bytes.HasPrefix(q.body, p) {
			return true
		}
	}
	return false
}

// sendsAgain reports whether silence may mean that bytes were lost.
func (c *Client) sendsAgain() bool { return c.lossy && !c.noAck }

// patience is how long the stub may be silent from now on; 0: for ever. Called
// with mu held.
func (c *Client) patience() time.Duration {
	if len(c.flight) == 0 {
		return 0
	}
	head := c.flight[0]
	switch {
	case c.sendsAgain() && !(head.acked && head.takesItsTime()):
		return c.o.ReplyTimeout / (maxResends + 1)
	case head.takesItsTime():
		return 0
	}
	return c.o.ReplyTimeout
}

// listen begins to wait anew: something was heard, or something else is waited
// for. A timer that is set already is left to go off too early, and is set again then: to
// set one wakes a thread, and would do so for each request. Called with mu held.
func (c *Client) listen() {
	d := c.patience()
	if d == 0 {
		return
	}
	c.due = time.Now().Add(d)
	if c.wakes.IsZero() || c.due.Before(c.wakes) {
		c.wakes = c.due
		c.silence.Reset(d)
	}
}

// hearing is the stream of a client that notes each sign of life. What is sent in answer to
// what one Read brought goes out with the next.
type hearing struct {
	io.Reader
	c *Client
}

// Read reads, and begins the wait for the next byte.
func (h hearing) Read(p []byte) (int, error) {
	h.c.out.release()
	n, err := h.Reader.Read(p)
	h.c.out.hold()
	h.c.mu.Lock()
	defer h.c.mu.Unlock()
	h.c.listen()
	return n, err
}

// endSilences acts on silence until ended is closed.
func (c *Client) endSilences(ended <-chan struct{}) {
	for {
		select {
		case <-c.silence.C:
			c.endSilence()
		case <-ended:
			c.silence.Stop()
			return
		}
	}
}

// endSilence sends again what may be lost, or fails whoever waits.
func (c *Client) endSilence() {
	c.mu.Lock()
	c.wakes = time.Time{}
	if c.closed || c.patience() == 0 {
		c.mu.Unlock()
		return
	}
	if left := time.Until(c.due); left > 0 { // it was heard of since
		c.wakes = c.due
		c.silence.Reset(left)
		c.mu.Unlock()
		return
	}
	head := c.flight[0]
	if !c.sendsAgain() || head.resends >= maxResends {
		c.giveUp(head)
		return
	}
	head.resends++
	c.o.Log.Warn("no answer from stub: asking again", "body", wireText(head.body), "acked", head.acked)
	if head.acked {
		c.transmitByte(Nack, '-')
	} else {
		c.transmit(head)
	}
	c.listen()
	c.mu.Unlock()
}

// giveUp fails every request that waits for a silent stub, but not what puts
// back a batch's changes. Called with mu held, which it releases.
func (c *Client) giveUp(head *request) {
	err := fmt.Errorf("wait for reply to %.40q: %w for %v: it hangs, is stopped, or is busy in its monitor", head.body, ErrSilent, c.o.ReplyTimeout)
	c.o.Log.Warn("stub does not answer", "body", wireText(head.body))
	var done []outcome
	var kept []*request
	resumes, refused := false, false
	for i, q := range append(slices.Clone(c.flight), c.queue...) {
		switch sent := i < len(c.flight); {
		case q.kind == batchEnd, q.kind == restore && (c.lossy || !sent):
			q.acked, q.resends = false, 0
			kept = append(kept, q)
		case q.kind != restore:
			resumes = resumes || q.kind == resume
			refused = refused || q.kind == resume && !q.private
			done = append(done, q.result(nil, err))
		}
	}
	c.queue = kept
	if resumes {
		c.run, c.interrupt = halted, false
	}
	c.startAnew()
	done = append(done, c.pump()...)
	c.listen()
	c.mu.Unlock()
	if refused && c.o.OnRefused != nil {
		c.o.OnRefused(err)
	}
	finishAll(done)
}

// startAnew makes sure that a reply which still comes is not taken for that of
// a later request. On a lossy line it is lost, after so many tries. Elsewhere
// what is in flight stays there, and a question follows that tells where the
// replies are: see lost.go. Called with mu held.
func (c *Client) startAnew() {
	switch {
	case c.lossy:
		c.flight, c.probe, c.known = nil, nil, false
	case c.probe == nil && c.features.has("PacketSize"):
		c.shifted = true
		c.probe = &request{body: hello}
		c.send(c.probe)
	}
}
