package session

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"ktrap/rsp"
)

// Op is what one client does. Clients do not wait for each other: what is not
// heard out is under way while the next client acts.
type Op struct {
	Who  int
	What string // see say
	Arg  int    // which place
	Hear bool   // answers are awaited before the next operation
}

// String is one line of a failing sequence.
func (o Op) String() string {
	how := ""
	if o.Hear {
		how = ", and hears"
	}
	return fmt.Sprintf("client %d: %s %d%s", o.Who, o.What, o.Arg, how)
}

// opWeights are how often the operations are drawn.
var opWeights = []struct {
	what   string
	weight int
}{
	{"continue", 14}, {"step", 10}, {"step all", 4}, {"break", 14}, {"delete", 10}, {"interrupt", 14}, {"read", 8}, {"write", 4},
	{"registers", 5}, {"threads", 4}, {"select", 4}, {"alive", 3}, {"monitor", 2}, {"listen", 4}, {"vanish", 1}, {"detach", 1}, {"half", 1}, {"module list", 2},
}

// RandomOps draws n operations of two clients.
func RandomOps(seed uint64, n int) []Op {
	r := rand.New(rand.NewPCG(seed, 5))
	all := 0
	for _, w := range opWeights {
		all += w.weight
	}
	ops := make([]Op, n)
	for i := range ops {
		k := r.IntN(all)
		o := Op{Who: r.IntN(2), Arg: r.IntN(6), Hear: r.IntN(3) != 0}
		for _, w := range opWeights {
			if k -= w.weight; k < 0 {
				o.What = w.what
				break
			}
		}
		ops[i] = o
	}
	return ops
}

// Shrink gives a shorter sequence that still fails: it leaves out ever smaller
// parts as long as that goes, in so many tries.
func Shrink(ops []Op, tries int, fails func([]Op) bool) []Op {
	for part := len(ops) / 2; part > 0; part /= 2 {
		for at := 0; at+part <= len(ops) && tries > 0; tries-- {
			less := append(append([]Op(nil), ops[:at]...), ops[at+part:]...)
			if fails(less) {
				ops = less
			} else {
				at += part
			}
		}
	}
	return ops
}

// Patience is how long an answer may take before a client is said to be wedged: no
// machine is so busy.
const Patience = 2 * time.Minute

// Talk is two clients at one port, and the places in the guest that they are
// about.
type Talk struct {
	At      string // the port
	Places  []uint64
	Data    uint64        // where eight bytes may be written
	Patient time.Duration // Patience, or less

	Clients [2]*Talker
	dialled int
}

// What may be when the stub is gone, and else not.
var (
	ErrCut     = errors.New("cut off")
	ErrRefused = errors.New("refused")
)

// Run lets the clients do as they are told, and then makes each of them stop the
// guest and look at it.
// Errors: what ktrap must not do. A client that is cut off is one.
func (k *Talk) Run(ctx context.Context, ops []Op) error {
	for i := range k.Clients {
		if err := k.dial(ctx, i); err != nil {
			return err
		}
	}
	for i, o := range ops {
		if err := k.do(ctx, o); err != nil {
			return fmt.Errorf("operation %d, %v: %w", i, o, err)
		}
	}
	if err := k.end(ctx); err != nil {
		return fmt.Errorf("at the end: %w", err)
	}
	return nil
}

// end lets every client come to rest, and then look.
func (k *Talk) end(ctx context.Context) error {
	patient, cancel := context.WithTimeout(ctx, k.Patient)
	defer cancel()
	for _, c := range k.Clients {
		if err := errors.Join(c.settle(patient), c.stop(patient)); err != nil {
			return err
		}
	}
	for _, c := range k.Clients {
		if err := k.looks(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// Close ends both talks.
func (k *Talk) Close() {
	for i, c := range k.Clients {
		if c != nil {
			c.close("")
		}
		k.Clients[i] = nil
	}
}

func (k *Talk) dial(ctx context.Context, who int) (err error) {
	ctx, cancel := context.WithTimeout(ctx, k.Patient)
	defer cancel()
	k.dialled++
	k.Clients[who], err = DialTalker(ctx, k.At, fmt.Sprintf("gdb%d", k.dialled))
	return err
}

func (k *Talk) do(ctx context.Context, o Op) error {
	patient, cancel := context.WithTimeout(ctx, k.Patient)
	defer cancel()
	c := k.Clients[o.Who]
	if err := c.overhear(); err != nil {
		return err
	}
	leaves := o.What == "vanish" || o.What == "half" || o.What == "detach"
	if c.waits && !leaves && o.What != "interrupt" {
		return nil
	}
	if err := k.say(patient, c, o); err != nil {
		return err
	}
	if leaves {
		return k.dial(ctx, o.Who)
	}
	if o.Hear {
		return c.settle(patient)
	}
	return nil
}

// say does one operation.
func (k *Talk) say(ctx context.Context, c *Talker, o Op) error {
	place := k.Places[o.Arg%len(k.Places)]
	resumes := map[string]string{"continue": "vCont;c", "step": "vCont;s:" + c.thread, "step all": "vCont;s:" + c.thread + ";c"}
	if body, ok := resumes[o.What]; ok {
		if err := c.settle(ctx); err != nil {
			return err
		}
		return c.resume(body)
	}
	switch o.What {
	case "interrupt":
		return c.write("\x03")
	case "vanish":
		c.close("")
	case "half":
		c.close("$vCont;c#")
	case "detach":
		if c.waits { // gdb would interrupt first
			c.close("")
			return nil
		}
		if err := c.settle(ctx); err != nil {
			return err
		}
		c.close(string(rsp.AppendPacket(nil, []byte("D"))))
	case "listen":
	default:
		return c.ask(map[string]string{
			"break":       fmt.Sprintf("Z0,%x,1", place),
			"delete":      fmt.Sprintf("z0,%x,1", place),
			"read":        fmt.Sprintf("m%x,8", place),
			"write":       fmt.Sprintf("M%x,8:%s", k.Data, strings.Repeat("a5", 8)),
			"registers":   "g",
			"threads":     "qXfer:threads:read::0,ffff",
			"module list": "qXfer:libraries:read::0,ffff",
			"select":      "Hg" + c.thread,
			"alive":       "T" + c.thread,
			"monitor":     fmt.Sprintf("qRcmd,%x", "ktrap list"),
		}[o.What])
	}
	return nil
}

// looks has a client stop the guest, if it does not stand, and read registers. The
// last word of a client that is gone may still let the guest run: then once more.
func (k *Talk) looks(ctx context.Context, c *Talker) (err error) {
	patient, cancel := context.WithTimeout(ctx, k.Patient)
	defer cancel()
	for range 1 + k.dialled {
		if !c.waits {
			err = c.resume("vCont;c")
		}
		if err == nil {
			err = c.stop(patient)
		}
		if err == nil {
			err = c.ask("g")
		}
		if err != nil {
			return err
		}
		answer, err := c.hear(patient)
		if err != nil || !strings.HasPrefix(answer, "E") {
			return err
		}
	}
	return fmt.Errorf("%s: registers of a guest that stands are %w", c.Name, ErrRefused)
}
