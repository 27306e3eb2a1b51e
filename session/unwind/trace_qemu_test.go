//go:build qemu

package unwind

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ktrap/symbols/addr"
)

// has reports whether a printed place, "name+0x1/0x2", is the address. Several
// functions may have the name.
func (t symbolTable) has(place string, pc addr.Addr) bool {
	name, rest, _ := strings.Cut(place, "+0x")
	offset, _, _ := strings.Cut(rest, "/")
	off, err := strconv.ParseUint(offset, 16, 64)
	if err != nil {
		return place == fmt.Sprintf("%#x", uint64(pc))
	}
	return slices.ContainsFunc(t, func(s symbol) bool { return s.name == name && s.low+addr.Addr(off) == pc })
}

var (
	// [    1.234567][    T1]  panic+0x118/0x2ed
	prefix = regexp.MustCompile(`^(\[ *[\d.]+\])?(\[ *[TC]\d+\])? ?`)
	// RIP: 0010:delay_tsc+0x2d/0x50
	place = regexp.MustCompile(`^ ?(?:RIP: 0010:)?(\S+\+0x[0-9a-f]+/0x[0-9a-f]+|0x0)(?: \[\w+(?: [0-9a-f]+)?\])?$`)
	entry = regexp.MustCompile(`^ ?(</?[A-Z#_]+>|RIP: 0010:0x0|(RIP|Code|RSP|RAX|RDX|RBP|R10|R13|FS|CS|CR2|DR0|DR3|ORIG_RAX|EFLAGS): ?.*| +\?.*|Unable to access.*| \? .*)$`)
)

// printed gives the call traces in a console log, of each the places that the
// kernel vouches for: the lines without a question mark.
func printed(console string) (traces [][]string) {
	in := false
	for line := range strings.Lines(console) {
		line = strings.TrimRight(prefix.ReplaceAllString(line, ""), "\r\n")
		switch m := place.FindStringSubmatch(line); {
		case strings.HasSuffix(line, "Call Trace:"):
			in, traces = true, append(traces, nil)
		case !in:
		case m != nil:
			last := &traces[len(traces)-1]
			*last = append(*last, m[1])
		case !entry.MatchString(line):
			in = false
		}
	}
	return traces
}

// doubtful is what the kernel found on the stack but could not confirm.
var doubtful = regexp.MustCompile(`^  ?\? (\S+\+0x[0-9a-f]+/0x[0-9a-f]+)$`)

// scanned gives all places of a console log's traces, confirmed or not.
func scanned(console string) (places []string) {
	for line := range strings.Lines(console) {
		line = strings.TrimRight(prefix.ReplaceAllString(line, ""), "\r\n")
		for _, re := range []*regexp.Regexp{place, doubtful} {
			if m := re.FindStringSubmatch(line); m != nil {
				places = append(places, m[1])
			}
		}
	}
	return places
}

// compareScan checks that the kernel's scan came by all frames, in order. It
// misprints interrupted ones, which it takes for return addresses.
func compareScan(t *testing.T, syms symbolTable, frames []Frame, scan []string) {
	t.Helper()
	for i := range frames {
		at := slices.IndexFunc(scan, func(place string) bool { return syms.has(place, frames[i].PC) })
		if at < 0 && !frames[i].Interrupted {
			t.Errorf("frame %d: the kernel did not come by %s", i, syms.name(&frames[i]))
		}
		scan = scan[at+1:]
	}
}

// compareTrace checks frames against what the kernel printed for the same stack.
func compareTrace(t *testing.T, syms symbolTable, frames []Frame, want []string) {
	t.Helper()
	if len(want) == 0 {
		t.Fatal("the kernel printed no trace to compare with")
	}
	for i := range max(len(frames), len(want)) {
		got, w := "(nothing)", "(nothing)"
		if i < len(want) {
			w = want[i]
		}
		if i < len(frames) {
			got = syms.name(&frames[i])
		}
		if i >= len(frames) || i >= len(want) || !syms.has(w, frames[i].PC) {
			t.Errorf("frame %d: got %s, the kernel printed %s", i, got, w)
		}
	}
}
