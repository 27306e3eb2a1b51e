package session

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ktrap/rsp"
	"ktrap/rsp/rsptest"
	"ktrap/session/machine"
	"ktrap/symbols/addr"
)

var randomSeed = flag.Uint64("random.seed", 0, "the one seed for the tests with random operations, 0: their own ones")

// walker is a QEMU whose CPUs go round in eight instructions, each at its own
// pace. As with QEMU a CPU that is resumed at a breakpoint hits it again, one
// that is stepped goes over it, and an interrupt of a guest that has just stopped by
// itself is lost. As with QEMU a CPU steps, whatever it is resumed for, until a stop is
// told of it.
type walker struct {
	rsptest.Machine
	rand  *rand.Rand
	at    []int  // where each CPU is
	steps []bool // and whether it steps
	runs  bool
}

const walked = 8 // instructions

func newWalker(seed uint64) *walker {
	w := &walker{rand: rand.New(rand.NewPCG(seed, 3))}
	w.Mem = []rsptest.Segment{{Addr: uint64(text), Data: make([]byte, 64)}}
	for range 2 {
		w.CPUs = append(w.CPUs, rsptest.CPU{Regs: rsptest.NewRegs()})
	}
	w.at, w.steps = make([]int, len(w.CPUs)), make([]bool, len(w.CPUs))
	for cpu := range w.CPUs {
		w.advance(cpu)
	}
	return w
}

func (w *walker) advance(cpu int) {
	w.at[cpu] = (w.at[cpu] + 1) % walked
	rsptest.PutReg(w.CPUs[cpu].Regs, "rip", uint64(text)+uint64(w.at[cpu]))
}

// handle is the handler for ListenUnix.
func (w *walker) handle(s *rsptest.Stub, m rsp.Message) {
	switch {
	case m.Kind == rsp.Interrupt && w.runs:
		w.runs = false
		for cpu := range w.CPUs { // the guest was quicker
			if w.rand.IntN(4) == 0 {
				if stop := w.run("vCont;c"); stop != "" {
					s.Reply(stop)
					return
				}
			}
			w.advance(cpu)
		}
		s.Reply(w.stops(2, w.rand.IntN(len(w.CPUs))))
	case m.Kind == rsp.Packet && strings.HasPrefix(string(m.Body), "vCont;"):
		if stop := w.run(string(m.Body)); stop != "" {
			s.Reply(stop)
			return
		}
		w.runs = true
	case m.Kind == rsp.Packet:
		w.Handle(s, m)
	}
}

// stops tells of a stop.
func (w *walker) stops(signal, cpu int) string {
	w.steps[cpu] = false
	return fmt.Sprintf("T%02xthread:p01.%02x;", signal, cpu+1)
}

// run gives the stop that a resume ends in, "" if the guest runs on.
func (w *walker) run(body string) string {
	verbs := make([]byte, len(w.CPUs)) // 0: stands
	for action := range strings.SplitSeq(strings.TrimPrefix(body, "vCont;"), ";") {
		verb, thread, named := strings.Cut(action, ":")
		for i := range verbs {
			if verbs[i] == 0 && (!named || thread == fmt.Sprintf("p1.%x", i+1)) {
				verbs[i] = verb[0]
				w.steps[i] = w.steps[i] || verb == "s"
			}
		}
	}
	for range w.rand.IntN(20) {
		cpu := w.rand.IntN(len(w.CPUs))
		at := fmt.Sprintf("0,%x,1", uint64(text)+uint64(w.at[cpu]))
		switch {
		case verbs[cpu] == 0:
			continue
		case w.steps[cpu]:
			w.advance(cpu)
		case !slices.Contains(w.Breaks, at):
			w.advance(cpu)
			continue
		}
		return w.stops(5, cpu)
	}
	for cpu, verb := range verbs {
		if verb != 0 && w.steps[cpu] { // the step ends
			w.advance(cpu)
			return w.stops(5, cpu)
		}
	}
	return ""
}

// randomTalk runs operations against a walker behind a line, and tells what is
// wrong afterwards: with ktrap's answers, its table of breakpoints, or QEMU's.
func randomTalk(t *testing.T, seed uint64, ops []Op, l Line, patient time.Duration) error {
	w := newWalker(seed)
	var mu sync.Mutex // the stub's goroutine, and this one in the end
	stub := rsptest.ListenUnix(t, func(s *rsptest.Stub, m rsp.Message) {
		mu.Lock()
		defer mu.Unlock()
		w.handle(s, m)
	})
	before := runtime.NumGoroutine()
	line, hangUp := l.Serve(t, stub)
	var talked error
	cut := false
	err := Run(t.Context(), &Options{Stub: line, Listen: "localhost:0", NoTraps: true}, func(ctx context.Context, s *Session) error {
		s.leaving = time.Minute // a busy machine is not what is tested
		k := &Talk{At: s.ListenAddr(), Data: uint64(text) + 32, Patient: patient}
		for i := range uint64(walked - 2) {
			k.Places = append(k.Places, uint64(text)+i)
		}
		defer k.Close()
		talked = k.Run(ctx, ops)
		soon, cancel := context.WithTimeout(ctx, patient)
		defer cancel()
		if l.CutAfter > 0 && talked != nil {
			cut = s.UntilLost(soon) != nil
		}
		if talked == nil {
			talked = s.countsRightly(soon, k)
		}
		return nil
	})
	hangUp()
	switch {
	case cut:
		talked = lostRightly(talked, err)
	case talked == nil:
		talked = err
	}
	mu.Lock()
	left, steps, detached := slices.Clone(w.Breaks), slices.Clone(w.steps), w.Detached
	mu.Unlock()
	if talked == nil && !cut && (len(left) > 0 || !detached) {
		talked = fmt.Errorf("QEMU keeps the breakpoints %q, detached: %v", left, detached)
	}
	if talked == nil && !cut && slices.Contains(steps, true) {
		talked = fmt.Errorf("QEMU steps CPUs after the detach: %v", steps)
	}
	if talked == nil {
		talked = leaked(before, patient)
	}
	return talked
}

// countsRightly waits until ktrap's table of breakpoints is what the clients
// believe to have set: those of a client that left are being taken out.
func (s *Session) countsRightly(ctx context.Context, k *Talk) error {
	for {
		err := s.counts(k)
		if err == nil || ctx.Err() != nil {
			return err
		}
		runtime.Gosched()
	}
}

func (s *Session) counts(k *Talk) (err error) {
	lost := s.call(func() {
		for _, c := range k.Clients {
			for p := range addr.Addr(walked) {
				has := s.machine.Points.Owned(text+p, machine.Owner(c.Name))
				if n := c.Breaks[fmt.Sprintf("%x,1", uint64(text+p))]; has != (n > 0) {
					err = errors.Join(err, fmt.Errorf("%s has set %d breakpoints at %v, ktrap knows of some: %v", c.Name, n, text+p, has))
				}
			}
		}
		for _, p := range s.machine.Points.All() {
			owned := slices.ContainsFunc(s.machine.Points.OwnersAt(p.Addr), func(o machine.Owner) bool {
				return !strings.HasPrefix(string(o), "gdb") || o == machine.Owner(k.Clients[0].Name) || o == machine.Owner(k.Clients[1].Name)
			})
			if !owned {
				err = errors.Join(err, fmt.Errorf("the breakpoint at %v belongs to clients that are gone", p.Addr))
			}
		}
	})
	return errors.Join(err, lost)
}

// lostRightly requires of a stub that is gone that the clients were told or cut
// off, and that the session has ended without another error.
func lostRightly(talked, ended error) error {
	if ended != nil {
		return fmt.Errorf("the stub is gone, and the session says: %w", ended)
	}
	if talked == nil || errors.Is(talked, ErrCut) || errors.Is(talked, ErrRefused) {
		return nil
	}
	return talked
}

// leaked tells which goroutines of ktrap are left.
func leaked(before int, patient time.Duration) error {
	for end := time.Now().Add(patient); runtime.NumGoroutine() > before; {
		if time.Now().After(end) {
			return fmt.Errorf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks())
		}
		runtime.Gosched()
	}
	return nil
}

// hasty is the patience while a sequence is shrunk, which may fail for that alone:
// the verdict has been given before.
const hasty = 2 * time.Second

// randomly runs n operations of each seed, and shows the shortest sequence that
// fails.
func randomly(t *testing.T, seeds uint64, n int, line func(seed uint64) Line) {
	first := uint64(1)
	if *randomSeed != 0 {
		first, seeds = *randomSeed, 1
	}
	for seed := first; seed < first+seeds; seed++ {
		ops := RandomOps(seed, n)
		fault := randomTalk(t, seed, ops, line(seed), Patience)
		if fault == nil {
			continue
		}
		t.Errorf("seed %d: %v", seed, fault)
		if w, ok := errors.AsType[*wedge](fault); ok {
			t.Logf("meanwhile:\n%s", w.stacks)
		}
		ops = Shrink(ops, 100, func(less []Op) bool {
			for range 3 { // the order of things within ktrap is not ours
				if err := randomTalk(t, seed, less, line(seed), hasty); err != nil {
					fault = err
					return true
				}
			}
			return false
		})
		lines := make([]string, len(ops))
		for i, o := range ops {
			lines[i] = o.String()
		}
		t.Fatalf("shrunk with a patience of %v: %v\nafter\n  %s\nagain: -random.seed=%d", hasty, fault, strings.Join(lines, "\n  "), seed)
	}
}

func TestTwoClientsDoWhatTheyLikeAndNothingIsLost(t *testing.T) {
	randomly(t, 6, 1000, func(uint64) Line { return Line{} })
}

// What the last operations leave behind is not mended by later ones.
func TestTwoClientsMayLeaveAtAnyTime(t *testing.T) {
	randomly(t, 200, 12, func(uint64) Line { return Line{} })
}

func TestTwoClientsDoWhatTheyLikeOverALineThatIsSlow(t *testing.T) {
	randomly(t, 3, 500, func(seed uint64) Line { return Line{Seed: seed, Delay: 200 * time.Microsecond} })
}

func TestTwoClientsDoWhatTheyLikeOverALineThatSpoilsBytes(t *testing.T) {
	randomly(t, 3, 500, func(seed uint64) Line { return Line{Seed: seed, Spoil: 40} })
}

func TestWhateverTwoClientsDoTheyHearOfAStubThatIsCutOff(t *testing.T) {
	randomly(t, 20, 200, func(seed uint64) Line { return Line{Seed: seed, CutAfter: 2000 + int(seed)*137} })
}

func TestAFailingSequenceShrinksToWhatMatters(t *testing.T) {
	ops := RandomOps(1, 500)
	matters := func(o Op) bool { return o.Who == 1 && o.What == "step" }
	least := Shrink(ops, 1000, func(less []Op) bool {
		n := 0
		for _, o := range less {
			if matters(o) {
				n++
			}
		}
		return n >= 2
	})
	if len(least) != 2 || !matters(least[0]) || !matters(least[1]) {
		t.Errorf("two steps are left of %d operations as %v", len(ops), least)
	}
}
