package session

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"ktrap/rsp"
	"ktrap/session/machine"
	"ktrap/symbols/addr"
)

// supported is ktrap's answer to qSupported: what QEMU can, minus what ktrap
// does not carry. Neither swbreak nor hwbreak is offered: gdb would resume
// silently from a trap that it did not set.
func (g *gdbClient) supported() []byte {
	f := g.s.client.Features()
	out := fmt.Sprintf("PacketSize=%x;qXfer:features:read+;qXfer:exec-file:read+;vContSupported+;QStartNoAckMode+", f.PacketSize)
	if f.Multiprocess {
		out += ";multiprocess+"
	}
	if f.ReverseStep {
		out += ";ReverseStep+"
	}
	if f.ReverseContinue {
		out += ";ReverseContinue+"
	}
	return []byte(out)
}

// forward sends a request on to QEMU in the name of gdb's selected thread and
// its reply back.
func (g *gdbClient) forward(body []byte) {
	g.owes = true
	g.s.client.Go(g.thread, body, func(reply []byte, err error) {
		g.s.tasks.Go(func() {
			_ = g.s.call(func() {
				if err == nil && changesGuest(body) {
					g.s.Target.Invalidate()
				}
				if err == nil && movesPC(body) {
					g.s.machine.Forget()
				}
				g.reply(g.s.kvm.showReply(body, errorReply(reply, err)))
			})
		})
	})
}

// changesGuest reports whether a packet changes what was read of the stop.
func changesGuest(body []byte) bool {
	return len(body) > 0 && strings.ContainsRune("GPMX", rune(body[0]))
}

// movesPC reports whether a packet may move a CPU off the breakpoint it stands at.
func movesPC(body []byte) bool {
	return len(body) > 0 && body[0] == 'G' || strings.HasPrefix(string(body), fmt.Sprintf("P%x=", ripNumber))
}

// errorReply turns the outcome of a request into what gdb would have got from
// QEMU itself.
func errorReply(reply []byte, err error) []byte {
	var e *rsp.Error
	switch {
	case err == nil:
		return reply
	case errors.Is(err, rsp.ErrUnsupported):
		return nil
	case errors.As(err, &e):
		return e.Append(nil)
	}
	return []byte("E.ktrap: " + err.Error())
}

// status answers ? with the thread of the last stop. QEMU must not see the
// question: it takes it for a new debugger and drops every breakpoint.
func (g *gdbClient) status() {
	if st := g.s.stopped.Reply; st.Kind == rsp.Stopped && st.Thread != rsp.AnyThread {
		g.send(rsp.StopReply{Kind: rsp.Stopped, Signal: sigTrap, Thread: st.Thread}.Append(nil))
		return
	}
	g.send(g.s.client.Features().Stop.Append(nil))
}

// offsets answers qOffsets with where KASLR has put the kernel, so that gdb
// moves its symbols there. One absolute segment base moves all of them; the
// older Text=;Data=;Bss= form leaves .rodata behind.
func (g *gdbClient) offsets() []byte {
	w := g.s.world.Load()
	if w == nil {
		return nil
	}
	text, ok := w.Kernel.Symbol("_text")
	if !ok {
		return nil
	}
	return fmt.Appendf(nil, "TextSeg=%016x", uint64(text))
}

const execFile = "qXfer:exec-file:read:"

// execFile answers a gdb without a file with the path of vmlinux, which gdb
// then loads from its own host. This needs vFile to stay unsupported.
func (g *gdbClient) execFile(p string) []byte {
	w := g.s.world.Load()
	if w == nil {
		return []byte("E01")
	}
	path, err := filepath.Abs(w.Symbols.Vmlinux().Path())
	if err != nil {
		return []byte("E01")
	}
	_, window, _ := strings.Cut(strings.TrimPrefix(p, execFile), ":")
	return slice([]byte(path), window)
}

// slice cuts OFFSET,LENGTH out of an object, as qXfer replies do.
func slice(object []byte, window string) []byte {
	var off, n int
	if _, err := fmt.Sscanf(window, "%x,%x", &off, &n); err != nil || off < 0 || n < 0 {
		return []byte("E01")
	}
	object = object[min(off, len(object)):]
	if len(object) <= n {
		return append([]byte("l"), object...)
	}
	return append([]byte("m"), object[:n]...)
}

const sigTrap = 5

// selectThread keeps gdb's Hg and Hc: the client sets QEMU's before each request.
func (g *gdbClient) selectThread(p string) {
	t, err := rsp.ParseThreadID(p[2:])
	if err != nil {
		g.send([]byte("E01"))
		return
	}
	if t.TID <= 0 { // any or all: the one that stopped
		t = g.s.stopped.Reply.Thread
	}
	if p[1] == 'g' {
		g.thread = t
	} else {
		g.runs = t
	}
	g.send([]byte("OK"))
}

// resume handles vCont and the older c, s, C and S. interrupted says that a
// Ctrl-C overtook it.
func (g *gdbClient) resume(p string, interrupted bool) {
	r, err := parseResume(p, g.runs, g.thread)
	if err != nil {
		g.send([]byte("E01"))
		return
	}
	g.waits = true
	g.s.step(r)
	if interrupted {
		g.s.step(machine.Interrupt{})
	}
}

// parseResume reads a resume packet and drops its signals: they come back from
// gdb after a stop that ktrap showed as a signal, and mean nothing to a CPU.
func parseResume(p string, runs, selected rsp.ThreadID) (machine.Resume, error) {
	if !strings.HasPrefix(p, "vCont;") {
		action := strings.ToLower(p[:1])
		p = "vCont;" + action
		if action == "s" {
			if runs.TID <= 0 {
				runs = selected
			}
			p = fmt.Sprintf("vCont;s:%v", runs)
		}
	}
	var r machine.Resume
	packet := []string{"vCont"}
	for action := range strings.SplitSeq(strings.TrimPrefix(p, "vCont;"), ";") {
		verb, thread, named := strings.Cut(action, ":")
		if verb == "" || !strings.ContainsRune("cCsS", rune(verb[0])) {
			return r, fmt.Errorf("parse resume %q: unknown action", p)
		}
		word := strings.ToLower(verb[:1])
		steps := word == "s"
		r.Steps = r.Steps || steps
		if named {
			t, err := rsp.ParseThreadID(thread)
			if err != nil {
				return r, fmt.Errorf("parse resume %q: %w", p, err)
			}
			word += ":" + thread
			if steps && t.TID > 0 {
				r.Only = append(r.Only, t)
			}
		}
		packet = append(packet, word)
	}
	r.Packet = []byte(strings.Join(packet, ";"))
	return r, nil
}

// breakpoint handles Z and z: one breakpoint in QEMU serves every owner.
func (g *gdbClient) breakpoint(ctx context.Context, p string) {
	point, err := parsePoint(p)
	if err != nil {
		g.send([]byte("E22"))
		return
	}
	g.owes = true
	g.s.tasks.Go(func() {
		err := g.s.Do(ctx, func(ctx context.Context, v *Stopped) error {
			if p[0] == 'Z' {
				return v.Insert(ctx, point, g.owner)
			}
			return v.Remove(ctx, point, g.owner)
		})
		_ = g.s.call(func() { g.reply(g.breakpointReply(err)) })
	})
}

// breakpointReply says how it went. gdb shows no text of such an error, so it
// goes to whoever listens to ktrap.
func (g *gdbClient) breakpointReply(err error) []byte {
	if err == nil {
		return []byte("OK")
	}
	if _, said := errors.AsType[*rsp.Error](err); !said {
		g.s.publish(Event{Kind: Note, Text: fmt.Sprintf("%s: %v", g.owner, err), Err: err})
		return []byte("E22")
	}
	return errorReply(nil, err)
}

// parsePoint reads Z0,addr,kind and z0,addr,kind; conditions are not offered.
func parsePoint(p string) (machine.Point, error) {
	parts := strings.Split(p[1:], ",")
	if len(parts) != 3 || len(parts[0]) != 1 || parts[0][0] < '0' || parts[0][0] > '4' {
		return machine.Point{}, fmt.Errorf("parse breakpoint %q: want Z0,addr,kind", p)
	}
	a, err := strconv.ParseUint(parts[1], 16, 64)
	if err != nil {
		return machine.Point{}, fmt.Errorf("parse breakpoint %q: %w", p, err)
	}
	size, err := strconv.ParseUint(parts[2], 16, 16)
	if err != nil {
		return machine.Point{}, fmt.Errorf("parse breakpoint %q: %w", p, err)
	}
	return machine.Point{Kind: machine.Kind(parts[0][0] - '0'), Addr: addr.Addr(a), Size: int(size)}, nil
}

// monitor runs `monitor ktrap ...` here and everything else in QEMU.
func (g *gdbClient) monitor(ctx context.Context, p string) {
	raw, err := hex.DecodeString(strings.TrimPrefix(p, "qRcmd,"))
	if err != nil {
		g.send([]byte("E01"))
		return
	}
	command := strings.TrimSpace(string(raw))
	g.owes = true
	g.s.tasks.Go(func() {
		var out string
		err := g.s.Do(ctx, func(ctx context.Context, v *Stopped) (err error) {
			if own, ok := strings.CutPrefix(command, "ktrap"); ok {
				out = v.ownMonitor(ctx, strings.TrimSpace(own))
				return nil
			}
			out, err = v.Monitor(ctx, command)
			return err
		})
		if err != nil {
			out += fmt.Sprintf("ktrap: monitor %s: %v\n", command, err)
		}
		_ = g.s.call(func() {
			if out != "" {
				g.print(shorten(out))
			}
			g.reply([]byte("OK"))
		})
	})
}

// longestOutput is how much of a monitor command's output gdb is shown. It takes
// twice as much on the wire.
const longestOutput = 16 << 20

func shorten(out string) string {
	if len(out) <= longestOutput {
		return out
	}
	return fmt.Sprintf("%s\n... and %d bytes more\n", out[:longestOutput], len(out)-longestOutput)
}

// detach lets gdb go: its breakpoints leave the guest, and the guest runs on
// unless it stands at a crash, which stays for the next client.
func (g *gdbClient) detach(ctx context.Context) {
	g.send([]byte("OK"))
	crashed := g.s.stopped.Crash != nil
	g.s.tasks.Go(func() {
		if err := g.s.Do(ctx, func(ctx context.Context, v *Stopped) error { return v.removeOwner(ctx, g.owner) }); err != nil {
			g.s.log.Debug("detach", "client", string(g.owner), "err", err)
			return
		}
		if !crashed {
			_ = g.s.Continue(ctx) // it may run already, resumed by another client
		}
	})
}

// reverse guards QEMU, which aborts on reverse execution outside of a replay.
func (g *gdbClient) reverse(body []byte) {
	f := g.s.client.Features()
	if body[1] == 's' && f.ReverseStep || body[1] == 'c' && f.ReverseContinue {
		g.waits = true
		g.s.step(machine.Resume{Packet: body, Steps: true})
		return
	}
	g.send([]byte("E.reverse execution needs QEMU in replay mode (-icount rr=replay)"))
}

// qemuMode answers the queries and settings of QEMU's own that hold for the
// whole stub, not for one client: with physical memory mode left on, every
// other client and ktrap itself would read garbage.
func qemuMode(p string) []byte {
	switch p {
	case "qqemu.PhyMemMode":
		return []byte("0")
	case "Qqemu.PhyMemMode:0", "Qqemu.sstep=0x7", "Qqemu.sstep=7":
		return []byte("OK")
	case "qqemu.sstepbits":
		return []byte("ENABLE=1,NOIRQ=2,NOTIMER=4")
	case "qqemu.sstep":
		return []byte("0x7")
	}
	return []byte("E.ktrap keeps this setting for all its clients; monitor xp reads physical memory")
}
