package session

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"ktrap/rsp"
	"ktrap/rsp/rsptest"
	"ktrap/session/gdbview"
)

func TestAtACrashTheThreadOfItsCPUIsWhereItHappenedForLLDB(t *testing.T) {
	k := newToy(t)
	faults(k)
	run := k.Run
	var crashed, stepped atomic.Bool
	k.Run = func(m *rsptest.Machine, packet string) string {
		if crashed.Load() && strings.HasPrefix(packet, "vCont;s") {
			stepped.Store(true)
			return k.goTo("oops_end", 1)
		}
		return run(m, packet)
	}
	k.with(t, func(ctx context.Context, s *Session) {
		l := joinListening(ctx, t, s)
		if _, err := l.Do(ctx, rsp.AnyThread, []byte("QThreadSuffixSupported")); !errors.Is(err, rsp.ErrUnsupported) {
			t.Fatal(err)
		}
		l.resume(t)
		stop := <-l.stops
		crashed.Store(true)
		if stop.Signal != 11 || stop.Thread.TID != gdbview.CPU {
			t.Errorf("the crash: %+v", stop)
		}
		regs, err := l.ReadRegisters(ctx, stop.Thread)
		if pc, err := pcIn(regs, err); err != nil || uint64(pc) != k.syms["toy_write"] {
			t.Errorf("pc %v, %v", pc, err)
		}
		if err := l.Resume(fmt.Appendf(nil, "vCont;s:%v", stop.Thread)); err != nil {
			t.Fatal(err)
		}
		if stop := <-l.stops; stop.Signal != sigTrap || stop.Thread.TID != gdbview.CPU || !stepped.Load() {
			t.Errorf("the step: %+v, the stub stepped: %v", stop, stepped.Load())
		}
	})
}

func TestLLDBStandsAtTheCPUThatIsBlamed(t *testing.T) {
	k := newToy(t)
	faults(k)
	k.with(t, func(ctx context.Context, s *Session) {
		l := joinListening(ctx, t, s)
		if _, err := l.Do(ctx, rsp.AnyThread, []byte("QThreadSuffixSupported")); !errors.Is(err, rsp.ErrUnsupported) {
			t.Fatal(err)
		}
		l.resume(t)
		<-l.stops
		if err := s.call(func() { s.stopped.Crash.Thread.TID = 2 }); err != nil { // as of one that stalls
			t.Fatal(err)
		}
		reply, err := l.Do(ctx, rsp.AnyThread, []byte("?"))
		if stop, bad := rsp.ParseStopReply(reply); err != nil || bad != nil || stop.Thread.TID != gdbview.CPU+1 {
			t.Errorf("%q, %v", reply, err)
		}
	})
}
