//go:build qemu

package session_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"ktrap/session"
	"ktrap/session/guest"
	"ktrap/session/lab"
	"ktrap/session/report"
	"ktrap/session/vm"
	"ktrap/symbols/oops"
)

// kasanCrash is one thing done to the kernel with sanitizers, and the reports
// that ktrap is to stop at, in order.
type kasanCrash struct {
	keyword string
	reports []kasanReport
	endless bool // the reproducer never comes back
	race    bool // its reports come in either order
}

// kasanReport is one expected report.
type kasanReport struct {
	class   oops.Class
	head    string // in the report's first line
	closing string // the report's last line
	culprit string // a function that must be among the compared frames; empty: any
	bare    bool   // it has no trace
}

func (r *kasanReport) is(got *report.Report) bool {
	return got.Class == r.class && strings.Contains(got.Log, r.head)
}

// Last lines of the kernel's reports.
const (
	doubleLine = "=================================================================="
	endTrace   = "---[ end trace "
	endTask    = " </TASK>"
)

// stallHead is for a stall that its own CPU has found and for one that another has.
const stallHead = "rcu: INFO: rcu_preempt "

// kasanBoots are the crashes by boot. Lockdep speaks once per boot, and not
// after a report of KASAN, which taints; so these come last or alone.
var kasanBoots = [][]kasanCrash{
	{
		{keyword: "ubsan", reports: []kasanReport{
			{class: oops.UBSAN, head: "UBSAN: shift-out-of-bounds in", closing: endTrace, culprit: "c_ubsan"},
			{class: oops.UBSAN, head: "UBSAN: array-index-out-of-bounds in", closing: endTrace, culprit: "c_ubsan"},
		}},
		{keyword: "warn", reports: []kasanReport{{class: oops.WARN, head: "WARNING: CPU: ", closing: endTrace, culprit: "c_warn"}}},
		{keyword: "rcususp", reports: []kasanReport{{class: oops.RCU, head: "WARNING: suspicious RCU usage", closing: endTask, culprit: "c_rcususp"}}},
		{keyword: "sleepinatomic", reports: []kasanReport{{class: oops.Atomic, head: "BUG: sleeping function called from invalid context", closing: endTask, culprit: "c_sleepinatomic"}}},
		{keyword: "abba", reports: []kasanReport{{class: oops.Lockdep, head: "WARNING: possible circular locking dependency detected", closing: endTask, culprit: "c_abba"}}},
		{keyword: "uaf", reports: []kasanReport{
			{class: oops.KASAN, head: "BUG: KASAN: slab-use-after-free in c_uaf", closing: doubleLine, culprit: "c_uaf"},
			{class: oops.KASAN, head: "BUG: KASAN: slab-use-after-free in c_uaf", closing: doubleLine, culprit: "c_uaf"},
		}},
		{keyword: "oob", reports: []kasanReport{{class: oops.KASAN, head: "BUG: KASAN: slab-out-of-bounds in c_oob", closing: doubleLine, culprit: "c_oob"}}},
		{keyword: "doublefree", reports: []kasanReport{{class: oops.KASAN, head: "BUG: KASAN: double-free in", closing: doubleLine, culprit: "crashme_write"}}},
		{keyword: "null", reports: []kasanReport{
			{class: oops.KASAN, head: "BUG: KASAN: null-ptr-deref in inner_deref", closing: doubleLine, culprit: "inner_deref"},
			{class: oops.Die, head: "BUG: kernel NULL pointer dereference", closing: endTrace, culprit: "inner_deref"},
		}},
		{keyword: "softlockup", reports: []kasanReport{
			{class: oops.RCU, head: stallHead, closing: endTask, culprit: "c_softlockup"},
			{class: oops.SoftLockup, head: "watchdog: BUG: soft lockup", closing: endTask, culprit: "c_softlockup"},
		}, endless: true, race: true},
	},
	{{keyword: "deadlock", reports: []kasanReport{
		{class: oops.Lockdep, head: "WARNING: possible circular locking dependency detected", closing: endTask, culprit: "c_deadlock"},
		{class: oops.Hung, head: "INFO: task", closing: endTask},
	}, endless: true}},
	{{keyword: "irqlock2", reports: []kasanReport{{class: oops.Lockdep, head: "WARNING: inconsistent lock state", closing: endTask, culprit: "c_irqlock"}}}},
	{{keyword: "lockfreed", reports: []kasanReport{{class: oops.Lockdep, head: "WARNING: held lock freed!", closing: endTask, culprit: "crashme_write"}}, endless: true}},
	{{keyword: "exitlock", reports: []kasanReport{
		{class: oops.Lockdep, head: "WARNING: lock held when returning to user space!", closing: "#0: ", bare: true},
	}}},
	{{keyword: "hung", reports: []kasanReport{
		{class: oops.Hung, head: "INFO: task crashme_hung", closing: endTask, culprit: "hung_thread"},
		{class: oops.Hung, head: "INFO: task sh:", closing: endTask, culprit: "crashme_write"},
	}, endless: true, race: true}},
	{{keyword: "hardlockup", reports: []kasanReport{{class: oops.RCU, head: stallHead, closing: endTask, culprit: "c_hardlockup"}}, endless: true}},
}

// kasanWait bounds one boot of this kernel with all that is done to it.
const kasanWait = 12 * time.Minute

// kasanStep bounds one crash; a soft lockup is the longest.
const kasanStep = 100 * time.Second

func TestTheKernelWithSanitizersStopsWithItsWholeText(t *testing.T) {
	needKASAN(t)
	var rows []kasanRow
	for i, crashes := range kasanBoots {
		if testing.Short() && i > 0 {
			break
		}
		names := make([]string, len(crashes))
		for j, c := range crashes {
			names[j] = c.keyword
		}
		t.Run(strings.Join(names, " "), func(t *testing.T) {
			rows = append(rows, crashKASAN(t, crashes)...)
		})
	}
	writeKASANTable(t, rows)
}

// needKASAN skips where nobody has built that kernel.
func needKASAN(t *testing.T) {
	t.Helper()
	if os.Getenv("KTRAP_LAB_KASAN") != "" {
		return
	}
	l, err := lab.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Kernel(lab.KASANSeries); err != nil {
		t.Skipf("NOT RUN: KTRAP_LAB_KASAN names no kernel with sanitizers (%v)", err)
	}
}

// crashKASAN boots once and does one crash after the other.
func crashKASAN(t *testing.T, crashes []kasanCrash) []kasanRow {
	t.Helper()
	m := boot(t, lab.KASANSeries, func(o *vm.Options) {
		o.Append += " kasan_multi_shot log_buf_len=1M"
	})
	ctx, cancel := context.WithTimeout(t.Context(), kasanWait)
	defer cancel()
	var rows []kasanRow
	o := m.options(t)
	o.ReportDir = t.ArtifactDir()
	o.OnEvent = func(e session.Event) {
		title := ""
		if e.Crash != nil {
			title = e.Crash.Report.Title
		}
		t.Logf("%s %s%s", e.Kind, e.Text, title)
	}
	err := session.Run(ctx, o, func(ctx context.Context, s *session.Session) error {
		g := m.login(ctx, t, s)
		defer g.Close()
		for _, c := range crashes {
			rows = append(rows, m.do(ctx, t, s, g, &c)...)
		}
		return nil
	})
	if err != nil {
		t.Errorf("session: %v", err)
	}
	return rows
}

// do crashes the kernel once, looks at every stop, and lets the guest go on.
func (m *machine) do(ctx context.Context, t *testing.T, s *session.Session, g *guest.Guest, c *kasanCrash) []kasanRow {
	t.Helper()
	events, unsubscribe := s.Subscribe()
	defer unsubscribe()
	from := m.Console().Offset()
	ctx, cancel := context.WithTimeout(ctx, kasanStep)
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx, "echo "+c.keyword+" > /proc/crashme", nil) }()
	defer func() {
		cancel()
		<-ended
	}()
	var crashes []*session.Crash
	for len(crashes) < len(c.reports) {
		select {
		case e := <-events:
			if e.Kind != session.TrapHit || !e.Shown {
				continue
			}
			if _, err := s.Wait(ctx); err != nil {
				t.Fatalf("%s: %v", c.keyword, err)
			}
			crashes = append(crashes, e.Crash)
			resume(ctx, t, s)
		case <-ctx.Done():
			t.Fatalf("%s: %d of %d reports: %v\n%s", c.keyword, len(crashes), len(c.reports), ctx.Err(), whereCPUs(t, s))
		}
	}
	if !c.endless {
		err := <-ended // a stop that nobody expects keeps it from ending
		if ctx.Err() != nil {
			t.Errorf("%s: the guest does not go on\n%s", c.keyword, whereCPUs(t, s))
		}
		ended <- err
	}
	if c.race && !c.reports[0].is(crashes[0].Report) {
		slices.Reverse(c.reports)
	}
	var rows []kasanRow
	for i, crash := range crashes {
		rows = append(rows, m.compareKASAN(ctx, t, c, i, crash, &from))
	}
	return rows
}

// whereCPUs says what the guest is at, for a test that waits in vain.
func whereCPUs(t *testing.T, s *session.Session) string {
	t.Helper()
	var b strings.Builder
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	fmt.Fprintf(&b, "running: %v\n", s.Running())
	err := s.Quiesced(ctx, func(ctx context.Context, v *session.Stopped) error {
		cpus, err := v.Target.CPUs(ctx)
		if err != nil {
			return err
		}
		for _, cpu := range cpus {
			frames, err := v.Frames(ctx, cpu)
			fmt.Fprintf(&b, "CPU %d: %v\n", cpu.Index, err)
			for _, f := range v.World.ReportFrames(frames) {
				fmt.Fprintf(&b, "  %s %s+%#x %s:%d\n", f.Kind, f.Func, f.Offset, f.File, f.Line)
			}
		}
		return nil
	})
	fmt.Fprintf(&b, "%v", err)
	return b.String()
}
