//go:build qemu

package session_test

import (
	"context"
	"strings"
	"testing"

	"ktrap/session"
	"ktrap/session/report"
	"ktrap/symbols/oops"
)

// A CPU that has interrupts off is found by the other one, and a task that hangs
// by khungtaskd: the report is about those that are found.
func TestAReportShowsTheStackOfTheOneItIsAbout(t *testing.T) {
	for _, c := range []struct {
		series, keyword string
		class           oops.Class
		culprits        []string
	}{
		{"6.1", "hardlockup", oops.RCU, []string{"c_hardlockup"}},
		{"6.12", "hardlockup", oops.RCU, []string{"c_hardlockup"}},
		{"6.1", "hung", oops.Hung, []string{"crashme_write", "hung_thread"}},
	} {
		t.Run(c.series+" "+c.keyword, func(t *testing.T) {
			m := boot(t, c.series, nil)
			run(t, m.options(t), func(ctx context.Context, s *session.Session) {
				g := m.login(ctx, t, s)
				if err := g.Run(ctx, "echo 5 > /proc/sys/kernel/hung_task_timeout_secs", nil); err != nil {
					t.Fatal(err)
				}
				crash := m.crash(ctx, t, s, c.keyword).Crash
				r := crash.Report
				if r.Class != c.class || len(r.Incomplete) > 0 {
					t.Errorf("class %s, incomplete %q", r.Class, r.Incomplete)
				}
				if !anyFunc(r.Frames, c.culprits) {
					t.Errorf("none of %v in the stack of %s, pid %d: %+v", c.culprits, r.Comm, r.PID, r.Frames)
				}
				if r.Comm == "khungtaskd" || strings.HasPrefix(r.Comm, "swapper") {
					t.Errorf("the task is %s, who has found it", r.Comm)
				}
				if len(r.Threads) == 0 || len(r.Registers) == 0 {
					t.Errorf("threads %+v, registers %+v", r.Threads, r.Registers)
				}
			})
		})
	}
}

func anyFunc(frames []report.Frame, names []string) bool {
	for _, f := range frames {
		for _, n := range names {
			if report.IsFunc(f.Func, n) {
				return true
			}
		}
	}
	return false
}
