package session

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"ktrap/rsp"
	"ktrap/rsp/rsptest"
)

// setPID gives the task at a new pid.
func (k *toy) setPID(task uint64, was, pid uint64) {
	for _, s := range k.Mem {
		for off := task - s.Addr; off+8 <= uint64(len(s.Data)); off += 8 {
			if binary.LittleEndian.Uint64(s.Data[off:]) == was<<32|was { // and tgid
				k.put(s.Addr+off, pid<<32|pid)
				return
			}
		}
	}
	panic("ktrap bug: the toy has no such task")
}

func TestTasksThatHaveEndedAreForgottenInTheEnd(t *testing.T) {
	k := newToy(t)
	pid := uint64(42)
	k.Run = func(*rsptest.Machine, string) string {
		k.setPID(k.syms["sh"], pid, pid+1)
		pid++
		return k.goTo("toy_write", 0)
	}
	k.with(t, func(ctx context.Context, s *Session) {
		l := k.joinBreaking(ctx, t, s)
		listed := func() int {
			list, err := l.Xfer(ctx, "threads", "")
			if err != nil {
				t.Fatal(err)
			}
			return strings.Count(string(list), "<thread ")
		}
		listed()
		most, last := 0, 0
		for range mostPassed + 20 {
			l.resume(t)
			if got := <-l.stops; got.Thread.TID != int(pid) {
				t.Fatalf("task %d has stopped, want %d", got.Thread.TID, pid)
			}
			last = listed()
			most = max(most, last)
		}
		if most < mostPassed || last > 5+20 {
			t.Errorf("at most %d threads, and in the end %d", most, last)
		}
	})
}

func TestAThreadIsDescribedToWhoeverAsksForItAlone(t *testing.T) {
	newToy(t).with(t, func(ctx context.Context, s *Session) {
		l := joinListening(ctx, t, s)
		if _, err := l.Xfer(ctx, "threads", ""); err != nil {
			t.Fatal(err)
		}
		for id, want := range map[string]string{"2": "kthreadd S", "2a": "sh R, on CPU 0", "63": ""} {
			got, err := l.Do(ctx, rsp.AnyThread, []byte("qThreadExtraInfo,"+id))
			text, _ := hex.DecodeString(string(got)) // of an error nothing
			if !strings.HasPrefix(string(text), want) || (err == nil) != (want != "") {
				t.Errorf("thread %s: %q, %v; want %q", id, text, err, want)
			}
		}
	})
}

func TestCPUsAreNotAskedWhatTheyRunUntilSomebodyWantsToKnow(t *testing.T) {
	m, _ := twoCPUs("T05thread:p01.01;")
	withStub(t, m, func(ctx context.Context, s *Session) {
		l := joinListening(ctx, t, s)
		if _, err := l.Do(ctx, rsp.AnyThread, []byte("QThreadSuffixSupported")); !errors.Is(err, rsp.ErrUnsupported) { // as LLDB asks
			t.Fatal(err)
		}
		l.resume(t)
		<-l.stops
		for _, wanted := range []bool{false, true} {
			list, err := l.Xfer(ctx, "threads", "")
			if said := strings.Contains(string(list), "no task is known"); err != nil || said != wanted || strings.Count(string(list), "<thread ") != 2 {
				t.Errorf("%s, %v", list, err)
			}
		}
	})
}

func TestASleepingThreadHasNoRegistersWithoutAKernel(t *testing.T) {
	withStub(t, runs(), func(ctx context.Context, s *Session) {
		err := s.Do(ctx, func(ctx context.Context, v *Stopped) error {
			if regs := v.expedited(ctx, &telling{described: true}, place{id: 42}); regs != nil {
				t.Errorf("%v", regs)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}
