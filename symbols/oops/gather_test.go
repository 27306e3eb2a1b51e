package oops

import (
	"bytes"
	"reflect"
	"slices"
	"testing"
)

// gathered gives the crashes of a text as a program finds them that passes the
// lines on, with and without skimming.
func gathered(text []byte, skim bool) []Oops {
	g, w := NewGatherer(), NewWords("+0x")
	var all []Oops
	for off := 0; off < len(text); {
		if whole := bytes.LastIndexByte(text[off:], '\n') + 1; skim {
			if n := g.Skim(text[off:off+whole], w); n > 0 {
				off += n
				continue
			}
		}
		end := bytes.IndexByte(text[off:], '\n') + 1
		if end == 0 {
			end = len(text) - off
		}
		all = append(all, g.Line(newLine(off, text[off:off+end]))...)
		off += end
	}
	all = append(all, g.Flush()...)
	for i := range all {
		g.Judge(&all[i])
	}
	slices.SortStableFunc(all, func(a, b Oops) int { return a.Start - b.Start })
	return all
}

func TestLinesThatArePassedOnGiveTheCrashesOfTheText(t *testing.T) {
	texts := guestLogs(t)
	for _, f := range corpusFiles(t) {
		texts[f.name] = f.log
	}
	texts["a kernel that starts over"] = []byte("[    1.0] usb 1-1: hello\n[    1.1] usb 1-1: hello\nDecompressing Linux...\nBooting the kernel.\n[    0.0] Linux\n")
	texts["a kernel that was told to start over"] = []byte("[    1.0] usb 1-1: hello\n[    1.1] reboot: Restarting system\nBooting the kernel.\n[    0.0] Linux\n")
	crashes := 0
	for name, text := range texts {
		text = append(bytes.Repeat([]byte("a plain line\r\n"), 20), text...)
		want := Parse(text)
		crashes += len(want)
		for _, skim := range []bool{false, true} {
			have := gathered(text, skim)
			if len(have) != len(want) {
				t.Errorf("%s: %d crashes, want %d", name, len(have), len(want))
				continue
			}
			for i := range have {
				if !reflect.DeepEqual(have[i], want[i]) {
					t.Errorf("%s: skimmed %v: have\n%+v\nwant\n%+v", name, skim, have[i], want[i])
				}
			}
		}
	}
	t.Logf("%d crashes compared", crashes)
}
