package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"

	"ktrap/rsp"
	"ktrap/session/gdbview"
	"ktrap/session/machine"
	"ktrap/session/vm"
	"ktrap/symbols/addr"
)

// gdbClient is one gdb on ktrap's port. To gdb, ktrap is a stub whose threads
// are the guest's tasks; a request that ktrap does not know goes through to QEMU
// byte for byte. Its packets are handled one after the other on its reader's
// goroutine; stops are told by the loop, or by a goroutine of their own.
type gdbClient struct {
	s      *Session
	owner  machine.Owner // of its breakpoints
	server *rsp.Server

	// Owned by the loop.
	waits     bool   // gdb has resumed the guest and waits for a stop reply
	gaveUp    bool   // it was dropped
	wants     bool   // it has interrupted, and no stop that it was told of since was due to that
	extends   bool   // it said `target extended-remote`: a detach does not end the talk
	thread    int    // gdb's Hg: what its g and m mean
	steps     int    // gdb's Hc: what a bare s steps
	at        place  // the thread that it was told has stopped
	saw       uint64 // number of the stop it was last told of
	byCPU     bool   // its threads are CPUs
	lldb      bool   // it is LLDB
	described bool   // it has read which registers there are
	modules   bool   // it reads the list of modules, and is to hear of changes
	due       bool   // the list has changed since
	looks     bool   // it was told, and reads; the guest goes on when it has resumed
	listed    int    // how often it has read the list of threads at this stop, without what it does by itself

	slide *addr.Slide // where it was told that the kernel is; nil before that
	moved bool        // the kernel is elsewhere since a reboot

	// Owned by the reader.
	list      []gdbview.Thread // of tasks, as gdb has read it last
	passed    int              // how many of those are on it only because they ran
	sliced    []byte           // the object that gdb reads in slices
	slicedKey string
}

// talkGDB serves one gdb until it leaves. gdb expects a stub to stand when it
// connects, so a running guest is stopped, but only for somebody who speaks the
// protocol: a port scanner changes nothing.
func (s *Session) talkGDB(ctx context.Context, conn net.Conn, n int) {
	g := s.newGDB(conn, n)
	defer g.server.Close()
	defer context.AfterFunc(ctx, func() { g.server.Close() })()
	m, err := g.server.Next()
	if err != nil {
		return
	}
	if err := s.halt(ctx); err != nil {
		return
	}
	_ = s.Do(ctx, func(ctx context.Context, v *Stopped) error { // if another client is quicker, gdb is told at its ?
		_, err := v.stopReply(ctx, g)
		return err
	})
	_ = s.call(func() {
		s.gdbs[g] = struct{}{}
		s.publish(Event{Kind: ClientHas, Text: string(g.owner) + " connected; `monitor ktrap report` shows a crash again there"})
	})
	defer g.gone(ctx)
	for ; err == nil; m, err = g.server.Next() {
		if !g.take(ctx, m) {
			return
		}
	}
	if err != io.EOF {
		s.log.Debug("gdb left", "client", string(g.owner), "err", err)
	}
}

// halt stops the guest for a gdb that connects. That the guest stands because the
// stub would not resume it is as good.
func (s *Session) halt(ctx context.Context) error {
	if stop, err := s.Halt(ctx); stop.Err == nil {
		return err
	}
	return nil
}

func (s *Session) newGDB(conn net.Conn, n int) *gdbClient {
	g := &gdbClient{s: s, owner: machine.Owner(fmt.Sprintf("gdb%d", n))}
	g.server = rsp.NewServer(conn, &rsp.ServerOptions{Log: s.log.With("c", "rsp", "client", string(g.owner))})
	return g
}

// take handles one message, its reply included, and reports whether gdb stays.
// A client that asks without reading its replies waits here, in its own goroutine.
func (g *gdbClient) take(ctx context.Context, m rsp.Message) bool {
	if m.Kind == rsp.Interrupt {
		return g.s.call(g.interrupt) == nil
	}
	var now moment
	if g.s.call(func() { now = g.moment() }) != nil {
		return false
	}
	leave := g.packet(ctx, string(m.Body), &now)
	return !leave && ctx.Err() == nil
}

// moment is what a packet is about, as the loop has it when the packet comes.
type moment struct {
	runs   bool // the guest does, resumed by another client
	thread int
	sees   int // the thread whose memory is meant
	steps  int
	at     place // holds while the guest stands where gdb was told it does
	stale  bool  // it does not
	byCPU  bool
	lldb   bool
}

// moment is for a turn of the loop.
func (g *gdbClient) moment() moment {
	now := moment{
		runs: g.s.machine.Runs() && !g.looks, thread: g.thread, sees: g.thread, steps: g.steps, at: g.at,
		stale: g.saw != g.s.stopCount, byCPU: g.byCPU, lldb: g.lldb,
	}
	if g.lldb { // it keeps what it has read, whichever thread is selected then
		now.sees = g.at.id
	}
	return now
}

// interrupt is gdb's Ctrl-C. gdb sends the byte while the guest stands if the key was
// hit while gdb looked at a stop that it then passes over in silence, or just before
// it resumed: that it goes on is known when it does. To LLDB any stop will do.
func (g *gdbClient) interrupt() {
	if g.waits || g.s.machine.Runs() && !g.looks {
		g.wants = g.waits
		g.s.step(machine.Interrupt{})
		return
	}
	g.wants = !g.lldb
}

// gone takes the breakpoints of a gdb that left out of the guest, whose state
// stays as it is: stopped at a crash or running. When ctx ends the whole session
// does, and takes out all breakpoints itself.
func (g *gdbClient) gone(ctx context.Context) {
	s := g.s
	g.server.Close()
	var has bool
	_ = s.call(func() {
		delete(s.gdbs, g)
		has = s.machine.Points.Has(g.owner) || slices.Contains(slices.Collect(maps.Values(s.lingers)), g.owner)
		if g.waits && s.machine.Steps() { // nobody else waits for that step, which may never end
			s.step(machine.Interrupt{})
		}
		g.waits, g.wants = false, false
		s.consulted(nil)
		s.publish(Event{Kind: ClientHas, Text: string(g.owner) + " left"})
	})
	if !has {
		return
	}
	err := s.Quiesced(ctx, func(ctx context.Context, v *Stopped) error {
		return v.removeOwner(ctx, g.owner)
	})
	if err != nil && ctx.Err() == nil {
		s.log.Warn("remove the breakpoints of a gdb that left", "client", string(g.owner), "err", err)
	}
}

// send is for a turn of the loop, which it never holds up.
func (g *gdbClient) send(body []byte) { g.noteSent(g.server.Send(body)) }

// reply answers a packet from the reader's goroutine. gdb has not resumed the guest:
// nothing else is sent that could come before it.
func (g *gdbClient) reply(body []byte) { g.replied(g.server.Send(body)) }

func (g *gdbClient) replied(err error) {
	if err != nil {
		_ = g.s.call(func() { g.noteSent(err) }) // after the loop's end gdb is cut off
	}
}

// print shows text in gdb's console, in a turn of the loop; gdb takes it only
// while it waits. What comes from the guest must not move the cursor of a terminal.
func (g *gdbClient) print(text string) {
	g.noteSent(g.server.SendOutput([]byte(vm.Printable([]byte(text)))))
}

// noteSent says once that a gdb was dropped. Its reader sees that the connection
// is closed, and ends.
func (g *gdbClient) noteSent(err error) {
	if err == nil || g.gaveUp {
		return
	}
	g.gaveUp = true
	if errors.Is(err, rsp.ErrBacklog) {
		g.s.publish(Event{Kind: ClientHas, Text: fmt.Sprintf("%s dropped: %v", g.owner, err), Err: err})
		return
	}
	g.s.log.Debug("write to gdb", "client", string(g.owner), "err", err)
}

// packet handles one packet. leave says that gdb is done.
func (g *gdbClient) packet(ctx context.Context, p string, now *moment) (leave bool) {
	switch {
	case p == "":
		g.reply(nil)
	case now.runs && (p[0] == 'm' || p[0] == 'x'):
		g.reply(readError(rsp.ErrRunning))
	case now.runs && strings.HasPrefix(p, "qRcmd,"):
		_ = g.s.call(func() { // after the loop's end gdb is cut off
			g.print("ktrap: the guest runs: another client has resumed it\n")
			g.send([]byte("OK"))
		})
	case now.runs && !isLocal(p):
		g.reply(errorReply(nil, rsp.ErrRunning))
	case p == "bs" || p == "bc":
		g.reverse(p)
	case strings.HasPrefix(p, "vCont;"), strings.ContainsRune("csCS", rune(p[0])):
		g.resume(ctx, p, now)
	case strings.HasPrefix(p, "Hg"), strings.HasPrefix(p, "Hc"):
		g.selectThread(p)
	case len(p) > 2 && (p[0] == 'Z' || p[0] == 'z'):
		g.breakpoint(ctx, p)
	case strings.ContainsRune("gGpP", rune(p[0])):
		g.registers(ctx, p, now)
	case strings.ContainsRune("mMxX", rune(p[0])):
		g.memory(ctx, p, now)
	case strings.HasPrefix(p, "qRcmd,"):
		g.monitor(ctx, p, now)
	case p == "D" || strings.HasPrefix(p, "D;"):
		return g.detach(ctx)
	case p == "k" || strings.HasPrefix(p, "vKill"):
		// QEMU would exit, and every other client with it: leaving is enough
		if p != "k" {
			g.reply([]byte("OK"))
		}
		return true
	default:
		g.query(ctx, p, now)
	}
	return false
}

// isLocal reports whether a packet is answered without a standing guest.
func isLocal(p string) bool {
	return p == "?" || p == "vCont?" || strings.HasPrefix(p, "qSupported") || strings.HasPrefix(p, "D") || p == "k" || isResume(p)
}

// isResume reports whether a packet lets the guest run: whoever sends it while
// the guest runs waits for it with the others.
func isResume(p string) bool {
	return strings.HasPrefix(p, "vCont;") || p != "" && strings.ContainsRune("csCS", rune(p[0]))
}
