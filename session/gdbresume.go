package session

import (
	"context"
	"fmt"
	"strings"

	"ktrap/rsp"
	"ktrap/session/machine"
)

// selectThread keeps gdb's Hg and Hc; QEMU has only one of each.
func (g *gdbClient) selectThread(p string) {
	t, err := rsp.ParseThreadID(p[2:])
	if err != nil {
		g.reply([]byte("E01"))
		return
	}
	_ = g.s.call(func() { // the reply fails as well
		id := t.TID
		if id <= 0 { // any or all: the one that stopped
			id = g.at.id
		}
		if p[1] == 'g' {
			g.thread = id
		} else {
			g.steps = id
		}
		g.send([]byte("OK"))
	})
}

// action is what a resume packet wants of one thread, or of all those that no
// action before it names.
type action struct {
	step bool
	id   int // 0: all
}

// parseResume reads vCont and the older c, s, C and S, of which the latter two
// step the thread of Hc, else that of Hg. Signals are dropped: they come back from gdb
// after a stop that ktrap showed as a signal, and mean nothing to a CPU.
func parseResume(p string, steps, selected int) ([]action, error) {
	list, ok := strings.CutPrefix(p, "vCont;")
	if !ok {
		switch {
		case p[0] == 'c' || p[0] == 'C':
			return []action{{}}, nil
		case steps > 0:
			return []action{{step: true, id: steps}}, nil
		}
		return []action{{step: true, id: selected}}, nil
	}
	var out []action
	for one := range strings.SplitSeq(list, ";") {
		verb, thread, named := strings.Cut(one, ":")
		if verb == "" || !strings.ContainsRune("cCsS", rune(verb[0])) {
			return nil, fmt.Errorf("parse resume %q: unknown action", p)
		}
		a := action{step: verb[0] == 's' || verb[0] == 'S'}
		if named {
			t, err := rsp.ParseThreadID(thread)
			if err != nil {
				return nil, fmt.Errorf("parse resume %q: %w", p, err)
			}
			a.id = max(t.TID, 0)
		}
		out = append(out, a)
	}
	return out, nil
}

// resume lets the guest run for a gdb. Three of its wishes cannot be: the guest
// runs already, then gdb waits with the others; it has run since gdb last saw
// it, or the thread to step does not run: then gdb is told where things stand.
func (g *gdbClient) resume(ctx context.Context, p string, now *moment) {
	actions, err := parseResume(p, now.steps, now.thread)
	if err != nil {
		g.reply([]byte("E01"))
		return
	}
	var r machine.Resume
	why := ""
	var still *place
	if !now.runs && !now.stale {
		r, still, why = g.translate(ctx, actions, now)
	}
	_ = g.s.call(func() { g.letRun(&r, still, why) }) // after the loop's end gdb is cut off
}

// letRun does what a gdb asks with a resume, or tells it why that cannot be. It is for
// a turn of the loop.
func (g *gdbClient) letRun(r *machine.Resume, still *place, why string) {
	g.waits = true
	if g.saw != g.s.stopCount && !g.s.machine.Runs() { // by now, if not when the packet came
		why, still = "ktrap: another client let the guest run meanwhile; this is where it stands now\n", nil
	}
	switch {
	case g.moved:
		g.exits()
	case why != "":
		g.print(why)
		g.tellAgain(still)
	case g.looks:
		g.looked(r)
	case g.s.machine.Runs():
	case g.due:
		g.s.tasks.Go(func() { g.tellModules(false) })
	default:
		g.s.resumer = g
		g.s.step(*r)
	}
	if g.wants && why == "" && g.waits {
		g.interrupt()
	}
}

// looked ends a look at the list of modules. It is for a turn of the loop.
func (g *gdbClient) looked(r *machine.Resume) {
	g.looks = false
	if g.s.resumer != g {
		r = nil // it was another client's resume, and stays so
	}
	g.s.consulted(r)
}

// translate turns actions on tasks into what QEMU is to do with its CPUs. A task
// that does not run cannot be stepped: why then says so, and still which it is.
func (g *gdbClient) translate(ctx context.Context, actions []action, now *moment) (r machine.Resume, still *place, why string) {
	packet := []string{"vCont"}
	for _, a := range actions {
		word := "c"
		if a.step {
			word, r.Steps = "s", true
		}
		if a.id == 0 {
			packet = append(packet, word)
			continue
		}
		at, err := g.find(ctx, a.id, now)
		switch {
		case err != nil && a.step:
			return r, nil, "ktrap: this thread is gone\n"
		case err == nil && (at.runs || at.crash && now.lldb): // which has no other thread for that CPU
			if a.step {
				r.Only = append(r.Only, at.cpu.Thread)
			}
			packet = append(packet, fmt.Sprintf("%s:%v", word, at.cpu.Thread))
		case a.step && at.crash:
			return r, &at, "ktrap: this is where the crash happened, not where a CPU stands: select the task's own thread to step, or continue\n"
		case a.step:
			return r, &at, "ktrap: this task does not run and cannot be stepped; set a breakpoint for it and continue\n"
		}
	}
	if len(packet) == 1 { // every named task sleeps: all may run
		packet = append(packet, "c")
	}
	r.Packet = []byte(strings.Join(packet, ";"))
	return r, nil, ""
}

// reverse guards QEMU, which aborts on reverse execution outside of a replay.
func (g *gdbClient) reverse(p string) {
	f := g.s.client.Features()
	if p == "bs" && f.ReverseStep || p == "bc" && f.ReverseContinue {
		r := machine.Resume{Packet: []byte(p), Steps: true}
		_ = g.s.call(func() { g.letRun(&r, nil, "") }) // after the loop's end gdb is cut off
		return
	}
	g.reply([]byte("E.reverse execution needs QEMU in replay mode (-icount rr=replay)"))
}
