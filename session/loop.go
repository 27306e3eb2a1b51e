package session

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"ktrap/rsp"
	"ktrap/session/machine"
	"ktrap/symbols/addr"
)

// ripNumber is rip in the register order of QEMU's x86-64 description.
const ripNumber = 16

// failed ends the loop after a panic of ktrap's own, and whoever is at work, not the
// process: the guest is still to be let go.
func (s *Session) failed(r any) {
	s.bug = s.bugError("session loop", r)
	s.stopWork()
}

// lose tells everybody that the stub's connection has ended.
func (s *Session) lose(err error) {
	s.lost = err
	close(s.stubLost)
	s.step(machine.StubLost{Err: err})
}

// send hands an event to the loop, or drops it when the loop has ended.
func (s *Session) send(ev machine.Event) { s.post(func() { s.step(ev) }) }

// step is for a turn of the loop.
func (s *Session) step(ev machine.Event) {
	ran := s.machine.Runs()
	effects := s.machine.Step(ev)
	switch ev := ev.(type) {
	case machine.Resume:
		s.begins = s.begins || !ran
	case machine.GoOn:
		s.begins = s.begins || ev.Instead != nil
	}
	if s.log.Enabled(s.workCtx, slog.LevelDebug) { // the words take longer than the step
		s.log.Debug("step", "c", "loop", "event", fmt.Sprintf("%T", ev), "state", s.machine.State(), "effects", len(effects))
	}
	for _, e := range effects {
		s.run(e)
	}
}

func (s *Session) run(e machine.Effect) {
	switch e := e.(type) {
	case machine.ResumeStub:
		s.resumed.Store(true)
		s.noteBefore()
		s.stepped = s.machine.Stepped()
		s.letGoOf(e.Packet)
		s.resumeStub(e.Packet)
	case machine.StepStub:
		s.noteBefore()
		s.stepped = nil
		s.offFrom = s.Target.Learnt(e.Thread)
		s.resumeStub(fmt.Appendf(nil, "vCont;s:%v", e.Thread))
	case machine.InterruptStub:
		if err := s.client.Interrupt(); err != nil {
			s.log.Warn("interrupt the guest", "c", "loop", "err", err)
		}
	case machine.ReadPC:
		if !s.machine.Runs() { // somebody else has let the guest run
			s.stepped = nil
		}
		s.Target.Invalidate()
		s.readStop(e.Thread)
	case machine.CheckPC:
		s.checkStep(e.Thread)
	case machine.Inspect:
		s.startWorker(func(ctx context.Context) machine.Event { return s.inspect(ctx, e.Hit) })
	case machine.RunJob:
		begin := s.work[e.ID]
		delete(s.work, e.ID)
		delete(s.waiting, e.ID)
		if !begin() { // nobody waits for it any more
			s.step(machine.JobDone{})
		}
	case machine.Announce:
		s.announce(e.Stop)
	case machine.Consult:
		s.stopped = Stop{Stop: e.Stop} // for those who look
		s.consult()
	case machine.Refuse:
		s.answer(e.ID, e.Err)
	}
}

// resumeStub lets the guest run; everything known of the stop becomes stale.
func (s *Session) resumeStub(packet []byte) {
	s.Target.Invalidate()
	if err := s.client.Resume(packet); err != nil {
		if errors.Is(err, rsp.ErrClosed) {
			return // the loop hears of it, or has detached
		}
		s.log.Error("resume the guest", "c", "loop", "err", err)
		s.step(machine.StubRefused{Err: err})
	}
}

// pcIn takes the pc out of a CPU's registers, of which those before it have eight
// bytes each.
func pcIn(raw []byte, err error) (addr.Addr, error) {
	switch {
	case err != nil:
		return 0, fmt.Errorf("read pc: %w", err)
	case len(raw) < 8*(ripNumber+1):
		return 0, fmt.Errorf("read pc: only %d bytes of registers", len(raw))
	}
	return addr.Addr(binary.LittleEndian.Uint64(raw[8*ripNumber:])), nil
}

// answer ends the wait of a resume or a job.
func (s *Session) answer(id int, err error) {
	delete(s.work, id)
	if c, ok := s.waiting[id]; ok {
		delete(s.waiting, id)
		c <- err // buffered: the waiter may have given up
	}
}

// announce tells everybody that the guest stands.
func (s *Session) announce(st machine.Stop) {
	stop := Stop{Stop: st}
	stop.Crash, _ = st.Report.(*Crash)
	s.stopped = stop
	s.stopCount++
	for c := range s.stops {
		c <- stop // buffered
	}
	clear(s.stops)
	s.instead = nil
	for g := range s.gdbs {
		g.looks = false
		g.tell(stop)
	}
	if st.Lost {
		s.publish(Event{Kind: StubGone, Err: s.lost})
	}
}

// bugError turns a panic of ktrap's own into an error, and logs where it was.
func (s *Session) bugError(where string, r any) error {
	s.log.Error("ktrap bug: panic", "where", where, "panic", r, "stack", string(debug.Stack()))
	return fmt.Errorf("ktrap bug: %s panicked: %v", where, r)
}
