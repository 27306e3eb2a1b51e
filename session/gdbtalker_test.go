package session

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"strings"

	"ktrap/rsp"
)

// Talker is a client of the gdb port that says what an operation says, as gdb
// would: while it waits for a stop it only interrupts, and before it resumes it
// has heard all answers. It keeps what it must be able to rely on.
type Talker struct {
	Name   string         // as ktrap calls it
	Breaks map[string]int // ADDR,1 of what it has set and not taken back

	conn   net.Conn
	heard  chan string // bodies; closed when the connection has ended
	owed   []string    // questions without an answer yet
	waits  bool        // it has resumed the guest
	thread string      // of the last stop
}

// DialTalker connects and asks what gdb asks first.
func DialTalker(ctx context.Context, at, name string) (*Talker, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", at)
	if err != nil {
		return nil, err
	}
	c := &Talker{Name: name, Breaks: make(map[string]int), conn: conn, heard: make(chan string, 4096)}
	go c.listen()
	for _, body := range []string{"qSupported:xmlRegisters=i386", "?"} {
		if err := c.ask(body); err != nil {
			return nil, err
		}
		answer, err := c.hear(ctx)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", name, body, err)
		}
		if body != "?" {
			continue
		}
		if strings.HasPrefix(answer, "E") {
			return nil, fmt.Errorf("%s: ? is %w: %s", name, ErrRefused, answer)
		}
		if err := c.noteStop(answer); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// listen takes what ktrap says, until the end.
func (c *Talker) listen() {
	defer close(c.heard)
	r := rsp.NewReader(c.conn, 0)
	for {
		m, err := r.Next()
		if err != nil {
			return
		}
		if m.Kind == rsp.Packet {
			_, _ = c.conn.Write([]byte("+")) // its end is the reader's to find
			c.heard <- string(m.Body)
		}
	}
}

// ask sends a packet that has an answer.
func (c *Talker) ask(body string) error {
	c.owed = append(c.owed, body)
	return c.write(string(rsp.AppendPacket(nil, []byte(body))))
}

func (c *Talker) write(wire string) error {
	_, err := c.conn.Write([]byte(wire))
	if err != nil {
		return fmt.Errorf("%s: %w: %w", c.Name, ErrCut, err)
	}
	return nil
}

// resume sends a packet that is answered by a stop.
func (c *Talker) resume(body string) error {
	c.waits = true
	return c.write(string(rsp.AppendPacket(nil, []byte(body))))
}

// hear takes one message and the answer or the stop that it is.
// Errors: a *wedge when nothing comes until ctx ends; what ktrap must not say.
func (c *Talker) hear(ctx context.Context) (string, error) {
	for {
		select {
		case body, ok := <-c.heard:
			if !ok {
				return "", fmt.Errorf("%s: %w", c.Name, ErrCut)
			}
			if strings.HasPrefix(body, "O") && body != "OK" { // output
				continue
			}
			return body, c.take(body)
		case <-ctx.Done():
			return "", &wedge{fmt.Sprintf("%s: nobody answers to %q (waits for a stop: %v)", c.Name, c.owed, c.waits), stacks()}
		}
	}
}

// wedge is that a client is not answered, and what every goroutine did meanwhile.
type wedge struct {
	what   string
	stacks []byte
}

func (w *wedge) Error() string { return w.what }

func stacks() []byte {
	all := make([]byte, 1<<20)
	return all[:runtime.Stack(all, true)]
}

// overhear takes what has come already. What follows on output may take its time.
func (c *Talker) overhear() error {
	for {
		select {
		case body, ok := <-c.heard:
			if !ok {
				return fmt.Errorf("%s: %w", c.Name, ErrCut)
			}
			if strings.HasPrefix(body, "O") && body != "OK" {
				continue
			}
			if err := c.take(body); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

// settle hears all answers, not a stop that it waits for.
func (c *Talker) settle(ctx context.Context) error {
	for len(c.owed) > 0 {
		if _, err := c.hear(ctx); err != nil {
			return err
		}
	}
	return c.overhear()
}

// stop ends the wait for a stop by an interrupt.
func (c *Talker) stop(ctx context.Context) error {
	if !c.waits {
		return nil
	}
	if err := c.write("\x03"); err != nil {
		return err
	}
	for c.waits {
		if _, err := c.hear(ctx); err != nil {
			return err
		}
	}
	return nil
}

// take checks a message and notes what it says.
func (c *Talker) take(body string) error {
	if len(c.owed) == 0 {
		if !c.waits {
			return fmt.Errorf("%s: %q, and nothing was asked", c.Name, body)
		}
		c.waits = false
		return c.noteStop(body)
	}
	asked := c.owed[0]
	c.owed = c.owed[1:]
	point, set := strings.CutPrefix(asked, "Z0,")
	gone, taken := strings.CutPrefix(asked, "z0,")
	switch refused := strings.HasPrefix(body, "E"); {
	case set && body == "OK":
		c.Breaks[point]++
	case taken && body == "OK":
		if c.Breaks[gone]--; c.Breaks[gone] < 0 {
			return fmt.Errorf("%s: %s was taken out, and was not there", c.Name, asked)
		}
	case taken && body == "E22" && c.Breaks[gone] > 0:
		return fmt.Errorf("%s: %s is refused, and it has set it", c.Name, asked)
	case refused && strings.HasPrefix(body, "E."), refused && len(body) == 3:
	case strings.HasPrefix(asked, "m") && len(body) != 2*8:
		return fmt.Errorf("%s: %s has the answer %q", c.Name, asked, body)
	case asked == "g" && len(body) < 2*100:
		return fmt.Errorf("%s: registers are %q", c.Name, body)
	}
	return nil
}

// noteStop checks a stop reply.
func (c *Talker) noteStop(body string) error {
	stop, err := rsp.ParseStopReply([]byte(body))
	if err != nil {
		return fmt.Errorf("%s: a stop is %q: %w", c.Name, body, err)
	}
	if stop.Kind == rsp.Stopped {
		if c.thread = fmt.Sprintf("%x", stop.Thread.TID); stop.Thread.TID <= 0 {
			return fmt.Errorf("%s: a stop without a thread: %q", c.Name, body)
		}
	}
	return nil
}

// close ends the talk. wire is said before it.
func (c *Talker) close(wire string) {
	_, _ = c.conn.Write([]byte(wire)) // it may be cut off already
	c.conn.Close()
	for range c.heard { // until its reader has ended
	}
}
