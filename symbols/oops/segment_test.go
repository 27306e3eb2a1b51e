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
		{"a kernel starts over while programs run", "12:01:02 executing program\nBooting the kernel.\n", "unexpected kernel reboot"},
		{"being out of memory is none, the panic for it is", "[    1.0] sh invoked oom-killer: gfp_mask=0xdc0\n[    1.1] Call Trace:\n[    1.2]  f+0x1/0x2\n[    1.3] Kernel panic - not syncing: System is deadlocked on memory\n[    1.4] Call Trace:\n[    1.5]  out_of_memory+0x1/0x2\n", "out of memory|kernel panic: System is deadlocked on memory"},
		{"a failed allocation hides no fault", "[    1.0] sh: page allocation failure: order:4, mode:0xcc0\n[    1.0] CPU: 0 PID: 7 Comm: sh Not tainted 6.12.1 #1\n[    1.1] Call Trace:\n[    1.2]  warn_alloc+0x1/0x2\n[    1.2]  f+0x1/0x2\n[    1.3] divide error: 0000 [#1] SMP\n[    1.4] RIP: 0010:g+0x1/0x2\n[    1.4] Call Trace:\n[    1.5]  h+0x1/0x2\n", "page allocation failure in f|divide error in g"},
		{"an allocation that fails inside a report", warn + "sh: page allocation failure: order:4, mode:0xcc0\n" + chatter, "WARNING in f"},
		{"what programs say in a journal is none", "Nov 22 20:30:34 host sh[77]: BUG: x\nNov 22 20:30:34 host dockerd[5]: WARNING: x\nNov 22 20:30:34 host sh: Kernel panic - not syncing: x\n", ""},
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

// A console repeats nothing of what came before the kernel started over, so what
// shows that one ran is part of the crash.
func TestAKernelThatStartedOverIsFoundFromTheLastWordsOfTheOneBefore(t *testing.T) {
	log := chatter + chatter + "Decompressing Linux...\nBooting the kernel.\n[    0.0] Linux\n"
	all := Parse([]byte(log))
	if len(all) != 1 || all[0].Start != len(chatter) || titles(log[all[0].Start:]) != all[0].Title || titles(log[all[0].End:]) != "" {
		t.Errorf("have %+v, want one that starts at %d", all, len(chatter))
	}
}

func TestFramesInDoubtShowThatAReportIsWhole(t *testing.T) {
	log := "[    1.0][    T7] BUG: KASAN: slab-use-after-free in foo+0x1/0x2\n[    1.1][    T7] Read of size 8 at addr ffff888100000000 by task sh/7\n[    1.2][    T7] Call Trace:\n[    1.3][    T7]  ? foo+0x1/0x2\n[    1.4][    T7]  ? bar+0x1/0x2\n"
	o := Parse([]byte(log))[0]
	if o.Corrupted || o.Title != "KASAN: slab-use-after-free Read in foo" || !strings.Contains(string(o.ReportText), "? bar") || o.Frames[0].Reliable {
		t.Errorf("have %q, corrupted %q, frames %v, want a whole report with its doubtful frames", o.Title, o.CorruptedReason, o.Frames)
	}
	if o := Parse([]byte(strings.ReplaceAll(log, "[    T7]", "")))[0]; !o.Corrupted {
		t.Error("without caller ids the frames could be of anybody, and the report passes for whole")
	}
	bracketed := strings.ReplaceAll(strings.Replace(log, "[    1.3]", "[    1.3]  <TASK>\n[    1.3]", 1)+"[    1.5]  </TASK>\n", "[    T7]", "")
	if o := Parse([]byte(bracketed))[0]; o.Corrupted {
		t.Errorf("a stack with its end is corrupted: %s", o.CorruptedReason)
	}
}

func TestAReportInTheMiddleOfAnotherIsTakenOutByTheBracketsOfItsStack(t *testing.T) {
	const front = "[    1.0] BUG: KASAN: slab-use-after-free in memcpy+0x1/0x2\n[    1.0] Read of size 8 at addr ffff888100000000 by task sh/7\n[    1.0] Call Trace:\n[    1.0]  <TASK>\n[    1.0]  memcpy+0x1/0x2\n"
	const inner = "[    1.1] WARNING: CPU: 1 PID: 9 at a.c:1 f+0x1/0x2\n[    1.1] RIP: 0010:f+0x1/0x2\n[    1.1] Call Trace:\n[    1.1]  <IRQ>\n[    1.1]  g+0x1/0x2\n[    1.1]  </IRQ>\n[    1.1]  <TASK>\n[    1.1]  h+0x1/0x2\n[    1.1]  </TASK>\n[    1.1] ---[ end trace 0000000000000000 ]---\n"
	const back = "[    1.2]  foo+0x1/0x2\n[    1.2]  vfs_read+0x1/0x2\n[    1.2]  </TASK>\n"
	const other = "[    1.3] WARNING: CPU: 1 PID: 9 at a.c:1 k+0x1/0x2\n[    1.3] RIP: 0010:k+0x1/0x2\n[    1.3] Call Trace:\n[    1.3]  g+0x1/0x2\n[    1.3]  g+0x1/0x2\n"
	for _, c := range []struct{ name, log, want string }{
		{"one", front + inner + back, "KASAN: slab-use-after-free Read in foo|WARNING in f"},
		{"two", front + inner + strings.ReplaceAll(inner, "f+", "k+") + back, "KASAN: slab-use-after-free Read in foo|WARNING in f|WARNING in k"},
		{"one in the other", front + strings.ReplaceAll(front, "1.0]", "1.4]") + inner + strings.ReplaceAll(back, "foo", "bar") + back, "KASAN: slab-use-after-free Read in foo|KASAN: slab-use-after-free Read in bar|WARNING in f"},
		{"the outer one is cut", front + inner + chatter, "KASAN: slab-use-after-free Read in corrupted|WARNING in f"},
		{"another behind both", front + inner + back + other, "KASAN: slab-use-after-free Read in foo|WARNING in f|WARNING in k"},
		{"the stack was closed", front + back + inner + chatter, "KASAN: slab-use-after-free Read in foo|WARNING in f"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if have := titles(c.log); have != c.want {
				t.Errorf("have %s, want %s", have, c.want)
			}
			for _, o := range Parse([]byte(c.log)) {
				if strings.HasPrefix(o.Title, "KASAN") && strings.Contains(string(o.Report), "WARNING") {
					t.Errorf("the outer report has lines of the inner:\n%s", o.Report)
				}
			}
		})
	}
}
