package oops

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// oopsText is a report as the kernel wrote it, without any prefix.
const oopsText = `BUG: kernel NULL pointer dereference, address: 0000000000000010
#PF: supervisor read access in kernel mode
Oops: Oops: 0000 [#1] PREEMPT SMP NOPTI
CPU: 0 UID: 0 PID: 112 Comm: syz.3.584 Tainted: G           OE      6.12.1 #1
RIP: 0010:inner_deref+0x9/0x20 [crashme]
RSP: 0018:ffffa0c80039fe60 EFLAGS: 00010246
RAX: 0000000000000000 RBX: ffff8e5783a3a000 RCX: 0000000000000000
Call Trace:
 <TASK>
 ? __die+0x1a/0x60
 c_null+0x12/0x20 [crashme]
 crashme_write+0x157/0x240 [crashme bf9aad3e150938694498a317ce4f3b548437287f]
 vfs_write+0xc5/0x3e0
 </TASK>
Modules linked in: crashme(OE)
---[ end trace 0000000000000000 ]---
`

// wrap puts something around every line.
func wrap(format string) func(i int, line string) string {
	return func(i int, line string) string { return fmt.Sprintf(format, line) }
}

// stampedAs puts a time that grows around every line.
func stampedAs(format string) func(i int, line string) string {
	return func(i int, line string) string { return fmt.Sprintf(format, 138000+i, line) }
}

func TestEveryFormOfALogGivesTheSameCrash(t *testing.T) {
	scripted := regexp.MustCompile(`\+0x[0-9a-f]+/0x[0-9a-f]+(?: \[(\w+)[^\]]*\])?`)
	want := newsOf([]byte(oopsText))[0]
	for _, c := range []struct {
		name string
		form func(i int, line string) string
	}{
		{"bare", wrap("%s")},
		{"printk time", stampedAs("[    8.%06d] %s")},
		{"printk time and caller", stampedAs("[    8.%06d][  T112] %s")},
		{"serial line ends", stampedAs("[    8.%06d] %s\r\r")},
		{"dmesg -r", stampedAs("<1>[    8.%06d] %s")},
		{"dmesg -x", stampedAs("kern  :alert : [    8.%06d] %s")},
		{"dmesg -T", wrap("[Sun Nov 22 20:30:34 2026] %s")},
		{"dmesg -x -T", wrap("kern  :alert : [Sun Nov 22 20:30:34 2026] %s")},
		{"dmesg -d", stampedAs("[    8.%06d <    0.000001>] %s")},
		{"dmesg --color", stampedAs("\x1b[32m[    8.%06d] \x1b[0m\x1b[31m%s\x1b[0m")},
		{"dmesg --time-format=iso", wrap("2026-11-22T20:30:34,138776+00:00 %s")},
		{"/dev/kmsg", func(i int, line string) string { return fmt.Sprintf("1,%d,%d,-;%s", 300+i, 8138000+i, line) }},
		{"netconsole", func(i int, line string) string {
			return fmt.Sprintf("1,%d,%d,-,caller=T112,ncfrag=0/99;%s", 300+i, 8138000+i, line)
		}},
		{"netconsole with release", func(i int, line string) string { return fmt.Sprintf("6.12.1,1,%d,%d,-;%s", 300+i, 8138000+i, line) }},
		{"syslog", stampedAs("Nov 22 20:30:34 host kernel: [    8.%06d] %s")},
		{"journalctl -k", wrap("Nov 22 20:30:34 host kernel: %s")},
		{"journalctl -o short-monotonic", stampedAs("[    8.%06d] host kernel: %s")},
		{"journalctl -o short-iso", wrap("2026-11-22T20:30:34+0000 host kernel: %s")},
		{"logcat", stampedAs("11-22 20:30:34.138     0     0 W kernel  : [    8.%06d] %s")},
		{"ts", stampedAs("20:30:34.138 [    8.%06d] %s")},
		{"minicom", stampedAs("[2026-11-22 20:30:34] [    8.%06d] %s")},
		{"CI job", stampedAs("2026-11-22T20:30:34.1381234Z [    8.%06d] %s")},
		{"mail", stampedAs("> [    8.%06d] %s")},
		{"mail without times", wrap("> %s")},
		{"bullets", stampedAs("  * [    8.%06d] %s")},
		{"indented", stampedAs("\t[    8.%06d] %s")},
		{"decoded by the script", func(_ int, line string) string {
			return scripted.ReplaceAllString(line, " (a/b.c:12 (discriminator 3)) $1")
		}},
		{"decoded in the form of syzbot", func(_ int, line string) string {
			if strings.HasPrefix(line, " c_null") {
				return " helper a/b.h:3 [inline]\n" + line + " a/b.c:12"
			}
			return line
		}},
		{"old addresses", func(_ int, line string) string {
			if frame, ok := strings.CutPrefix(line, " "); ok && strings.Contains(line, "+0x") {
				return " [<ffffffff81ca45ed>] " + frame
			}
			return line
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log strings.Builder
			i := 0
			for line := range strings.Lines(oopsText) {
				log.WriteString(c.form(i, strings.TrimSuffix(line, "\n")) + "\n")
				i++
			}
			all := newsOf([]byte(log.String()))
			if len(all) != 1 {
				t.Fatalf("%d crashes in\n%s", len(all), log.String())
			}
			o := &all[0]
			if o.Title != want.Title || o.Corrupted || o.Comm != want.Comm || o.PID != want.PID || o.RIP.Func != want.RIP.Func || *o.Executor != *want.Executor {
				t.Errorf("have %q corrupted %q of %s[%d] at %s", o.Title, o.CorruptedReason, o.Comm, o.PID, o.RIP.Func)
			}
			if have, want := functions(o), functions(&want); !slices.Equal(have, want) {
				t.Errorf("frames %v, want %v", have, want)
			}
		})
	}
}

// functions names the frames of the main stack that were not inlined.
func functions(o *Oops) []string {
	var names []string
	for _, f := range o.Frames {
		if !f.Inlined {
			names = append(names, fmt.Sprintf("%s %s %v", f.Func, f.Module, f.Reliable))
		}
	}
	return names
}

// TestADecodedLogHasTheTitlesOfTheRawOne takes the levels that were inlined, which
// the form of syzbot puts on lines of their own, in and out.
func TestADecodedLogHasTheTitlesOfTheRawOne(t *testing.T) {
	for _, log := range []string{
		`BUG: KASAN: slab-use-after-free in helper net/foo.h:136 [inline]
BUG: KASAN: slab-use-after-free in foo_get+0x12/0x34 net/foo.c:12
Read of size 4 at addr ffff88807a1b2c3d by task syz.3.584/5992
CPU: 1 UID: 0 PID: 5992 Comm: syz.3.584 Not tainted 6.19.0 #0
Call Trace:
 <TASK>
 __dump_stack lib/dump_stack.c:94 [inline]
 dump_stack_lvl+0x12/0x34 lib/dump_stack.c:120
 helper net/foo.h:136 [inline]
 foo_get+0x12/0x34 net/foo.c:12
 do_syscall_64+0x1/0x2 arch/x86/entry/common.c:83
 </TASK>
`, `WARNING: kernel/foo.c:580 at foo_lock_common kernel/foo.c:580 [inline], CPU#1: syz.3.584/5992
WARNING: kernel/foo.c:580 at foo_lock+0x12/0x34 kernel/foo.c:747, CPU#1: syz.3.584/5992
RIP: 0010:foo_lock_common kernel/foo.c:580 [inline]
RIP: 0010:foo_lock+0x12/0x34 kernel/foo.c:747
Call Trace:
 <TASK>
 bar_do fs/bar.c:7 [inline]
 bar_open+0x12/0x34 fs/bar.c:17
 do_syscall_64+0x1/0x2
 </TASK>
`, `BUG: unable to handle page fault for address: ffffed1020000000
RIP: 0010:__list_del_entry_valid_or_report+0x12/0x34 lib/list_debug.c:49
Call Trace:
 <TASK>
 list_move_tail include/linux/list.h:310 [inline]
 bar_do fs/bar.c:7 [inline]
 bar_ioctl+0x12/0x34 fs/bar.c:17
 do_syscall_64+0x12/0x34
 </TASK>
`,
	} {
		var raw strings.Builder
		for line := range strings.Lines(log) {
			if !strings.Contains(line, "[inline]") {
				raw.WriteString(line)
			}
		}
		want, have := newsOf([]byte(raw.String())), newsOf([]byte(log))
		if len(have) != 1 || have[0].Title != want[0].Title || have[0].Corrupted || have[0].RIP.Func != want[0].RIP.Func {
			t.Errorf("have %+v, want %q", have, want[0].Title)
		}
	}
}

func TestPartsOfAPstoreDumpAreReadInTheOrderOfTheKernel(t *testing.T) {
	lines := strings.SplitAfter(strings.TrimSuffix(oopsText, "\n"), "\n")
	third := len(lines) / 3
	old, middle, newest := strings.Join(lines[:third], ""), strings.Join(lines[third:2*third], ""), strings.Join(lines[2*third:], "")+"\n"
	want := newsOf([]byte(oopsText))[0]
	for name, log := range map[string]string{
		"as files are read":      "Oops#1 Part1\n" + newest + "Oops#1 Part2\n" + middle + "Oops#1 Part3\n" + old,
		"as the kernel wrote":    "Oops#1 Part3\n" + old + "Oops#1 Part2\n" + middle + "Oops#1 Part1\n" + newest,
		"out of any order":       "Oops#1 Part2\n" + middle + "Oops#1 Part1\n" + newest + "Oops#1 Part3\n" + old,
		"behind another dump":    "Panic#1 Part1\nnothing\nOops#1 Part1\n" + newest + "Oops#1 Part2\n" + middle + "Oops#1 Part3\n" + old,
		"with prefixes of dmesg": "Oops#1 Part1\n<1>[    1.0] " + strings.ReplaceAll(strings.TrimSuffix(newest, "\n"), "\n", "\n<1>[    1.0] ") + "\nOops#1 Part2\n<1>[    1.0] " + strings.ReplaceAll(strings.TrimSuffix(old+middle, "\n"), "\n", "\n<1>[    1.0] ") + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			all := newsOf([]byte(log))
			if len(all) != 1 || all[0].Title != want.Title || all[0].Corrupted || !slices.Equal(functions(&all[0]), functions(&want)) {
				t.Fatalf("have %+v", all)
			}
			o := &all[0]
			for _, line := range []string{"BUG: kernel NULL", "c_null+0x12", "vfs_write+"} {
				if at := strings.Index(log, line); o.Start > at || o.End <= at {
					t.Errorf("crash at %d to %d of %d, and %q at %d", o.Start, o.End, len(log), line, at)
				}
			}
		})
	}
}

func TestADumpThatIsTooLargeIsNotHeld(t *testing.T) {
	var d dump
	d.take(&Line{Text: "Oops#1 Part1"})
	line := Line{Raw: make([]byte, 1<<20)}
	held := 0
	for held < 100 && d.take(&line) {
		held++
	}
	if held > maxDump>>20+1 {
		t.Errorf("%d MiB are held", held)
	}
}
