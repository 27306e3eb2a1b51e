package session

import (
	"context"
	"testing"

	"ktrap/rsp/rsptest"
)

func TestAStopIsToldInTheLoopsTurnIfAllIsKnownAndElseNotAtAll(t *testing.T) {
	k := newToy(t)
	k.Run = func(*rsptest.Machine, string) string { return k.goTo("toy_write", 0) }
	k.with(t, func(ctx context.Context, s *Session) {
		l := k.joinBreaking(ctx, t, s)
		for range 3 { // ktrap learns what to read ahead
			l.resume(t)
			<-l.stops
		}
		tell := func() (told, waits bool, last runner) {
			t.Helper()
			err := s.call(func() {
				for g := range s.gdbs {
					g.waits = true
					told = g.tellAtOnce()
					waits, last = g.waits, s.threads.last
					g.waits = false
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			return told, waits, last
		}
		told, waits, was := tell()
		if !told || waits {
			t.Fatalf("told: %v, gdb waits: %v", told, waits)
		}
		if got := <-l.stops; got.Thread.TID != 42 {
			t.Errorf("task %d has stopped", got.Thread.TID)
		}
		s.Target.Invalidate() // as if nothing had been read
		_ = s.call(func() { s.stopCount++ })
		if told, waits, last := tell(); told || !waits || last != was {
			t.Errorf("nothing is known, told: %v, gdb waits: %v, %+v runs, before %+v", told, waits, last, was)
		}
		_ = s.call(func() { s.stopCount-- })
		select {
		case got := <-l.stops:
			t.Errorf("gdb was told of %+v", got)
		default:
		}
	})
}
