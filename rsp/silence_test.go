package rsp_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ktrap/rsp"
	"ktrap/rsp/rsptest"
)

// after is how long f takes on the bubble's clock.
func after(f func()) time.Duration {
	begin := time.Now()
	f()
	return time.Since(begin)
}

// echoAfter answers every packet with its body, late.
func echoAfter(d time.Duration) rsptest.Handler {
	return func(s *rsptest.Stub, m rsp.Message) {
		if m.Kind == rsp.Packet {
			time.Sleep(d) // of the bubble's clock
			s.Reply("r" + string(m.Body))
		}
	}
}

func TestARequestThatIsNeverAnsweredFailsByName(t *testing.T) {
	for name, o := range map[string]*rsp.ClientOptions{"by default": nil, "sooner": {ReplyTimeout: 3 * time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			c, s := start(t, func(*rsptest.Stub, rsp.Message) {}, o)
			want := 30 * time.Second
			if o != nil {
				want = o.ReplyTimeout
			}
			var err error
			if took := after(func() { _, err = c.Do(t.Context(), cpu1, []byte("m1000,4")) }); took != want {
				t.Errorf("%s: failed after %v", name, took)
			}
			if !errors.Is(err, rsp.ErrSilent) || !strings.Contains(err.Error(), `reply to "Hgp1.1": stub is silent for `+want.String()) {
				t.Errorf("%s: %v", name, err)
			}
			wantSeen(t, s, "Hgp1.1") // a socket loses nothing: it is not sent again
		})
	}
}

func TestAReplyThatComesTooLateIsNotTakenForTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := start(t, echoAfter(40*time.Second), nil)
		if _, err := c.Do(t.Context(), rsp.AnyThread, []byte("q1")); !errors.Is(err, rsp.ErrSilent) {
			t.Errorf("%v", err)
		}
		time.Sleep(20 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if got, err := c.Do(ctx, rsp.AnyThread, []byte("q2")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%q, %v", got, err) // q2 is under way, not answered with rq1
		}
	})
}

func TestABatchThatMeetsSilenceStillPutsBackWhatItChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := withMemory()
		stalled := false
		m.Override = func(_ *rsptest.Machine, body string) (string, bool) {
			if !stalled && body == "m1000,4" {
				stalled = true
				time.Sleep(40 * time.Second)
			}
			return "", false
		}
		c, s := greeted(t, m)
		err := c.Atomically(t.Context(), func(b *rsp.Batch) error {
			return errors.Join(b.SetPhysMem(t.Context(), true), b.ReadMemory(t.Context(), rsp.AnyThread, 0x1000, make([]byte, 4)))
		})
		if !errors.Is(err, rsp.ErrSilent) {
			t.Errorf("%v", err)
		}
		if _, err := c.Do(t.Context(), rsp.AnyThread, []byte("qC")); err != nil {
			t.Errorf("next: %v", err)
		}
		if seen := s.Seen(); slices.Index(seen, "Qqemu.PhyMemMode:0") < 0 || seen[len(seen)-2] != "Qqemu.PhyMemMode:0" {
			t.Errorf("stub saw %q", seen)
		}
	})
}

func TestAfterAReplyThatNeverCameTheStubIsAskedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := greeted(t, withMemory())
		lost := "qC"
		s.Swallow = func(body string) bool {
			if body != lost {
				return false
			}
			lost = ""
			s.Raw("+")
			return true
		}
		if _, err := c.Do(t.Context(), rsp.AnyThread, []byte("qC")); !errors.Is(err, rsp.ErrSilent) {
			t.Errorf("%v", err)
		}
		if got, err := c.Do(t.Context(), rsp.AnyThread, []byte("qC")); err != nil || string(got) != "QCp01.01" {
			t.Errorf("next: %q, %v", got, err)
		}
	})
}

func TestSilenceAtTheEndOfABatchDoesNotLeaveMemoryPhysical(t *testing.T) {
	for _, lossy := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			m := withMemory()
			c, s := start(t, m.Handle, &rsp.ClientOptions{Lossy: lossy})
			if _, err := c.Handshake(t.Context()); err != nil {
				t.Fatal(err)
			}
			lost := 6 // as often as it is tried on a lossy line
			if !lossy {
				lost = 1
			}
			s.Swallow = func(body string) bool {
				if body == "Qqemu.PhyMemMode:0" {
					lost--
				}
				return body == "Qqemu.PhyMemMode:0" && lost >= 0
			}
			if err := c.Atomically(t.Context(), func(b *rsp.Batch) error { return b.SetPhysMem(t.Context(), true) }); err != nil {
				t.Error(err)
			}
			_, err := c.Do(t.Context(), rsp.AnyThread, []byte("qC"))
			if !errors.Is(err, rsp.ErrSilent) {
				t.Errorf("%v", err)
			}
			if got, err := c.Do(t.Context(), rsp.AnyThread, []byte("qqemu.PhyMemMode")); err != nil || string(got) != "0" {
				t.Errorf("lossy %v: the mode is %q, %v", lossy, got, err)
			}
		})
	}
}

func TestWhatMayTakeItsTimeIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := start(t, func(s *rsptest.Stub, m rsp.Message) {
			if m.Kind == rsp.Packet {
				time.Sleep(time.Hour)
				s.Reply("OK")
			}
		}, nil)
		if _, err := c.Monitor(t.Context(), "savevm a"); err != nil {
			t.Error(err)
		}
	})
}

func TestAMachineThatRunsMayBeSilent(t *testing.T) {
	for _, lossy := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			stops := make(chan rsp.StopReply, 1)
			c, s := start(t, func(s *rsptest.Stub, m rsp.Message) {
				if m.Kind == rsp.Packet {
					time.Sleep(time.Hour)
					s.Reply("T05thread:p1.1;")
				}
			}, &rsp.ClientOptions{Lossy: lossy, OnStop: func(s rsp.StopReply) { stops <- s }})
			if err := c.Resume([]byte("vCont;c")); err != nil {
				t.Fatal(err)
			}
			<-stops
			wantSeen(t, s, "vCont;c")
		})
	}
}

func TestAStubThatDribblesIsNotSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := start(t, func(s *rsptest.Stub, m rsp.Message) {
			if m.Kind == rsp.Packet {
				for _, b := range packet("0102") {
					time.Sleep(20 * time.Second)
					s.Raw(string(b))
				}
			}
		}, nil)
		if got, err := c.Do(t.Context(), rsp.AnyThread, []byte("g")); err != nil || string(got) != "0102" {
			t.Errorf("%q, %v", got, err)
		}
	})
}

func TestOnALossyLineARequestThatGotLostIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost := 2
		c, s := start(t, func(s *rsptest.Stub, m rsp.Message) { s.Reply("OK") }, &rsp.ClientOptions{Lossy: true})
		s.Swallow = func(string) bool { // without its # it is no packet yet
			lost--
			return lost >= 0
		}
		took := after(func() {
			if _, err := c.Do(t.Context(), rsp.AnyThread, []byte("qC")); err != nil {
				t.Error(err)
			}
		})
		if took != 10*time.Second {
			t.Errorf("after %v", took)
		}
		wantSeen(t, s, "qC", "qC", "qC")
	})
}

func TestOnALossyLineAReplyThatGotLostIsAskedForWithANak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := start(t, func(s *rsptest.Stub, m rsp.Message) {
			if m.Kind == rsp.Nack {
				s.Reply("QC1")
			}
		}, &rsp.ClientOptions{Lossy: true})
		if got, err := c.Do(t.Context(), rsp.AnyThread, []byte("qC")); err != nil || string(got) != "QC1" {
			t.Errorf("%q, %v", got, err)
		}
		wantSeen(t, s, "qC", "-")
	})
}

func TestOnALossyLineTriesAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var alive atomic.Bool
		refused := make(chan error, 1)
		c, s := start(t, func(s *rsptest.Stub, m rsp.Message) { s.Reply("OK") },
			&rsp.ClientOptions{Lossy: true, OnRefused: func(err error) { refused <- err }})
		s.Swallow = func(string) bool { return !alive.Load() }
		var err error
		took := after(func() { _, err = c.Do(t.Context(), rsp.AnyThread, []byte("qC")) })
		if !errors.Is(err, rsp.ErrSilent) || took != 30*time.Second {
			t.Errorf("%v after %v", err, took)
		}
		if err := c.Resume([]byte("vCont;c")); err != nil {
			t.Fatal(err)
		}
		if err := <-refused; !errors.Is(err, rsp.ErrSilent) || c.Running() {
			t.Errorf("resume: %v, running %v", err, c.Running())
		}
		alive.Store(true) // somebody has plugged the cable in
		if _, err := c.Do(t.Context(), rsp.AnyThread, []byte("qC")); err != nil {
			t.Errorf("next: %v", err)
		}
		wantSeen(t, s, slices.Concat(slices.Repeat([]string{"qC"}, 6), slices.Repeat([]string{"vCont;c"}, 6), []string{"qC"})...)
	})
}

func TestWithoutAcknowledgementsNothingIsSentTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := start(t, rsptest.Answers(map[string]string{"qSupported:multiprocess+;vContSupported+;xmlRegisters=i386": "QStartNoAckMode+", "?": "S05"}),
			&rsp.ClientOptions{Lossy: true})
		if _, err := c.Handshake(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.Swallow = func(body string) bool { return body == "qC" }
		before := len(s.Seen())
		if _, err := c.Do(t.Context(), rsp.AnyThread, []byte("qC")); !errors.Is(err, rsp.ErrSilent) {
			t.Errorf("%v", err)
		}
		if seen := s.Seen()[before:]; len(seen) != 1 {
			t.Errorf("stub saw %q", seen)
		}
	})
}
