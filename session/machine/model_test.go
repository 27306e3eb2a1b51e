package machine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"ktrap/rsp"
	"ktrap/symbols/addr"
)

// world is a stub, a worker and some clients around a Machine, as simple as
// they can be. It runs effects at once and checks each against what may be.
type world struct {
	t     *testing.T
	rand  *rand.Rand
	m     *Machine
	twin  *Machine        // hears the same and must say the same
	trace []func() string // formatted only when something is wrong

	// The stub.
	guest   guestState
	ctrlC   bool // an interrupt byte is on its way to the guest that runs
	steps   bool // the guest was told to step: it stops by itself
	stepped rsp.ThreadID
	hit     bool      // its last stop may be that of a breakpoint
	at      addr.Addr // where that was

	// Who owes the machine an answer: at most one at a time.
	owed string // "", "pc", "verdict" or "job"

	// The clients.
	looks     bool // some were asked to look, and have not answered
	nextID    int
	jobs      map[int]string // what became of each: "", "ran", "refused"
	running   bool           // a resume was taken and no stop announced since
	wantsStop bool           // a client has hit Ctrl-C since
}

type guestState string

const (
	stands guestState = "stands"
	runs   guestState = "runs"
	steps1 guestState = "steps off" // one CPU off its breakpoint
)

// resetVector is where a CPU stands after a reset.
const resetVector addr.Addr = 0xfff0

var modelPCs = []addr.Addr{trap, mine, 0xffffffff81000030, 0xffffffff81999999}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{
		t: t, rand: rand.New(rand.NewPCG(seed, 0)), m: New(), twin: New(), guest: stands, jobs: make(map[int]string),
	}
	for _, m := range []*Machine{w.m, w.twin} {
		m.Points.Add(Point{Addr: trap, Size: 1}, Traps)
		m.Points.Add(Point{Addr: mine, Size: 1}, "gdb1")
		m.Points.Add(Point{Addr: modelPCs[2], Size: 1}, Hooks)
		m.Points.Add(Point{Addr: modelPCs[2], Size: 1}, User)
	}
	return w
}

func (w *world) fatalf(format string, args ...any) {
	w.t.Helper()
	var last []string
	for _, say := range w.trace[max(0, len(w.trace)-25):] {
		last = append(last, say())
	}
	w.t.Fatalf("%s\nafter:\n  %s", fmt.Sprintf(format, args...), strings.Join(last, "\n  "))
}

// step gives one event to the machine and runs what comes of it.
func (w *world) step(ev Event) {
	w.t.Helper()
	effects := w.m.Step(ev)
	state, guest, owed := w.m.State(), w.guest, w.owed
	w.trace = append(w.trace, func() string {
		names := make([]string, len(effects))
		for i, e := range effects {
			names[i] = name(e)
		}
		return fmt.Sprintf("%T%+v -> %q, %v, guest %s, owed %q", ev, ev, names, state, guest, owed)
	})
	if again := w.twin.Step(ev); !reflect.DeepEqual(again, effects) {
		w.fatalf("the same events have other effects: %+v", again)
	}
	for _, e := range effects {
		w.run(e)
	}
	w.check()
}

func (w *world) run(e Effect) {
	w.t.Helper()
	switch e := e.(type) {
	case ResumeStub:
		w.mustStandIdle(e)
		w.guest, w.steps = runs, strings.Contains(string(e.Packet), "s")
	case StepStub:
		w.mustStandIdle(e)
		w.guest, w.stepped = steps1, e.Thread
	case InterruptStub:
		if w.ctrlC {
			w.fatalf("a second interrupt byte in one run")
		}
		w.ctrlC = w.guest != stands // QEMU drops it while the guest stands
	case ReadPC:
		w.mustStandIdle(e)
		w.owed = "pc"
	case CheckPC:
		w.mustStandIdle(e)
		w.owed = "check"
	case Inspect:
		w.mustStandIdle(e)
		w.owed = "verdict"
	case RunJob:
		w.mustStandIdle(e)
		w.owed = "job"
		w.endJob(e.ID, "ran")
	case Consult:
		w.mustStandIdle(e)
		w.looks = true
	case Announce:
		w.announced(e)
	case Refuse:
		if _, isJob := w.jobs[e.ID]; isJob {
			w.endJob(e.ID, "refused")
		}
	}
}

func (w *world) mustStandIdle(e Effect) {
	w.t.Helper()
	if w.guest != stands || w.owed != "" {
		w.fatalf("%s while the guest %s and a %q is owed", name(e), w.guest, w.owed)
	}
}

func (w *world) announced(e Announce) {
	w.t.Helper()
	ended := e.Stop.Lost || e.Stop.Reply.Kind == rsp.Exited // told at once, whoever is at work
	if !ended && (w.guest != stands || w.owed != "") {
		w.fatalf("%s while the guest %s and a %q is owed", name(e), w.guest, w.owed)
	}
	if !e.Stop.Lost && e.Stop.Reply.Kind == 0 {
		w.fatalf("%s says nothing of the stop: %+v", name(e), e.Stop.Reply)
	}
	w.running, w.wantsStop, w.looks = false, false, false
}

func (w *world) endJob(id int, how string) {
	w.t.Helper()
	if was := w.jobs[id]; was != "" {
		w.fatalf("job %d %s, and was answered before: %s", id, how, was)
	}
	w.jobs[id] = how
}

// check holds after every event.
func (w *world) check() {
	w.t.Helper()
	if w.wantsStop && w.guest == runs && !w.ctrlC {
		w.fatalf("the interrupt is lost: the guest runs and no byte is on its way")
	}
	if w.running != w.m.Runs() {
		w.fatalf("clients see running=%v, the machine says %v", w.running, w.m.Runs())
	}
	if w.looks != w.m.Consults() {
		w.fatalf("clients look: %v, the machine says %v", w.looks, w.m.Consults())
	}
	if w.guest == stands && w.owed == "" && w.running && !w.looks {
		w.fatalf("the guest was resumed and stands, and nobody is to be waited for")
	}
	if w.guest == stands && w.owed == "" && slices.Contains(w.waiting(), true) {
		w.fatalf("a job waits for a guest that stands")
	}
}

// waiting has one true for each job without an answer.
func (w *world) waiting() (waits []bool) {
	for _, how := range w.jobs {
		if how == "" {
			waits = append(waits, true)
		}
	}
	return waits
}

func (w *world) client() {
	switch w.rand.IntN(6) {
	case 0, 1:
		w.resume()
	case 2:
		w.interrupt()
	default:
		w.nextID++
		w.jobs[w.nextID] = ""
		w.step(Job{ID: w.nextID, Quiesce: w.rand.IntN(2) == 0})
	}
}

func (w *world) resume() {
	w.nextID++
	r := Resume{ID: w.nextID, Packet: []byte("vCont;c")}
	if w.rand.IntN(3) == 0 {
		cpu := w.cpu()
		r = Resume{ID: w.nextID, Packet: fmt.Appendf(nil, "vCont;s:%v", cpu), Steps: true, Only: []rsp.ThreadID{cpu}}
	}
	w.running = w.m.State() != Lost // taken, or it was running before
	w.step(r)
}

func (w *world) interrupt() {
	w.wantsStop = w.running
	w.step(Interrupt{})
}

func (w *world) cpu() rsp.ThreadID {
	if w.rand.IntN(2) == 0 {
		return cpu0
	}
	return cpu1
}

// stub lets the guest get on, if it moves.
func (w *world) stub() {
	if w.guest == stands {
		return
	}
	s := rsp.StopReply{Kind: rsp.Stopped, Signal: sigTrap, Thread: w.cpu()}
	switch {
	case w.guest == steps1:
		s.Thread = w.stepped
		switch w.rand.IntN(8) {
		case 0:
			s.Reason = rsp.Watch
		case 1:
			w.halt()
			w.step(StubRefused{Err: rsp.ErrUnsupported})
			return
		}
	case w.ctrlC && w.rand.IntN(2) == 0:
		s.Signal = sigInt
	case !w.ctrlC && !w.steps && w.rand.IntN(3) != 0:
		return // runs on
	case w.rand.IntN(8) == 0:
		s.Reason = rsp.Watch
	}
	w.hit = w.guest == runs && s.Signal == sigTrap
	w.halt()
	w.step(StubStop{Reply: s})
}

func (w *world) halt() { w.guest, w.ctrlC = stands, false }

// change sets or removes a breakpoint.
func (w *world) change() {
	p := Point{Addr: modelPCs[w.rand.IntN(len(modelPCs))], Size: 1}
	owner := []Owner{Traps, Hooks, User, "gdb1"}[w.rand.IntN(4)]
	add := w.rand.IntN(2) == 0
	for _, m := range []*Machine{w.m, w.twin} {
		if add {
			m.Points.Add(p, owner)
		} else {
			m.Points.Drop(p, owner)
		}
	}
	w.trace = append(w.trace, func() string { return fmt.Sprintf("%s changes %v", owner, p.Addr) })
}

// answer pays what is owed to the machine.
func (w *world) answer() {
	owed := w.owed
	w.owed = ""
	switch owed {
	case "pc":
		ev := PC{PC: modelPCs[w.rand.IntN(len(modelPCs))], Unmoved: w.rand.IntN(8) == 0}
		if w.rand.IntN(20) == 0 {
			ev = PC{Err: errors.New("no reply")}
		}
		w.at = ev.PC
		w.step(ev)
		if w.hit && w.m.State() != Lost && ev.Err == nil && !ev.Unmoved && w.m.ours(ev.PC) && w.owed != "verdict" {
			w.fatalf("a trap was hit at %v and nobody looks", ev.PC)
		}
	case "check":
		at, moved := w.m.handled[w.m.stepping], w.rand.IntN(3) == 0
		if moved {
			at = resetVector
		}
		if w.step(PC{PC: at}); moved && w.guest == steps1 && w.m.handled[w.stepped] == 0 {
			w.fatalf("a CPU is stepped that has been reset")
		}
	case "verdict":
		w.step(Verdict{Show: w.rand.IntN(3) == 0, Consult: w.rand.IntN(3) == 0})
		if w.m.clientPoint(w.at) && w.running {
			w.fatalf("a client's breakpoint was hit at %v and the guest goes on", w.at)
		}
	case "job":
		w.step(JobDone{Show: w.rand.IntN(6) == 0, Thread: w.cpu()})
	}
}

// goOn is the end of a look.
func (w *world) goOn() {
	ev := GoOn{}
	if w.rand.IntN(2) == 0 {
		ev.Instead = &Resume{Packet: []byte("vCont;c")}
	}
	w.looks = false
	w.step(ev)
}

// settle lets everything that is under way come to its end.
func (w *world) settle() {
	for range 1000 {
		if w.guest == stands && w.owed == "" {
			return
		}
		w.answer()
		w.stub()
		if w.looks {
			w.goOn()
		}
	}
	w.fatalf("it does not come to an end")
}

func TestWhateverHappensNothingIsLostAndNothingHappensTwice(t *testing.T) {
	for seed := range uint64(1000) {
		w := newWorld(t, seed)
		for range 150 {
			switch w.rand.IntN(11) {
			case 10:
				w.surprise()
			case 0:
				w.change()
				if w.looks {
					w.goOn()
				}
			case 1, 2, 3:
				w.client()
			case 4, 5, 6:
				w.stub()
			default:
				w.answer()
			}
		}
		w.interrupt()
		w.settle()
		if w.running || slices.Contains(w.waiting(), true) {
			w.fatalf("seed %d: in the end the guest runs for its clients (%v), or a job has no answer", seed, w.running)
		}
	}
}

func TestWheneverTheStubEndsEveryWaiterHears(t *testing.T) {
	for seed := range uint64(500) {
		w := newWorld(t, seed)
		for range w.rand.IntN(60) {
			w.client()
			w.stub()
			w.answer()
			if w.looks && w.rand.IntN(2) == 0 {
				w.goOn()
			}
			if w.rand.IntN(8) == 0 {
				w.surprise()
			}
		}
		w.halt()
		late := w.owed
		w.owed = ""
		w.step(StubLost{Err: rsp.ErrClosed})
		w.owed = late
		w.answer() // of a worker that was at it
		w.surprise()
		w.client()
		if slices.Contains(w.waiting(), true) || w.running {
			w.fatalf("seed %d: somebody waits for a stub that is gone", seed)
		}
	}
}
