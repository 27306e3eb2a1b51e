package oops

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite golden files")

// guestLogs gives the logs of crashes caused on purpose on known kernels.
func guestLogs(t *testing.T) map[string][]byte {
	t.Helper()
	logs := map[string][]byte{}
	for _, glob := range []string{"*.log", "*.dmesg"} {
		paths, err := filepath.Glob(filepath.Join(corpusDir(t), "guest", glob))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			logs[filepath.Base(path)] = raw
		}
	}
	if len(logs) == 0 {
		t.Fatal("no guest logs in the corpus")
	}
	return logs
}

// TestGuestLogsHaveTheirClassAndTitle compares with a list checked by hand: one
// line per crash, in the order of the log.
func TestGuestLogsHaveTheirClassAndTitle(t *testing.T) {
	logs := guestLogs(t)
	golden := filepath.Join("testdata", "guest-titles.txt")
	raw, err := os.ReadFile(golden)
	if err != nil && !*update {
		t.Fatal(err)
	}
	want := map[string][]string{}
	sc := bufio.NewScanner(strings.NewReader(string(raw)))
	for sc.Scan() {
		file, crash, _ := strings.Cut(sc.Text(), "\t")
		want[file] = append(want[file], crash)
	}
	var out strings.Builder
	for _, name := range sortedKeys(logs) {
		var have []string
		for _, o := range Parse(logs[name]) {
			have = append(have, fmt.Sprintf("%s\t%s", o.Class, o.Title))
		}
		for _, crash := range have {
			fmt.Fprintf(&out, "%s\t%s\n", name, crash)
		}
		if h, w := strings.Join(have, "\n"), strings.Join(want[name], "\n"); !*update && h != w {
			t.Errorf("%s:\nhave\n%s\nwant\n%s", name, h, w)
		}
	}
	if *update {
		if err := os.WriteFile(golden, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// frameText is written apart from the parser on purpose: what a reader of the
// log would call a frame line or a kernel RIP line.
var frameText = regexp.MustCompile(`^(?:RIP: 0010:|\s*(?:\? )?)([A-Za-z_][\w.]*)\+0x([0-9a-f]+)/0x([0-9a-f]+)(?: \[(\w+)(?: [0-9a-f]{40})?\])?\s*$`)

func TestGuestTracesHoldEveryFrameOfTheReport(t *testing.T) {
	frames := 0
	for name, log := range guestLogs(t) {
		for _, o := range Parse(log) {
			var have, want []string
			for _, tr := range o.Traces {
				for _, f := range tr.Frames {
					if f.Func != "" {
						have = append(have, fmt.Sprintf("%s+%x/%x %s", f.Func, f.Off, f.Size, f.Module))
					}
				}
			}
			for _, b := range o.Blocks {
				if !b.User && b.RIP.Func != "" {
					have = append(have, fmt.Sprintf("%s+%x/%x %s", b.RIP.Func, b.RIP.Off, b.RIP.Size, b.RIP.Module))
				}
			}
			for line := range strings.Lines(string(o.Report)) {
				if m := frameText.FindStringSubmatch(strings.TrimRight(line, "\n")); m != nil {
					want = append(want, fmt.Sprintf("%s+%s/%s %s", m[1], m[2], m[3], m[4]))
				}
			}
			frames += len(want)
			if h, w := strings.Join(have, "\n"), strings.Join(want, "\n"); h != w {
				t.Errorf("%s %q: frames differ\nhave\n%s\nwant\n%s", name, o.Title, h, w)
			}
		}
	}
	t.Logf("%d frames compared", frames)
}
