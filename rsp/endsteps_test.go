package rsp_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"ktrap/rsp"
	"ktrap/rsp/rsptest"
)

// overtaking is a client whose stub has told of the first CPU only, whoever was stepped.
// A CPU that steps from then on sleeps.
type overtaking struct {
	*rsp.Client
	stub   *rsptest.Stub
	before int // what the stub saw until then
	stops  chan rsp.StopReply
}

func overtaken(t *testing.T, m *rsptest.Machine, packets ...string) *overtaking {
	t.Helper()
	o := &overtaking{stops: make(chan rsp.StopReply, 1)}
	resumes := 0
	m.Run = func(*rsptest.Machine, string) string {
		if resumes++; resumes > len(packets) {
			return ""
		}
		return "T05thread:p01.01;"
	}
	o.Client, o.stub = start(t, m.Handle, &rsp.ClientOptions{OnStop: func(s rsp.StopReply) { o.stops <- s }})
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

// wantSent requires what the stub was sent since, and that the owner heard of no stop.
func (o *overtaking) wantSent(t *testing.T, want ...string) {
	t.Helper()
	if got := o.stub.Seen()[o.before:]; !slices.Equal(got, want) {
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

func TestAStepThatCannotBeEndedSaysWhose(t *testing.T) {
	m := twoCPUs()
	m.Override = func(_ *rsptest.Machine, body string) (string, bool) { return "E22", body == "vCont;s:p1.2" }
	o := overtaken(t, m, "vCont;s:p1.2;c")
	if err := o.EndSteps(t.Context()); err == nil || err.Error() != "end the step of thread p1.2: stub says E22" || o.Running() {
		t.Errorf("%v, running %v", err, o.Running())
	}
}

func TestTheEndOfAStepIsNotWaitedForLongerThanWished(t *testing.T) {
	hold := make(chan struct{})
	defer close(hold)
	ctx, cancel := context.WithCancel(t.Context())
	m := twoCPUs()
	m.Override = func(_ *rsptest.Machine, body string) (string, bool) {
		if body == "vCont;s:p1.2" {
			cancel()
			<-hold
		}
		return "", false
	}
	if err := overtaken(t, m, "vCont;s:p1.2;c").EndSteps(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
