package session

import (
	"context"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"testing"

	"ktrap/rsp"
	"ktrap/rsp/rsptest"
)

func TestPacketsThatWouldEndQEMUNeverReachIt(t *testing.T) {
	var mu sync.Mutex // the stub's goroutine notes, the test looks
	var reached []string
	m := &rsptest.Machine{}
	m.Override = func(_ *rsptest.Machine, body string) (string, bool) {
		mu.Lock()
		defer mu.Unlock()
		if slices.Contains([]string{"bs", "bc", "k", "R00", "!"}, body) || strings.HasPrefix(body, "v") || strings.HasPrefix(body, "qRcmd") {
			reached = append(reached, body)
		}
		return "", false
	}
	withStub(t, m, func(ctx context.Context, s *Session) {
		mu.Lock()
		reached = nil // what ktrap itself has asked
		mu.Unlock()
		c, _ := joinAsGDB(ctx, t, s)
		for _, p := range []string{"bs", "bc", "vAttach;1", "vRun;", "R00"} {
			if _, err := c.Do(ctx, rsp.AnyThread, []byte(p)); err == nil {
				t.Errorf("%s was taken", p)
			}
		}
		if _, err := c.Do(ctx, rsp.AnyThread, []byte("!")); err != nil {
			t.Errorf("extended mode: %v", err)
		}
		if out, err := c.Monitor(ctx, "ktrap"); err != nil || !strings.Contains(out, "monitor ktrap who ADDR") {
			t.Errorf("help: %q, %v", out, err)
		}
		if _, err := c.Monitor(ctx, "info roms"); err != nil {
			t.Error(err)
		}
		c.Close()
		killer, _ := joinAsGDB(ctx, t, s)
		_, _ = killer.Do(ctx, rsp.AnyThread, []byte("vKill;1")) // the talk ends with it
		last, _ := joinAsGDB(ctx, t, s)
		if _, err := last.ReadRegisters(ctx, rsp.AnyThread); err != nil {
			t.Errorf("after a kill: %v", err)
		}
		mu.Lock()
		defer mu.Unlock()
		monitor := func(cmd string) string { return "qRcmd," + hex.EncodeToString([]byte(cmd)) }
		greeting := monitor("info version")
		if want := []string{greeting, monitor("info roms"), greeting, greeting}; !slices.Equal(reached, want) {
			t.Errorf("QEMU got %q, want %q", reached, want)
		}
	})
}
