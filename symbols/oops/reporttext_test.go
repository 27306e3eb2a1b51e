package oops

import (
	"fmt"
	"strings"
	"testing"
)

func reportText(t *testing.T, log string) string {
	t.Helper()
	all := Parse([]byte(log))
	if len(all) == 0 {
		t.Fatalf("no crash in %q", log)
	}
	return string(all[0].ReportText)
}

func TestReportTextIsTheReportWithoutWhatIsNotOfIt(t *testing.T) {
	for _, c := range []struct{ name, log, want string }{
		{
			"prefixes and doubtful frames",
			"[    1.000000] BUG: foo\n[    1.000100] Call Trace:\n[    1.000200]  ? old+0x1/0x2\n[    1.000300]  f+0x1/0x2\n",
			"BUG: foo\nCall Trace:\n f+0x1/0x2\n",
		},
		{
			"lines of other contexts",
			"[    1.000000][    T1] BUG: foo\n[    1.000100][    T2] usb 1-1: hello\n[    1.000200][    T1] Call Trace:\n",
			"BUG: foo\nCall Trace:\n",
		},
		{
			"what programs write",
			"[    1.000000] BUG: foo\nexecuting program 1:\n\n[    1.000100] bar\n",
			"BUG: foo\nbar\n",
		},
		{
			"what was said before",
			"[    0.5] one\n[    0.6]  ? f+0x1/0x2\n\n[    0.7] two\n[    0.8] three\n[    0.9] four\nlogin:\n[    0.91] five\n[    0.92] six\n[    1.0] BUG: foo\n",
			"two\nthree\nfour\nfive\nsix\nBUG: foo\n",
		},
		{
			"a side remark on lockdep",
			"BUG: foo\nDisabling lock debugging due to kernel taint\nbar\n",
			"BUG: foo\nbar\n",
		},
		{
			"a short report keeps its panic",
			"BUG: foo\nKernel panic - not syncing: panic_on_warn set ...\n",
			"BUG: foo\nKernel panic - not syncing: panic_on_warn set ...\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if have := reportText(t, c.log); have != c.want {
				t.Errorf("have %q, want %q", have, c.want)
			}
		})
	}
}

func TestReportTextOfALongReportEndsAtThePanicThatFollows(t *testing.T) {
	log := "BUG: foo\nCall Trace:\n" + strings.Repeat(" f+0x1/0x2\n", wholeAt)
	if have := reportText(t, log+"Kernel panic - not syncing: panic_on_warn set ...\nCPU: 0\n"); have != log {
		t.Errorf("have %q, want %q", have, log)
	}
}

func TestRecentLinesAreBounded(t *testing.T) {
	var r recent
	for i := range 10000 {
		r.add(fmt.Appendf(nil, "line %d\n", i))
		if len(r.buf) > 3*keepRecent {
			t.Fatalf("%d bytes are kept", len(r.buf))
		}
	}
	r.add([]byte(strings.Repeat("x", 10*keepRecent)))
	if len(r.buf) > 3*keepRecent {
		t.Errorf("%d bytes are kept of a long line", len(r.buf))
	}
}
