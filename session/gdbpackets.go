package session

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"ktrap/rsp"
	"ktrap/session/machine"
	"ktrap/symbols/addr"
)

// query answers what is neither about registers, memory and breakpoints nor
// lets the guest run.
func (g *gdbClient) query(ctx context.Context, p string, now *moment) {
	object, xfer := strings.CutPrefix(p, "qXfer:")
	switch {
	case strings.HasPrefix(p, "qSupported"):
		g.reply(g.supported())
	case p == "vCont?":
		g.reply([]byte("vCont;c;C;s;S"))
	case p == "!":
		_ = g.s.call(func() { g.extends = true }) // the reply fails as well
		g.reply([]byte("OK"))
	case p == "?":
		g.status(ctx)
	case p == "qC":
		g.reply(fmt.Appendf(nil, "QC%x", now.at.id))
	case p == "qAttached" || strings.HasPrefix(p, "qAttached:"):
		g.reply([]byte("1")) // so that quit detaches
	case strings.HasPrefix(p, "T"):
		g.alive(ctx, p, now)
	case p == "qfThreadInfo":
		g.threadIDs(ctx, now)
	case p == "qsThreadInfo":
		g.reply([]byte("l"))
	case strings.HasPrefix(p, "qThreadExtraInfo,"):
		g.extraInfo(ctx, p, now)
	case strings.HasPrefix(p, "vAttach;"), strings.HasPrefix(p, "vRun"), strings.HasPrefix(p, "R"):
		g.reply([]byte("E.ktrap serves one running guest: connect again instead"))
	case strings.HasPrefix(p, "Qqemu."), strings.HasPrefix(p, "qqemu."):
		g.reply(qemuMode(p))
	case p == "QThreadSuffixSupported": // LLDB alone asks for it
		g.knowLLDB()
		g.reply(nil)
	case p == "qOffsets":
		g.reply(g.offsets(now))
	case xfer && g.object(ctx, object, now):
	default:
		g.forward([]byte(p))
	}
}

// packetSize is the largest packet between gdb and ktrap: gdb reads memory in
// pieces of half of it.
const packetSize = 0x80000

// supported is ktrap's answer to qSupported: what QEMU can, minus what ktrap
// does not carry. Neither swbreak nor hwbreak is offered: gdb would resume
// silently from a trap that it did not set. Nor is multiprocess, with which every
// task would be called 1.PID. With binary-upload gdb 16 reads memory as bytes, by x.
func (g *gdbClient) supported() []byte {
	f := g.s.client.Features()
	out := fmt.Sprintf("PacketSize=%x;vContSupported+;QStartNoAckMode+;qXfer:features:read+;qXfer:exec-file:read+;"+
		"qXfer:threads:read+;qXfer:libraries:read+;binary-upload+", packetSize)
	if f.ReverseStep {
		out += ";ReverseStep+"
	}
	if f.ReverseContinue {
		out += ";ReverseContinue+"
	}
	return []byte(out)
}

// forward sends a request on to QEMU and its reply back.
func (g *gdbClient) forward(body []byte) { g.reply(g.ask(rsp.AnyThread, body)) }

// ask sends a request of gdb's to QEMU, in the name of a CPU, and gives what
// gdb is to get.
func (g *gdbClient) ask(cpu rsp.ThreadID, body []byte) []byte {
	reply, err := g.s.client.Do(g.s.workCtx, cpu, body)
	if err == nil && changesGuest(body) {
		g.s.Target.Invalidate()
	}
	if err == nil && movesPC(body) {
		_ = g.s.call(func() { g.s.machine.Forget() }) // after the loop's end nobody resumes
	}
	return errorReply(reply, err)
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
	case errors.Is(err, rsp.ErrRunning):
		return []byte("E.the guest runs: another client has resumed it")
	case errors.As(err, &e):
		return e.Append(nil)
	}
	return []byte("E.ktrap: " + err.Error())
}

// status answers ? with the thread of the last stop. QEMU must not see the
// question: it takes it for a new debugger and drops every breakpoint. A guest that
// another client has resumed since gdb connected is stopped again: gdb takes no
// other answer.
func (g *gdbClient) status(ctx context.Context) {
	for {
		var reply []byte
		err := g.s.Do(ctx, func(ctx context.Context, v *Stopped) (err error) {
			reply, err = v.stopReply(ctx, g)
			return err
		})
		if errors.Is(err, rsp.ErrRunning) {
			if err = g.s.halt(ctx); err == nil {
				continue
			}
		}
		if err != nil {
			reply = errorReply(nil, err)
		}
		g.reply(reply)
		return
	}
}

// knowLLDB makes the threads CPUs: LLDB unwinds every one of them at each stop,
// which takes minutes with the tasks of a kernel.
func (g *gdbClient) knowLLDB() {
	_ = g.s.call(func() { g.byCPU, g.lldb = true, true }) // the reply fails as well
}

// offsets answers qOffsets with where KASLR has put the kernel, so that gdb
// moves its symbols there. One absolute segment base moves all of them; the
// older Text=;Data=;Bss= form leaves .rodata behind. LLDB counts from the file's
// lowest segment instead, which is the one of per-CPU data, linked at 0.
func (g *gdbClient) offsets(now *moment) []byte {
	w := g.s.world.Load()
	if w == nil {
		return nil
	}
	text, ok := w.Kernel.Symbol("_text")
	if !ok {
		return nil
	}
	if now.lldb {
		text = addr.Addr(w.Kernel.Slide)
	}
	g.placed(w.Kernel.Slide)
	return fmt.Appendf(nil, "TextSeg=%016x", uint64(text))
}

// breakpoint handles Z and z: one breakpoint in QEMU serves every owner.
func (g *gdbClient) breakpoint(ctx context.Context, p string) {
	point, err := parsePoint(p)
	if err != nil {
		g.reply([]byte("E22"))
		return
	}
	err = g.s.Do(ctx, func(ctx context.Context, v *Stopped) error {
		if p[0] == 'Z' {
			return v.Insert(ctx, point, g.owner)
		}
		return v.removeSoon(ctx, point, g.owner)
	})
	g.reply(g.breakpointReply(err))
}

// breakpointReply says how it went. gdb shows no text of such an error, so it
// goes to whoever listens to ktrap.
func (g *gdbClient) breakpointReply(err error) []byte {
	if err == nil {
		return []byte("OK")
	}
	if _, said := errors.AsType[*rsp.Error](err); !said && !errors.Is(err, rsp.ErrRunning) {
		g.s.emit(Event{Kind: Note, Text: fmt.Sprintf("%s: %v", g.owner, err), Err: err})
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

// detach lets gdb go: its breakpoints leave the guest, and the guest runs on
// unless it stands at a crash, which stays for the next client. leave says that the
// talk is over.
func (g *gdbClient) detach(ctx context.Context) (leave bool) {
	g.reply([]byte("OK"))
	crashed := g.s.AtCrash()
	var extended bool
	_ = g.s.call(func() { extended = g.extends })
	if err := g.s.Quiesced(ctx, func(ctx context.Context, v *Stopped) error { return v.removeOwner(ctx, g.owner) }); err != nil {
		g.s.log.Debug("detach", "client", string(g.owner), "err", err)
		return true
	}
	if !crashed {
		_ = g.s.Continue(ctx) // it may run already, resumed by another client
	}
	return !extended
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
