package oops

import "testing"

func TestSplitPrefixTakesEveryKindOff(t *testing.T) {
	for _, c := range []struct {
		name, line string
		want       Prefix
		text       string
	}{
		{"no prefix", "BUG: x", Prefix{Level: -1}, "BUG: x"},
		{"time keeps the frame's own blank", "[   12.345678]  f+0x1/0x2", Prefix{Level: -1, Time: "12.345678"}, " f+0x1/0x2"},
		{"time and caller", "[   12.345678][  T113] BUG: x", Prefix{Level: -1, Time: "12.345678", Caller: "T113"}, "BUG: x"},
		{"caller after a blank", "[   12.345678] [    C0] BUG: x", Prefix{Level: -1, Time: "12.345678", Caller: "C0"}, "BUG: x"},
		{"blank record", "[   12.345678][  T113] ", Prefix{Level: -1, Time: "12.345678", Caller: "T113"}, ""},
		{"dmesg -r", "<12>[    8.138776] BUG: x", Prefix{Level: 12, Time: "8.138776"}, "BUG: x"},
		{"dmesg -x", "kern  :warn  : [    8.138776] BUG: x", Prefix{Level: 4, Time: "8.138776"}, "BUG: x"},
		{"dmesg -T", "[Sun Nov 22 20:30:34 2026] BUG: x", Prefix{Level: -1, Time: "Sun Nov 22 20:30:34 2026"}, "BUG: x"},
		{"/dev/kmsg", "1,356,10216858,-;BUG: x", Prefix{Level: 1, Time: "10.216858"}, "BUG: x"},
		{"/dev/kmsg with caller", "4,359,882975,-,caller=T113;BUG: x", Prefix{Level: 4, Time: "0.882975", Caller: "T113"}, "BUG: x"},
		{"journal", "Nov 22 20:30:34 host kernel: BUG: x", Prefix{Level: -1}, "BUG: x"},
		{"journal with ISO date", "2026-11-22T20:30:34+0000 host kernel: BUG: x", Prefix{Level: -1}, "BUG: x"},
		{"journal, monotonic", "[    8.138776] host kernel: BUG: x", Prefix{Level: -1, Time: "8.138776"}, "BUG: x"},
		{"syslog over printk", "Nov 22 20:30:34 host kernel: [    8.138776] BUG: x", Prefix{Level: -1, Time: "8.138776"}, "BUG: x"},
		{"dropped messages", "** 12 printk messages dropped ** [    8.138776] BUG: x", Prefix{Level: -1, Time: "8.138776"}, "BUG: x"},
		{"login prompt", "debian login: [   91.946624] BUG: x", Prefix{Level: -1, Time: "91.946624"}, "BUG: x"},
		{"firmware's terminal set-up", "\x1bc\x1b[?7l[    0.000000] Linux", Prefix{Level: -1, Time: "0.000000"}, "Linux"},
		{"brackets that are text", "[drm:f:34] x", Prefix{Level: -1}, "[drm:f:34] x"},
		{"an address is no level", "<ffffffff81> x", Prefix{Level: -1}, "<ffffffff81> x"},
		{"panic text with the word kernel", "Kernel panic - not syncing: kernel: panic_on_warn set ...", Prefix{Level: -1}, "Kernel panic - not syncing: kernel: panic_on_warn set ..."},
		{"a second time is text", "[    1.000000] [    2.000000] x", Prefix{Level: -1, Time: "1.000000"}, "[    2.000000] x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, text := SplitPrefix(c.line)
			if p != c.want || text != c.text {
				t.Errorf("have %+v %q, want %+v %q", p, text, c.want, c.text)
			}
		})
	}
}
