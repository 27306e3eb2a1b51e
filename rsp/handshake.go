package rsp

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrNoAnswer means a stub took the connection and said nothing.
var ErrNoAnswer = errors.New("no answer: another debugger holds the stub (QEMU serves one at a time), or this is no stub")

// Handshake opens the dialogue: features, no-ack mode where offered, QEMU's
// own settings, which outlive the debugger that left them, and the state of the
// machine. After it no breakpoint of an earlier debugger is left.
func (c *Client) Handshake(ctx context.Context) (Features, error) {
	first, cancel := context.WithTimeoutCause(ctx, c.o.HandshakeTimeout, ErrNoAnswer)
	defer cancel()
	reply, err := c.Do(first, AnyThread, hello)
	if err != nil && !errors.Is(err, ErrUnsupported) {
		return Features{}, fmt.Errorf("greet stub: %w", err)
	}
	f := parseFeatures(string(reply))
	if f.Has("QStartNoAckMode") {
		if _, err := c.do(ctx, &request{kind: startNoAck, body: []byte("QStartNoAckMode")}); err != nil {
			return Features{}, fmt.Errorf("turn acknowledgements off: %w", err)
		}
		f.NoAck = true
	}
	c.setFeatures(f)
	if f.Has("qXfer:features:read") { // without it QEMU does not answer p
		if f.TargetXML, err = c.Xfer(ctx, "features", "target.xml"); err != nil && !stubSays(err) {
			return Features{}, fmt.Errorf("greet stub: %w", err)
		}
	}
	if f.QEMU, err = c.setUpQEMU(ctx); err != nil {
		return Features{}, fmt.Errorf("set up QEMU: %w", err)
	}
	if reply, err = c.Do(ctx, AnyThread, []byte("?")); err != nil {
		return Features{}, fmt.Errorf("ask why the machine stands: %w", err)
	}
	if f.Stop, err = ParseStopReply(reply); err != nil {
		return Features{}, fmt.Errorf("ask why the machine stands: %w", err)
	}
	if f.QEMU {
		ran, err := c.ranBefore(ctx)
		if err != nil {
			return Features{}, fmt.Errorf("ask whether the machine ran: %w", err)
		}
		c.mu.Lock()
		c.features.Ran = ran
		c.mu.Unlock()
	}
	c.setFeatures(f)
	return c.Features(), nil
}

func (c *Client) setFeatures(f Features) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.Ran = c.features.Ran // noted when the stop came, before any reply
	c.features = f
}

// stubSays tells a refusal, with which one can live, from a broken link.
func stubSays(err error) bool {
	_, said := errors.AsType[*Error](err)
	_, syntax := errors.AsType[*SyntaxError](err)
	return said || syntax || errors.Is(err, ErrUnsupported)
}

// setUpQEMU sets what QEMU keeps from one debugger to the next: single steps
// without interrupts and timers, as far as it can, and virtual addresses. It
// reports whether this is QEMU at all.
func (c *Client) setUpQEMU(ctx context.Context) (bool, error) {
	reply, err := c.Do(ctx, AnyThread, []byte("qqemu.sstepbits"))
	if err != nil {
		if stubSays(err) {
			return false, nil
		}
		return false, err
	}
	bits := stepBits(string(reply))
	for _, body := range []string{fmt.Sprintf("Qqemu.sstep=%#x", bits), string(physOff)} {
		if err := c.expectOK(ctx, AnyThread, []byte(body)); err != nil {
			if !stubSays(err) {
				return false, err
			}
			c.o.Log.Warn("QEMU setting", "packet", body, "err", err)
		}
	}
	return true, nil
}

// stepBits adds up what "ENABLE=1,NOIRQ=2,NOTIMER=4" offers. KVM may offer less.
func stepBits(reply string) uint64 {
	var bits uint64
	for s := range strings.SplitSeq(reply, ",") {
		_, value, _ := strings.Cut(s, "=")
		if n, err := strconv.ParseUint(value, 16, 32); err == nil {
			bits |= n
		}
	}
	return bits
}
