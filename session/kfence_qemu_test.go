//go:build qemu

package session_test

import (
	"context"
	"strings"
	"testing"

	"ktrap/session"
	"ktrap/session/vm"
	"ktrap/symbols/oops"
)

// KFENCE hears of an access by a page fault, which begins as every oops does.
func TestAReportOfKFENCEIsWholeAndHidesNoOther(t *testing.T) {
	m := boot(t, "6.12", func(o *vm.Options) { o.Append += " kfence.sample_interval=1" })
	run(t, m.options(t), func(ctx context.Context, s *session.Session) {
		wantKFENCE(t, m.crash(ctx, t, s, "kfence").Crash)
		resume(ctx, t, s) // the case goes on until KFENCE has taken another object
		again, err := s.Wait(ctx)
		if err != nil || again.Crash == nil {
			t.Fatalf("the second report: %+v, %v", again, err)
		}
		wantKFENCE(t, again.Crash)
	})
}

func wantKFENCE(t *testing.T, c *session.Crash) {
	t.Helper()
	r := c.Report
	if r.Class != oops.KFENCE || !strings.HasPrefix(r.Title, "KFENCE: use-after-free read in ") {
		t.Errorf("class %s, title %q", r.Class, r.Title)
	}
	if len(r.Incomplete) != 0 || !strings.HasSuffix(strings.TrimSpace(r.Log), doubleLine) {
		t.Errorf("not complete: %q\n%s", r.Incomplete, r.Log)
	}
	if len(r.Frames) == 0 || r.Frames[0].Func != "c_kfence" {
		t.Errorf("frames %+v", r.Frames)
	}
}
