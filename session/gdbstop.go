package session

import (
	"context"
	"errors"
	"fmt"

	"ktrap/rsp"
	"ktrap/session/gdbview"
	"ktrap/session/machine"
	"ktrap/session/target"
)

const (
	sigNone = 0
	sigInt  = 2
	sigTrap = 5
)

// tell gives gdb the stop it waits for. It is for a turn of the loop; what is not known of
// the stop yet is found out by a goroutine that ends when gdb has been told.
func (g *gdbClient) tell(stop Stop) {
	switch {
	case !g.waits:
	case stop.Lost:
		g.waits = false
		g.print("ktrap: the connection to QEMU is gone\n")
		g.send([]byte("X09"))
	case stop.Reply.Kind != rsp.Stopped: // QEMU ends
		g.waits = false
		g.send(stop.Reply.Append(nil))
	case stop.Err != nil:
		g.print(fmt.Sprintf("ktrap: %v\n", stop.Err))
		g.tellAgain(nil)
	default:
		if !g.tellAtOnce() {
			g.s.tasks.Go(func() { g.deliver(nil, false) })
		}
	}
}

// tellAgain answers gdb's resume with a stop although nothing has run: gdb says
// that the thread has stopped, and does not try to go on with a step. at is that
// thread, nil for the one that stopped last. It is for a turn of the loop.
func (g *gdbClient) tellAgain(at *place) {
	g.s.tasks.Go(func() { g.deliver(at, true) })
}

// deliver tells gdb where the guest stands, whichever stop that is by now.
func (g *gdbClient) deliver(at *place, again bool) {
	ctx := g.s.workCtx
	for {
		err := g.s.Do(ctx, func(ctx context.Context, v *Stopped) error { return v.tell(ctx, g, at, again) })
		if err == nil || !errors.Is(err, rsp.ErrRunning) {
			return // an error: the stub or gdb is gone
		}
		waits := false
		if g.s.call(func() { waits = g.waits }) != nil || !waits {
			return // told already, or gdb has left
		}
		_, err = g.s.wait(ctx, func() { // another client was quicker
			if g.wants {
				g.s.step(machine.Interrupt{})
			}
		})
		if err != nil {
			return
		}
		at, again = nil, false
	}
}

// tell sends the stop reply, the decoded crash before it.
func (v *Stopped) tell(ctx context.Context, g *gdbClient, wanted *place, again bool) error {
	t, err := v.telling(g)
	if err != nil {
		return err
	}
	at, reply := v.stopFor(ctx, &t)
	if wanted != nil {
		at = *wanted
		reply.Thread = rsp.ThreadID{TID: at.id}
	}
	if again {
		reply.Signal, reply.Reason = sigNone, rsp.NoReason
	}
	reply.Regs = v.expedited(ctx, &t, at)
	return v.call(func() { g.tellStop(&t, at, reply, again) })
}

// tellAtOnce tells gdb of a stop without a goroutine and without the lease, if everything
// is known that gdb is told, and reports whether it did. It is for the turn of the loop in
// which the guest has come to stand: nobody is at work then.
func (g *gdbClient) tellAtOnce() (told bool) {
	t := g.telling()
	v := &Stopped{Session: g.s, World: g.s.world.Load()}
	seen := g.s.foresight.Load()
	foreseen := seen != nil && v.World != nil && seen.kernel == v.World.Kernel
	if t.stop.Crash != nil || !t.byCPU && !foreseen { // takes long to tell, or nothing was read
		return false
	}
	last, lastTold := v.threads.last, v.threads.told
	defer func() {
		if r := recover(); r != nil {
			_ = g.s.bugError("telling gdb of a stop", r) // logged there; the job tells it again, if it can
			told = false
		}
		if !told { // whoever runs may have been guessed
			v.threads.last, v.threads.told = last, lastTold
		}
	}()
	ctx, missed := target.OnlyKnown(g.s.workCtx)
	at, reply := v.stopFor(ctx, &t)
	reply.Regs = v.expedited(ctx, &t, at)
	if missed() {
		return false
	}
	g.tellStop(&t, at, reply, false)
	return true
}

// tellStop is for a turn of the loop.
func (g *gdbClient) tellStop(t *telling, at place, reply rsp.StopReply, again bool) {
	if !g.waits {
		return // told already
	}
	if again && g.lldb { // it would go on by itself, again and again
		reply.Signal = sigInt
	}
	if t.stop.Crash != nil && !again {
		g.print(t.stop.Crash.Summary())
	}
	g.stands(at)
	g.waits = false
	g.wants = g.wants && !again && reply.Signal == sigTrap && !g.lldb // gdb shows all others
	g.send(reply.Append(nil))
}

// stands notes where gdb believes the guest to stand. It is for a turn of the loop.
func (g *gdbClient) stands(at place) {
	g.at, g.thread, g.steps, g.saw = at, at.id, at.id, g.s.stopCount
	g.listed = 0
}

// stopReply is the answer to ?.
func (v *Stopped) stopReply(ctx context.Context, g *gdbClient) ([]byte, error) {
	t, err := v.telling(g)
	if err != nil {
		return nil, err
	}
	at, reply := v.stopFor(ctx, &t)
	reply.Signal, reply.Reason = max(reply.Signal, sigTrap), rsp.NoReason
	return reply.Append(nil), v.call(func() {
		g.stands(at)
		g.wants = false
		g.listed-- // it reads the list once when it begins, and once at its first prompt
	})
}

// stopFor turns a stop of a CPU into one of the task that runs there, and one at a
// crash into one of the context that has crashed, unless gdb has a breakpoint of
// its own at the same place, of which it is to hear. LLDB has threads for CPUs alone and
// unwinds each at a stop, for minutes where crashes are reported: the CPU's thread is
// where it crashed.
func (v *Stopped) stopFor(ctx context.Context, t *telling) (place, rsp.StopReply) {
	stop := &t.stop
	reply := rsp.StopReply{Kind: rsp.Stopped, Signal: sigTrap}
	if stop.Reply.Kind == rsp.Stopped {
		reply.Signal, reply.Reason, reply.WatchAddr = stop.Reply.Signal, stop.Reply.Reason, stop.Reply.WatchAddr
	}
	cpu, err := v.stopCPU(ctx, stop)
	if err != nil {
		cpu = target.CPU{Thread: stop.Reply.Thread}
	}
	at := place{id: gdbview.CPU + cpu.Index, cpu: cpu, runs: true}
	if !t.byCPU {
		at.id = v.stoppedRunner(ctx, cpu, stop).id
	}
	if t.was.cpu == cpu && stop.ofStep(cpu) && isCPU(t.was.id) != t.byCPU { // the threads became others: gdb 13 aborts at a step that ends in another one
		at.id = t.was.id
	}
	if stop.Crash != nil && !t.owned {
		reply.Signal = stop.Crash.signal()
		if c, ok := v.crashPlace(ctx); ok && (!t.byCPU || t.lldb) {
			if t.byCPU {
				c.id = gdbview.CPU + c.cpu.Index
			}
			at = c
		}
	}
	reply.Thread = rsp.ThreadID{TID: at.id}
	return at, reply
}

// isCPU reports whether a thread's number is that of a CPU, not of a task.
func isCPU(id int) bool { return id >= gdbview.CPU && id < gdbview.Crash }
