package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"ktrap/rsp"
	"ktrap/session/machine"
	"ktrap/session/vm"
)

// gdbClient is one gdb on ktrap's port. To gdb, ktrap is a stub; a request that
// ktrap does not know goes through to QEMU byte for byte.
type gdbClient struct {
	s       *Session
	owner   machine.Owner // of its breakpoints
	server  *rsp.Server
	replied chan struct{} // one slot: the reply that its reader waits for was sent

	// Owned by the loop.
	waits  bool         // gdb has resumed the guest and waits for a stop reply
	owes   bool         // the reply to its last packet comes later
	gaveUp bool         // it was dropped
	early  bool         // gdb's last message was an interrupt, before it resumed anything
	thread rsp.ThreadID // gdb's Hg: what its g and m mean; QEMU has only one
	runs   rsp.ThreadID // gdb's Hc: what a bare s steps
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
	s.Interrupt()
	if _, err := s.Wait(ctx); err != nil {
		return
	}
	_ = s.call(func() {
		s.gdbs[g] = struct{}{}
		g.thread = s.stopped.Reply.Thread
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

func (s *Session) newGDB(conn net.Conn, n int) *gdbClient {
	g := &gdbClient{s: s, owner: machine.Owner(fmt.Sprintf("gdb%d", n)), replied: make(chan struct{}, 1)}
	g.server = rsp.NewServer(conn, &rsp.ServerOptions{Log: s.log.With("c", "rsp", "client", string(g.owner))})
	return g
}

// take handles one message, its reply included, and reports whether gdb stays.
// A client that asks without reading its replies waits here, in its own goroutine.
func (g *gdbClient) take(ctx context.Context, m rsp.Message) bool {
	leave, later := false, false
	lost := g.s.call(func() {
		if m.Kind == rsp.Interrupt {
			g.interrupt()
			return
		}
		leave = g.packet(ctx, m.Body)
		later = g.owes
	})
	if lost != nil || leave {
		return false
	}
	if !later {
		return true
	}
	select {
	case <-g.replied:
		return true
	case <-ctx.Done():
	case <-g.s.done:
	}
	return false
}

// interrupt is gdb's Ctrl-C. gdb sends the byte before its resume if the key
// was hit in between; that it does so is known when the next packet resumes.
func (g *gdbClient) interrupt() {
	if g.waits || g.s.machine.Runs() {
		g.s.step(machine.Interrupt{})
		return
	}
	g.early = true
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
		has = s.machine.Points.Has(g.owner)
		if g.waits && s.machine.Steps() { // nobody else waits for that step, which may never end
			s.step(machine.Interrupt{})
		}
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

// send is for the loop's goroutine, which it never holds up.
func (g *gdbClient) send(body []byte) { g.noteSent(g.server.Send(body)) }

// reply sends what a packet was answered with later.
func (g *gdbClient) reply(body []byte) {
	g.send(body)
	g.owes = false
	g.replied <- struct{}{} // its reader takes one for each packet
}

// print shows text in gdb's console; gdb takes it only while it waits. What
// comes from the guest must not move the cursor of a terminal.
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

// tell gives gdb the stop it waits for, the decoded crash before it.
func (g *gdbClient) tell(stop Stop) {
	if !g.waits {
		return
	}
	g.waits = false
	if stop.Lost {
		g.print("ktrap: the connection to QEMU is gone\n")
		g.send([]byte("X09"))
		return
	}
	reply := stop.Reply
	if stop.Err != nil {
		g.print(fmt.Sprintf("ktrap: %v\n", stop.Err))
	}
	if stop.Crash != nil {
		g.print(stop.Crash.Summary())
		if !g.s.machine.Points.Owned(stop.PC, g.owner) {
			reply.Signal = stop.Crash.signal()
		}
	}
	g.thread = reply.Thread
	g.send(reply.Append(nil))
}

// packet handles one packet on the loop. leave says that gdb is done.
func (g *gdbClient) packet(ctx context.Context, body []byte) (leave bool) {
	p := string(body)
	early := g.early
	g.early = false
	switch {
	case g.s.machine.Runs() && !isLocal(p):
		g.send([]byte("E.the guest runs: another client has resumed it"))
	case strings.HasPrefix(p, "qSupported"):
		g.send(g.supported())
	case p == "vCont?":
		g.send([]byte("vCont;c;C;s;S"))
	case p == "?":
		g.status()
	case strings.HasPrefix(p, "vCont;"), p != "" && strings.ContainsRune("csCS", rune(p[0])):
		g.resume(p, early)
	case strings.HasPrefix(p, "Hg"), strings.HasPrefix(p, "Hc"):
		g.selectThread(p)
	case len(p) > 2 && (p[0] == 'Z' || p[0] == 'z'):
		g.breakpoint(ctx, p)
	case strings.HasPrefix(p, "Qqemu."), strings.HasPrefix(p, "qqemu."):
		g.send(qemuMode(p))
	case p == "qOffsets":
		g.send(g.offsets())
	case strings.HasPrefix(p, execFile):
		g.send(g.execFile(p))
	case strings.HasPrefix(p, "qRcmd,"):
		g.monitor(ctx, p)
	case p == "D" || strings.HasPrefix(p, "D;"):
		g.detach(ctx)
		return true
	case p == "k" || strings.HasPrefix(p, "vKill"):
		// QEMU would exit, and every other client with it: leaving is enough
		if p != "k" {
			g.send([]byte("OK"))
		}
		return true
	case p == "bs" || p == "bc":
		g.reverse(body)
	default:
		g.forward(body)
	}
	return false
}

// isLocal reports whether a packet is answered without a standing guest.
func isLocal(p string) bool {
	return p == "vCont?" || strings.HasPrefix(p, "qSupported") || strings.HasPrefix(p, "D") || p == "k"
}
