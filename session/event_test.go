package session

import (
	"context"
	"fmt"
	"testing"

	"ktrap/rsp/rsptest"
)

func TestASubscriberThatLosesEventsIsToldSo(t *testing.T) {
	withStub(t, &rsptest.Machine{}, func(_ context.Context, s *Session) {
		events, done := s.Subscribe()
		defer done()
		for i := range 2 * eventBuffer {
			s.Tell(fmt.Sprint(i))
		}
		for i := range eventBuffer - 1 {
			if e := <-events; e.Text != fmt.Sprint(i) {
				t.Fatalf("event %d is %q", i, e.Text)
			}
		}
		if e := <-events; e.Kind != Note || e.Text != eventsLost {
			t.Errorf("then comes %q", e.Text)
		}
		s.Tell("next")
		if e := <-events; e.Text != "next" {
			t.Errorf("after it was read comes %q", e.Text)
		}
	})
}
