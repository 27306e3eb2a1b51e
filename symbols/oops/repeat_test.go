package oops

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// hung is the report of one blocked task.
func hung(stamp, comm, function string) string {
	return "[" + stamp + "] INFO: task " + comm + " blocked for more than 143 seconds.\n[" + stamp + "] Call Trace:\n[" + stamp + "]  schedule+0x1/0x2\n[" + stamp + "]  " + function + "+0x1/0x2\n"
}

func TestWhatTheKernelRepeatsIsOneCrash(t *testing.T) {
	const fault = "[    1.000000] general protection fault: 0000 [#1]\n[    1.000100] RIP: 0010:f+0x1/0x2\n[    1.000200] Call Trace:\n[    1.000300]  g+0x1/0x2\n"
	seconds := func(log string) string {
		return regexp.MustCompile(`\[ +[0-9.]+\]`).ReplaceAllString(log, "[Sun Nov 22 20:30:34 2026]")
	}
	later := strings.ReplaceAll(fault, "[    1.", "[    7.")
	for _, c := range []struct {
		name, log string
		want      string
	}{
		{"tasks that hang in the same place", hung("1.5", "a:1", "f") + hung("1.6", "b:2", "f") + hung("1.7", "c:3", "f"), "INFO: task hung in f"},
		{"tasks that hang in different places", hung("1.5", "a:1", "f") + hung("1.6", "b:2", "g") + hung("1.7", "c:3", "g"), "INFO: task hung in f|INFO: task hung in g"},
		{"tasks that hang in turn", hung("1.5", "a:1", "f") + hung("1.6", "b:2", "g") + hung("9.5", "a:1", "f") + hung("9.6", "b:2", "g"), "INFO: task hung in f|INFO: task hung in g"},
		{"a remark", "WARNING: foo\nWARNING: foo\n", "WARNING: foo"},
		{"different remarks", "WARNING: foo\nWARNING: bar\n", "WARNING: foo|WARNING: bar"},
		{"a log that was read twice", fault + fault, "general protection fault in f"},
		{"the same fault on two CPUs, times in seconds", seconds(fault) + seconds(later), "general protection fault in f|general protection fault in f"},
		{"the same fault once more", fault + later, "general protection fault in f|general protection fault in f"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if have := titles(c.log); have != c.want {
				t.Errorf("have %s, want %s", have, c.want)
			}
			for _, o := range Parse([]byte(c.log)) {
				if o.Class.lasts() && len(o.Traces) == 0 {
					t.Errorf("%s has no stack", o.Title)
				}
			}
		})
	}
}

func TestASeriesOfStallsIsBounded(t *testing.T) {
	told := 0
	g := segmenter{done: func(*segment) { told++ }}
	for i := range 3 * maxOpen {
		for l := range Lines(strings.NewReader(hung(fmt.Sprint(i, ".5"), "a:1", "f"+strings.Repeat("x", i%100)+strings.Repeat("y", i/100)))) {
			g.line(l)
		}
	}
	if waiting := 3*maxOpen - told; waiting > maxOpen+1 {
		t.Errorf("%d reports wait", waiting)
	}
}

func TestRepeatedStallKeepsEveryStack(t *testing.T) {
	log := hung("1.5", "a:1", "f") + hung("1.6", "b:2", "f")
	all := Parse([]byte(log))
	if len(all) != 1 || len(all[0].Traces) != 2 || all[0].End != len(log) {
		t.Errorf("have %+v, want one crash with both stacks", all)
	}
}
