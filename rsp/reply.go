package rsp

import (
	"bytes"
	"log/slog"
)

// receivePacket gives a packet to whom it concerns.
func (c *Client) receivePacket(body []byte) {
	c.mu.Lock()
	var head *request
	if len(c.flight) > 0 {
		head = c.flight[0]
	}
	switch {
	case head != nil && head.kind == resume:
		c.receiveWhileRunning(head, body)
	case isOutput(body) && (head == nil || bytes.HasPrefix(head.body, []byte("qRcmd,"))):
		c.mu.Unlock()
		c.output(head, body)
	case isStop(body) && (head == nil || !expectsStop(head.body)):
		c.unasked(body)
	case head == nil:
		c.mu.Unlock()
		c.o.Log.Warn("packet from stub that nobody asked for", "body", wireText(body))
	case c.probe != nil:
		c.settle(body)
	default:
		c.answer(head, body)
	}
}

// receiveWhileRunning takes what may come between a resume and its stop.
// Called with mu held, which it releases.
func (c *Client) receiveWhileRunning(head *request, body []byte) {
	if isOutput(body) {
		c.mu.Unlock()
		c.output(head, body)
		return
	}
	if err := replyError(body); err != nil {
		c.remove(head)
		c.fail(head, err)
		return
	}
	s, err := ParseStopReply(body)
	if err != nil {
		if !isStop(body) {
			c.mu.Unlock()
			c.o.Log.Warn("packet from stub while the machine runs", "body", wireText(body))
			return
		}
		// It stands, whatever the stub meant to add.
		c.o.Log.Warn("stop reply of stub", "err", err)
		s = StopReply{Kind: Stopped, Extra: []StopField{{"unreadable", string(body)}}}
	}
	c.remove(head)
	c.run = halted
	c.selected, c.known = s.Thread, s.selects()
	c.noteStop(&s)
	done := append(c.pump(), head.result(nil, nil))
	c.mu.Unlock()
	if c.o.OnStop != nil && !head.private {
		c.o.OnStop(s)
	}
	finishAll(done)
}

// unasked takes a stop that answers no resume: QEMU sends one when a debugger
// connects, and when somebody else stops the machine. Called with mu held,
// which it releases.
func (c *Client) unasked(body []byte) {
	c.known = false
	c.probeLost()
	s, err := ParseStopReply(body)
	c.noteStop(&s)
	greeting := c.greeting
	if greeting {
		c.features.Ran = true
	}
	c.mu.Unlock()
	if greeting || err != nil {
		c.o.Log.Debug("stop nobody asked for is dropped", "body", wireText(body), "err", err)
		return
	}
	if c.o.OnStop != nil {
		c.o.OnStop(s)
	}
}

// answer completes a request. Called with mu held, which it releases.
func (c *Client) answer(q *request, body []byte) {
	c.remove(q)
	c.greeting = false
	err := replyError(body)
	ok := string(body) == "OK"
	if err != nil {
		c.fail(q, err)
		return
	}
	if ok {
		q.batch.noteOK(q.body)
	}
	switch {
	case q.kind == selection:
		c.selected, c.known = q.selects.thread, true
	case q.kind == detach && ok:
		c.end = errDetached
	case q.kind == startNoAck && ok:
		c.noAck = true
		c.rd.SetNoAck(true)
	}
	done := []outcome{q.result(bytes.Clone(body), nil)}
	if c.end != nil {
		for _, w := range c.queue {
			done = append(done, w.result(nil, c.end))
		}
		c.queue = nil
	}
	done = append(done, c.pump()...)
	c.mu.Unlock()
	finishAll(done)
}

// output hands over the text of an O packet.
func (c *Client) output(head *request, body []byte) {
	text := make([]byte, len(body)/2)
	if unhex(text, body[1:]) != nil {
		return // isOutput has looked
	}
	switch {
	case head != nil && head.output != nil:
		head.output(text)
	case c.o.OnOutput != nil:
		c.o.OnOutput(text)
	}
}

// replyError returns the error that a reply is, if it is one. No other reply
// has three characters that begin with E: data comes in pairs of digits.
func replyError(body []byte) error {
	switch {
	case len(body) == 0:
		return ErrUnsupported
	case len(body) == 3 && body[0] == 'E' && isHex(body[1:]):
		return &Error{Code: nibble(body[1])<<4 | nibble(body[2])}
	case bytes.HasPrefix(body, []byte("E.")):
		return &Error{Msg: string(body[2:])}
	}
	return nil
}

// isOutput tells O packets from OK.
func isOutput(body []byte) bool {
	return len(body)%2 == 1 && body[0] == 'O' && isHex(body[1:])
}

// isStop tells stop replies from the replies of other requests, which are
// never T or S and a number.
func isStop(body []byte) bool {
	if len(body) < 3 || !isHex(body[1:3]) {
		return false
	}
	switch body[0] {
	case 'T':
		return true
	case 'S':
		return len(body) == 3
	case 'W', 'X':
		return len(body) == 3 || body[3] == ';'
	}
	return false
}

// expectsStop reports whether a stop reply answers the request.
func expectsStop(body []byte) bool {
	return string(body) == "?" || bytes.HasPrefix(body, []byte("vAttach")) || bytes.HasPrefix(body, []byte("vRun"))
}

// wireText is a body in a log: formatted only if the log wants it, and cut.
type wireText []byte

// LogValue formats the body as a transcript does.
func (w wireText) LogValue() slog.Value {
	const most = 200
	if len(w) > most {
		return slog.StringValue(string(appendQuoted(nil, w[:most])) + "...")
	}
	return slog.StringValue(string(appendQuoted(nil, w)))
}
