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
		{"glued to what a program says", "executing program[   91.946624][  T113] BUG: x", Prefix{Level: -1, Time: "91.946624", Caller: "T113"}, "BUG: x"},
		{"glued to a shell's prompt", "~ # [   91.946624]  f+0x1/0x2", Prefix{Level: -1, Time: "91.946624"}, " f+0x1/0x2"},
		{"glued to another report", "BUG: x[   91.946624] audit: y", Prefix{Level: -1}, "BUG: x[   91.946624] audit: y"},
		{"/dev/kmsg, several lines in a record", `4,359,11882975,-;\x0abut task is already holding lock:`, Prefix{Level: 4, Time: "11.882975"}, "but task is already holding lock:"},
		{"syslog over the network", "<4>1 2026-11-22T20:30:34.123456+00:00 host kernel - - - [    8.138776] BUG: x", Prefix{Level: 4, Time: "8.138776"}, "BUG: x"},
		{"netconsole with release", "6.12.1,4,359,11882975,-,ncfrag=0/33;BUG: x", Prefix{Level: 4, Time: "11.882975"}, "BUG: x"},
		{"journal, precise", "Nov 22 20:30:34.123456 host kernel: BUG: x", Prefix{Level: -1}, "BUG: x"},
		{"journal, full", "Sun 2026-11-22 20:30:34 UTC host kernel: BUG: x", Prefix{Level: -1}, "BUG: x"},
		{"journal, unix time", "1700000000.123456 host kernel: BUG: x", Prefix{Level: -1}, "BUG: x"},
		{"busybox syslog", "Nov 22 20:30:34 host kern.warn kernel: [    8.138776] BUG: x", Prefix{Level: -1, Time: "8.138776"}, "BUG: x"},
		{"a program's syslog line", "Nov 22 20:30:34 host systemd[1]: kernel: x", Prefix{Level: -1, other: true}, "Nov 22 20:30:34 host systemd[1]: kernel: x"},
		{"a program's line, ISO date", "2026-11-22T20:30:34+0000 host sh[77]: BUG: x", Prefix{Level: -1, Time: "2026-11-22T20:30:34+0000", other: true}, "host sh[77]: BUG: x"},
		{"a program's line, full date", "Sun 2026-11-22 20:30:34 UTC host sh: BUG: x", Prefix{Level: -1, other: true}, "Sun 2026-11-22 20:30:34 UTC host sh: BUG: x"},
		{"a program's line, unix time", "1700000000.123456 host sh[77]: BUG: x", Prefix{Level: -1, other: true}, "1700000000.123456 host sh[77]: BUG: x"},
		{"a program's line, monotonic", "[    8.138776] host my-sh[77]: BUG: x", Prefix{Level: -1, Time: "8.138776", other: true}, "host my-sh[77]: BUG: x"},
		{"a program's line, Android", "11-22 20:30:34.123  1234  1234 W MyApp   : BUG: x", Prefix{Level: -1, other: true}, "11-22 20:30:34.123  1234  1234 W MyApp   : BUG: x"},
		{"what the kernel says of a device", "[    8.138776] usb 1-1: WARNING: x and some more", Prefix{Level: -1, Time: "8.138776"}, "usb 1-1: WARNING: x and some more"},
		{"what a program tells the kernel's log", "[    8.138776] systemd[1]: Started x y z.", Prefix{Level: -1, Time: "8.138776"}, "systemd[1]: Started x y z."},
		{"logcat, thread time", "11-22 20:30:34.123     0     0 W kernel  : [    8.138776] BUG: x", Prefix{Level: -1, Time: "8.138776"}, "BUG: x"},
		{"logcat, brief", "W/kernel  (    0): [    8.138776] BUG: x", Prefix{Level: -1, Time: "8.138776"}, "BUG: x"},
		{"dmesg --reltime", "[  +0.000123] BUG: x", Prefix{Level: -1, Time: "+0.000123"}, "BUG: x"},
		{"dmesg --human", "[Nov22 20:30] BUG: x", Prefix{Level: -1, Time: "Nov22 20:30"}, "BUG: x"},
		{"dmesg --show-delta", "[    8.138776 <    0.000010>] BUG: x", Prefix{Level: -1, Time: "8.138776 <    0.000010>"}, "BUG: x"},
		{"dmesg --notime --show-delta", "[<    0.000010>] BUG: x", Prefix{Level: -1, Time: "<    0.000010>"}, "BUG: x"},
		{"dmesg --time-format=iso", "2026-11-22T20:30:34,123456+00:00 BUG: x", Prefix{Level: -1, Time: "2026-11-22T20:30:34,123456+00:00"}, "BUG: x"},
		{"CI job", "2026-11-22T20:30:34.1234567Z [    8.138776][  T113] BUG: x", Prefix{Level: -1, Time: "8.138776", Caller: "T113"}, "BUG: x"},
		{"CI job, unindented frame", "2026-11-22T20:30:34.1234567Z [    8.138776]  f+0x1/0x2", Prefix{Level: -1, Time: "8.138776"}, " f+0x1/0x2"},
		{"ts", "20:30:34.123 [    8.138776] BUG: x", Prefix{Level: -1, Time: "8.138776"}, "BUG: x"},
		{"date and clock", "2026-11-22 20:30:34 [    8.138776] BUG: x", Prefix{Level: -1, Time: "8.138776"}, "BUG: x"},
		{"minicom", "[2026-11-22 20:30:34] [    8.138776] BUG: x", Prefix{Level: -1, Time: "8.138776"}, "BUG: x"},
		{"terminal's date", "[Sun Nov 22 20:30:34.123 2026] [    8.138776] BUG: x", Prefix{Level: -1, Time: "8.138776"}, "BUG: x"},
		{"terminal's clock", "[20:30:34] BUG: x", Prefix{Level: -1, Time: "20:30:34"}, "BUG: x"},
		{"mail", "> [    8.138776]  f+0x1/0x2", Prefix{Level: -1, Time: "8.138776"}, " f+0x1/0x2"},
		{"mail quoted again", "> > [    8.138776] BUG: x", Prefix{Level: -1, Time: "8.138776"}, "BUG: x"},
		{"mail quoted without blanks", ">> [    8.138776] BUG: x", Prefix{Level: -1, Time: "8.138776"}, "BUG: x"},
		{"mail without times", ">  f+0x1/0x2", Prefix{Level: -1}, " f+0x1/0x2"},
		{"bullets", "- [    8.138776] BUG: x", Prefix{Level: -1, Time: "8.138776"}, "BUG: x"},
		{"indented quote", "    <4>[    8.138776] BUG: x", Prefix{Level: 4, Time: "8.138776"}, "BUG: x"},
		{"the row KASAN points at", ">ffff888004b7ff00: fb fb", Prefix{Level: -1}, ">ffff888004b7ff00: fb fb"},
		{"frame with an address", " [<ffffffff81ca45ed>] f+0x1/0x2", Prefix{Level: -1}, " [<ffffffff81ca45ed>] f+0x1/0x2"},
		{"context marker", " <IRQ>", Prefix{Level: -1}, " <IRQ>"},
		{"end mark", "---[ end trace 0000000000000000 ]---", Prefix{Level: -1}, "---[ end trace 0000000000000000 ]---"},
		{"brackets that are text", "[drm:f:34] x", Prefix{Level: -1}, "[drm:f:34] x"},
		{"an address is no level", "<ffffffff81> x", Prefix{Level: -1}, "<ffffffff81> x"},
		{"panic text with the word kernel", "Kernel panic - not syncing: kernel: panic_on_warn set ...", Prefix{Level: -1}, "Kernel panic - not syncing: kernel: panic_on_warn set ..."},
		{"a second time is text", "[    1.000000] [    2.000000] x", Prefix{Level: -1, Time: "1.000000"}, "[    2.000000] x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, text := SplitPrefix(c.line)
			p.kernel, p.tool = false, false
			if p != c.want || text != c.text {
				t.Errorf("have %+v %q, want %+v %q", p, text, c.want, c.text)
			}
		})
	}
}
