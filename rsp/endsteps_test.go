package rsp_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ktrap/rsp"
	"ktrap/rsp/rsptest"
)

// overtaking is a client whose stub has told of the first CPU only, whoever was stepped.
// A CPU that steps from then on sleeps, unless run says which stop its n-th step ends in.
type overtaking struct {
	*rsp.Client
	stub    *rsptest.Stub
	before  int // what the stub saw until then
	stops   chan rsp.StopReply
	refused func(error)
	run     func(n int) string
}

func overtaken(t *testing.T, m *rsptest.Machine, packets ...string) *overtaking {
	t.Helper()
	return overtakenBehind(t, m.Handle, m, packets...)
}

// overtakenBehind is overtaken with a machine that is behind a handler.
func overtakenBehind(t *testing.T, h rsptest.Handler, m *rsptest.Machine, packets ...string) *overtaking {
	t.Helper()
	o := &overtaking{stops: make(chan rsp.StopReply, 1), refused: func(error) {}, run: func(int) string { return "" }}
	resumes := 0
	m.Run = func(*rsptest.Machine, string) string {
		if resumes++; resumes > len(packets) {
			return o.run(resumes - len(packets) - 1)
		}
		return "T05thread:p01.01;"
	}
	o.Client, o.stub = start(t, h, &rsp.ClientOptions{
		OnStop:    func(s rsp.StopReply) { o.stops <- s },
		OnRefused: func(err error) { o.refused(err) },
	})
	if _, err := o.Handshake(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, p := range packets {
		if err := o.Resume([]byte(p)); err != nil {
			t.Fatal(err)
		}
		<-o.stops
	}
	o.before = len(o.stub.Seen())
	return o
}

// sent is what the stub was sent since.
func (o *overtaking) sent() []string { return o.stub.Seen()[o.before:] }

// wantSent requires that, and that the owner heard of no stop.
func (o *overtaking) wantSent(t *testing.T, want ...string) {
	t.Helper()
	if got := o.sent(); !slices.Equal(got, want) {
		t.Errorf("stub saw %q\nwant %q", got, want)
	}
	select {
	case stop := <-o.stops:
		t.Errorf("the owner heard of %+v", stop)
	default:
	}
}

func TestStepsThatAnotherStopHasOvertakenAreEndedOnceEach(t *testing.T) {
	for name, c := range map[string]struct {
		packets, want []string
	}{
		"none":            {nil, nil},
		"its own":         {[]string{"vCont;s:p1.1;c:p1.-1"}, nil},
		"another's":       {[]string{"vCont;s:p1.2;c:p1.-1"}, []string{"Hcp1.2", "vCont;s:p1.2", "^C"}},
		"with a signal":   {[]string{"vCont;S05:p1.2"}, []string{"Hcp1.2", "vCont;s:p1.2", "^C"}},
		"all":             {[]string{"vCont;s"}, []string{"qfThreadInfo", "qsThreadInfo", "Hcp1.1", "vCont;s:p1.1", "^C", "Hcp1.2", "vCont;s:p1.2", "^C"}},
		"a continue":      {[]string{"vCont;c:p1.2;c"}, nil},
		"of many packets": {[]string{"vCont;s:p1.2", "vCont;c", "vCont;s:p1.1"}, []string{"Hcp1.2", "vCont;s:p1.2", "^C"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := overtaken(t, twoCPUs(), c.packets...)
			for range 2 {
				if err := o.EndSteps(t.Context()); err != nil {
					t.Fatal(err)
				}
				o.wantSent(t, c.want...)
			}
		})
	}
}

func TestAStubThatIsNotQEMUIsNotAskedToEndSteps(t *testing.T) {
	m := twoCPUs()
	m.Override = func(_ *rsptest.Machine, body string) (string, bool) { return "", strings.HasPrefix(body, "qqemu.") }
	o := overtaken(t, m, "vCont;s:p1.2")
	if err := o.EndSteps(t.Context()); err != nil {
		t.Error(err)
	}
	o.wantSent(t)
}

func TestAStepThatCannotBeEndedSaysWhoseAndTheOthersAreEnded(t *testing.T) {
	m := twoCPUs()
	m.Override = func(_ *rsptest.Machine, body string) (string, bool) { return "E22", body == "vCont;s:p1.1" }
	o := overtaken(t, m, "vCont;s")
	o.refused = func(err error) { t.Errorf("the owner heard of %v", err) }
	if err := o.EndSteps(t.Context()); err == nil || err.Error() != "end the step of thread p1.1: stub says E22" || o.Running() {
		t.Errorf("%v, running %v", err, o.Running())
	}
	o.wantSent(t, "qfThreadInfo", "qsThreadInfo", "Hcp1.1", "vCont;s:p1.1", "^C", "Hcp1.2", "vCont;s:p1.2", "^C")
}

func TestAStepOfWhichTheStopDoesNotTellIsEndedAnew(t *testing.T) {
	m := twoCPUs()
	o := overtaken(t, m, "vCont;s:p1.2;c")
	o.run = func(n int) string { return []string{"T05thread:p01.01;", "T05thread:p01.02;"}[n] }
	if err := o.EndSteps(t.Context()); err != nil {
		t.Error(err)
	}
	if got := slices.DeleteFunc(o.sent(), func(s string) bool { return s == "^C" }); !slices.Equal(got, []string{"Hcp1.2", "vCont;s:p1.2", "Hcp1.2", "vCont;s:p1.2"}) {
		t.Errorf("stub saw %q", got)
	}
	o = overtaken(t, twoCPUs(), "vCont;s:p1.2;c")
	o.run = func(int) string { return "T05thread:p01.01;" }
	if err := o.EndSteps(t.Context()); err == nil || err.Error() != "end the step of thread p1.2: the stops are told of other threads" {
		t.Error(err)
	}
}

// The first interrupt is quicker than the step.
func TestAStepIsInterruptedUntilItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		interrupts := 0
		m := twoCPUs()
		o := overtakenBehind(t, func(s *rsptest.Stub, msg rsp.Message) {
			if msg.Kind == rsp.Interrupt {
				if interrupts++; interrupts < 3 {
					return
				}
			}
			m.Handle(s, msg)
		}, m, "vCont;s:p1.2;c")
		if err := o.EndSteps(t.Context()); err != nil {
			t.Error(err)
		}
		o.wantSent(t, "Hcp1.2", "vCont;s:p1.2", "^C", "^C", "^C")
	})
}

// As of a QEMU that has to be reset first: the machine can be left all the same.
func TestAMachineThatDoesNotStepIsTakenForOneThatStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := twoCPUs()
		o := overtakenBehind(t, func(s *rsptest.Stub, msg rsp.Message) {
			if msg.Kind == rsp.Interrupt || string(msg.Body) == "vCont;s:p1.1" {
				return
			}
			m.Handle(s, msg)
		}, m, "vCont;s")
		if err := o.EndSteps(t.Context()); err == nil || err.Error() != "end the step of thread p1.1: the machine does not stop" {
			t.Error(err)
		}
		if err := o.Detach(t.Context()); err != nil || o.Running() {
			t.Errorf("%v, running %v", err, o.Running())
		}
	})
}

func TestTheEndOfAStepIsNotWaitedForLongerThanWished(t *testing.T) {
	hold := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	m := twoCPUs()
	m.Override = func(_ *rsptest.Machine, body string) (string, bool) {
		if body == "vCont;s:p1.2" {
			cancel()
			<-hold
		}
		return "", false
	}
	o := overtaken(t, m, "vCont;s:p1.2;c")
	if err := o.EndSteps(ctx); !errors.Is(err, context.Canceled) || o.Running() {
		t.Errorf("%v, running %v", err, o.Running())
	}
	close(hold)
	if stop := <-o.stops; stop.Thread != cpu2 { // nobody waits for it any more, so it is news
		t.Errorf("stop %+v", stop)
	}
}

// Somebody has the stub to himself.
func TestAStepThatWasNotEvenSentIsForgotten(t *testing.T) {
	o := overtaken(t, twoCPUs(), "vCont;s:p1.2;c")
	err := o.Atomically(t.Context(), func(*rsp.Batch) error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		return o.EndSteps(ctx)
	})
	if !errors.Is(err, context.DeadlineExceeded) || o.Running() {
		t.Errorf("%v, running %v", err, o.Running())
	}
}
