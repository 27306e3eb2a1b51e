package guest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// nowhere fails to connect without asking the system: its port is none.
const nowhere = "127.0.0.1:99999"

func TestWaitTellsHowLongItHasWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 35*time.Second)
		defer cancel()
		var told []time.Duration
		_, err := Wait(ctx, &Options{Addr: nowhere, Still: func(d time.Duration) { told = append(told, d) }})
		if want := []time.Duration{10 * time.Second, 20 * time.Second, 30 * time.Second}; !slices.Equal(told, want) {
			t.Errorf("told %v, want %v", told, want)
		}
		wait, ok := errors.AsType[*WaitError](err)
		if !ok || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		if wait.Waited != 35*time.Second || !strings.HasPrefix(err.Error(), "no SSH on "+nowhere+" after 35s (last attempt: ") {
			t.Errorf("waited %v: %v", wait.Waited, err)
		}
	})
}

func TestAnAttemptGetsAQuarterOfTheTimeThatTheGuestHasTaken(t *testing.T) {
	for waited, want := range map[time.Duration]time.Duration{
		0: 2 * time.Second, 6 * time.Second: 2 * time.Second, 20 * time.Second: 5 * time.Second,
		2 * time.Minute: 30 * time.Second, time.Hour: 30 * time.Second,
	} {
		if got := bannerTime(waited); got != want {
			t.Errorf("after %v: %v, want %v", waited, got, want)
		}
	}
}
