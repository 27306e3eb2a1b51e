package rsp

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrStopped means there is nothing to interrupt.
	ErrStopped = errors.New("machine is not running")

	errDetached  = fmt.Errorf("%w: detached", ErrClosed)
	errBatchOver = fmt.Errorf("%w: batch is over", ErrRefused)
)

// harm says why a request must not be sent, whoever asks.
func (c *Client) harm(q *request) error {
	body := string(q.body)
	f := c.Features()
	switch {
	case q.kind == batchBegin || q.kind == batchEnd:
		return nil
	case (body == "k" || strings.HasPrefix(body, "vKill")) && !c.o.AllowKill:
		return fmt.Errorf("%w: %q would end QEMU", ErrRefused, body)
	case body == "bs" && !f.ReverseStep, body == "bc" && !f.ReverseContinue:
		return fmt.Errorf("%w: stub cannot run backwards, and %q would abort QEMU", ErrRefused, body)
	case strings.HasPrefix(body, "QNonStop:1"):
		return fmt.Errorf("%w: %q: non-stop mode is not spoken here", ErrRefused, body)
	case body == "QStartNoAckMode" && q.kind != startNoAck:
		return fmt.Errorf("%w: %q is a matter between the client and the stub", ErrRefused, body)
	case isResume(q.body) && q.kind != resume:
		return fmt.Errorf("%w: %.40q lets the machine run: use Resume", ErrRefused, body)
	case q.kind == resume && !isResume(q.body):
		return fmt.Errorf("%w: %.40q does not let the machine run", ErrRefused, body)
	}
	return nil
}

// isResume reports whether a stop reply may be long in coming.
func isResume(body []byte) bool {
	if len(body) == 0 {
		return false
	}
	switch body[0] {
	case 'c', 's', 'C', 'S', 'i', 'I':
		return true
	case 'b':
		return string(body) == "bs" || string(body) == "bc"
	}
	return bytes.HasPrefix(body, []byte("vCont;"))
}

func isDetach(body []byte) bool {
	return string(body) == "D" || bytes.HasPrefix(body, []byte("D;"))
}

// Resume sends a packet that lets the machine run: vCont;..., c, s and so on.
// It does not wait: the stop comes to OnStop, and a refusal of the stub to
// OnRefused. Until then requests fail with ErrRunning.
func (c *Client) Resume(body []byte) error {
	if err := c.enqueue(&request{kind: resume, body: bytes.Clone(body)}); err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	return nil
}

// Interrupt asks a running machine to stop; the stop comes to OnStop. A
// resume that still waits in the queue is interrupted as soon as it is sent.
// Errors: ErrStopped, ErrClosed.
func (c *Client) Interrupt() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.end != nil:
		return fmt.Errorf("interrupt: %w", c.end)
	case c.run == running:
		c.transmitByte(Interrupt, interrupt)
	case c.run == resuming:
		c.interrupt = true
	default:
		return ErrStopped
	}
	return nil
}
