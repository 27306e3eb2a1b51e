package session

import (
	"testing"

	"ktrap/symbols/oops"
)

func TestATextIsNotWholeBeforeItsCallTrace(t *testing.T) {
	const lockup = "[  12.000000] watchdog: BUG: soft lockup - CPU#1 stuck for 48s! [sh:93]\n" +
		"[  12.000001] irq event stamp: 0\n"
	const inversion = "[  12.000000] WARNING: inconsistent lock state\n"
	const rest = "[  12.000002] CPU: 1 UID: 0 PID: 93 Comm: sh Tainted: G           O       6.12.0 #1\n" +
		"[  12.000003] Call Trace:\n[  12.000004]  <TASK>\n[  12.000005]  c_softlockup+0x86/0xe0 [crashme]\n[  12.000006]  </TASK>\n"
	const held = "[  97.583497] WARNING: lock held when returning to user space!\n" +
		"[  97.589741] 1 lock held by sh/82:\n" +
		"[  97.590109]  #0: ffffffffc0125be8 (mtx_b){+.+.}-{3:3}, at: crashme_write+0x157/0x240 [crashme]\n"
	for text, want := range map[string]bool{
		lockup: false, lockup + rest: true,
		inversion: false, inversion + rest: true,
		held: true, // the kernel prints no trace with it
	} {
		found := oops.Parse([]byte(text))
		if len(found) != 1 || whole(&found[0]) != want {
			t.Errorf("%d crashes, whole %v, want %v in\n%s", len(found), len(found) == 1 && whole(&found[0]), want, text)
		}
	}
}
