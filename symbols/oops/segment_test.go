package oops

import (
	"strings"
	"testing"
)

const chatter = "[    2.000000] usb 1-1: new high-speed USB device\n"

func titles(log string) string {
	var all []string
	for _, o := range Parse([]byte(log)) {
		all = append(all, o.Title)
	}
	return strings.Join(all, "|")
}

func TestSegmenterTellsConsequencesFromNews(t *testing.T) {
	const warn = "WARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2\nRIP: 0010:f+0x1/0x2\nCall Trace:\n g+0x1/0x2\n"
	for _, c := range []struct{ name, log, want string }{
		{"panic_on_warn belongs to the warning", warn + "Kernel panic - not syncing: kernel: panic_on_warn set ...\n", "WARNING in f"},
		{"another panic is news", warn + "Kernel panic - not syncing: Attempted to do harm\nCall Trace:\n h+0x1/0x2\n", "WARNING in f|kernel panic: Attempted to do harm"},
		{"a panic long after a remark is news", "WARNING: remark\n" + chatter + "Kernel panic - not syncing: harm\n", "WARNING: remark|kernel panic: harm"},
		{"the die line belongs to the fault", "BUG: kernel NULL pointer dereference, address: 0\nOops: Oops: 0000 [#1] SMP\nRIP: 0010:f+0x1/0x2\nCall Trace:\n g+0x1/0x2\n", "BUG: unable to handle kernel NULL pointer dereference in f"},
		{"the exception belongs to the BUG", "kernel BUG at a.c:1!\nOops: invalid opcode: 0000 [#1] SMP\nRIP: 0010:f+0x1/0x2\nCall Trace:\n g+0x1/0x2\n", "kernel BUG in f"},
		{"a kernel that starts over is news", "[    1.0] usb 1-1: hello\nBooting the kernel.\n[    0.0] Linux\n", "unexpected kernel reboot"},
		{"a kernel that starts is none", "Booting the kernel.\n[    0.0] Linux\n", ""},
		{"a kernel that was told to start over is none", "[    1.0] reboot: Restarting system\nBooting the kernel.\n", ""},
		{"a kernel that starts over because it panicked is none", "[    1.0] Kernel panic - not syncing: harm\n[    1.0] Rebooting in 5 seconds..\nBooting the kernel.\n", "kernel panic: harm"},
		{"a fault of the same task before the stack of its warning", "[    1.0][    T1] WARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2\n[    1.1][    T1] general protection fault: 0000 [#1]\n[    1.2][    T1] RIP: 0010:f+0x1/0x2\n[    1.3][    T1] Call Trace:\n[    1.4][    T1]  g+0x1/0x2\n", "WARNING in f"},
		{"a fault after a warning is news", warn + "general protection fault: 0000 [#1]\nRIP: 0010:h+0x1/0x2\nCall Trace:\n g+0x1/0x2\n", "WARNING in f|general protection fault in h"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if have := titles(c.log); have != c.want {
				t.Errorf("have %s, want %s", have, c.want)
			}
		})
	}
}

func TestReportEndsWhenTheLogTalksOfOtherThings(t *testing.T) {
	log := "BUG: kernel NULL pointer dereference, address: 0\nRIP: 0010:f+0x1/0x2\nCall Trace:\n g+0x1/0x2\n" + strings.Repeat(chatter, 5*maxIdle)
	all := Parse([]byte(log))
	if len(all) != 1 || all[0].Corrupted || all[0].End > len(log)/2 {
		t.Errorf("have %d crashes, want one, whole, that ends before the log does", len(all))
	}
}

func TestOpenReportsAreBounded(t *testing.T) {
	open := 0
	g := segmenter{done: func(*segment) { open-- }}
	for i := range 10 * maxOpen {
		open++
		g.line(Line{Text: "BUG: x", Prefix: Prefix{Caller: strings.Repeat("T", i+1)}})
	}
	if open != maxOpen {
		t.Errorf("%d reports are open, want %d", open, maxOpen)
	}
}

func TestParsingFromStartFindsTheCrashAndFromItsEndDoesNot(t *testing.T) {
	for _, path := range fixturePaths(t) {
		_, log, _ := fixture(t, path)
		all := Parse(log)
		for i, o := range all {
			again := Parse(log[o.Start:])
			if len(again) == 0 || again[0].Title != o.Title || again[0].Start != 0 {
				t.Errorf("%s: from its start %q is not found again", path, o.Title)
			}
			if rest := Parse(log[o.End:]); len(rest) >= len(all)-i {
				t.Errorf("%s: %q is found again from its end", path, o.Title)
			}
		}
	}
}
