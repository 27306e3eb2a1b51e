package session

import (
	"testing"

	"ktrap/symbols/oops"
)

func TestATextIsNotWholeBeforeItsCallTrace(t *testing.T) {
	const head = "[  12.000000] watchdog: BUG: soft lockup - CPU#1 stuck for 48s! [sh:93]\n" +
		"[  12.000001] irq event stamp: 0\n"
	const rest = "[  12.000002] CPU: 1 UID: 0 PID: 93 Comm: sh Tainted: G           O       6.12.0 #1\n" +
		"[  12.000003] Call Trace:\n[  12.000004]  <TASK>\n[  12.000005]  c_softlockup+0x86/0xe0 [crashme]\n[  12.000006]  </TASK>\n"
	for text, want := range map[string]bool{head: false, head + rest: true} {
		found := oops.Parse([]byte(text))
		if len(found) != 1 || traced(&found[0]) != want {
			t.Errorf("%d crashes, traced %v, want %v in\n%s", len(found), len(found) == 1 && traced(&found[0]), want, text)
		}
	}
}
