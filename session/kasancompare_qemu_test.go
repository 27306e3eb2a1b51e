//go:build qemu

package session_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ktrap/session"
	"ktrap/session/report"
	"ktrap/symbols/oops"
)

// kasanRow is one line of the table.
type kasanRow struct {
	keyword, title, place string
	class                 oops.Class
	lines                 int // of text compared
	frames                int // of stack compared
	younger               []string
	whole, sameStack      bool
	bare                  bool // it has no stack
}

// compareKASAN compares a crash with what the serial line says of it, which is
// looked for from an offset on.
func (m *machine) compareKASAN(ctx context.Context, t *testing.T, c *kasanCrash, i int, crash *session.Crash, from *int64) kasanRow {
	t.Helper()
	want, r := &c.reports[i], crash.Report
	row := kasanRow{keyword: c.keyword, title: r.Title, class: r.Class, place: firstFunc(r), bare: want.bare}
	name := fmt.Sprintf("%s, report %d", c.keyword, i+1)
	if r.Class != want.class {
		t.Errorf("%s is of class %s, want %s: %s", name, r.Class, want.class, r.Title)
	}
	if len(r.Incomplete) > 0 {
		t.Errorf("%s is incomplete: %q", name, r.Incomplete)
	}
	serial, err := m.serialReport(ctx, want, from)
	if err != nil {
		t.Errorf("%s: the serial line does not have it: %v", name, err)
		return row
	}
	if want.class == oops.Die {
		serial = serial[:len(serial)-1] // the end mark follows the stop
	}
	row.lines = len(serial)
	ours := strings.Split(strings.TrimSuffix(r.Log, "\n"), "\n")
	if row.whole = len(ours) >= len(serial) && slices.Equal(ours[:len(serial)], serial); !row.whole {
		t.Errorf("%s: texts differ\nktrap:\n%s\nserial line:\n%s", name, r.Log, strings.Join(serial, "\n"))
	}
	if !row.bare {
		compareKASANStack(t, name, want.culprit, r, serial, &row)
	}
	return row
}

// serialWait bounds how far the serial line may lag behind the log.
const serialWait = 20 * time.Second

// serialReport gives a report's lines on the serial line, from its head to its
// closing line, prefixes and lines of other callers off, except of those that
// were asked for their stacks.
func (m *machine) serialReport(ctx context.Context, want *kasanReport, from *int64) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, serialWait)
	defer cancel()
	head, err := m.Console().WaitFor(ctx, *from, want.head)
	if err != nil {
		return nil, err
	}
	end, err := m.Console().WaitFor(ctx, head, want.closing+"\r\n")
	if strings.HasSuffix(want.closing, " ") { // something follows on that line
		end, err = m.Console().WaitFor(ctx, head, want.closing)
	}
	if err != nil {
		return nil, err
	}
	text, start := m.Console().Since(*from)
	begin := bytes.LastIndexByte(text[:head-start], '\n') + 1
	if more := bytes.IndexByte(text[end-start:], '\n'); strings.HasSuffix(want.closing, " ") && more >= 0 {
		end += int64(more) + 1
	}
	*from = head
	var out []string
	caller, asked := "", false
	for l := range oops.Lines(bytes.NewReader(text[begin : end-start])) {
		if out == nil {
			caller = l.Prefix.Caller
		}
		asked = asked || strings.HasPrefix(l.Text, "Sending NMI from CPU")
		if l.Prefix.Caller == caller || asked {
			out = append(out, l.Text)
		}
	}
	return out, nil
}

// compareKASANStack compares from the first function that both stacks have:
// ktrap's begins where it stopped, the kernel's in what prints.
func compareKASANStack(t *testing.T, name, culprit string, r *report.Report, serial []string, row *kasanRow) {
	t.Helper()
	var ours []string
	for _, f := range r.Frames {
		if !f.Inlined && f.Kind != report.User && f.Func != "" {
			ours = append(ours, key(f.Func, f.Offset, f.Size, f.Module))
		}
	}
	found := oops.Parse([]byte(strings.Join(serial, "\n") + "\n"))
	if len(found) == 0 {
		t.Errorf("%s: no crash in the text", name)
		return
	}
	var kernels []string
	for _, f := range found[0].Frames {
		if f.Reliable && f.Func != "" {
			kernels = append(kernels, key(f.Func, f.Off, f.Size, f.Module))
		}
	}
	a, b := ours, kernels
	for i, f := range kernels {
		if j := slices.Index(ours, f); j >= 0 {
			row.younger, a, b = kernels[:i], ours[j:], kernels[i:]
			break
		}
	}
	row.frames = len(b)
	row.sameStack = slices.Equal(a, b) && slices.ContainsFunc(b, func(f string) bool { return strings.HasPrefix(f, culprit) })
	if !row.sameStack {
		t.Errorf("%s: stacks differ\nktrap:\n  %s\nkernel:\n  %s", name, strings.Join(ours, "\n  "), strings.Join(kernels, "\n  "))
	}
	if row.frames < 3 {
		t.Errorf("%s: only %d frames were compared", name, row.frames)
	}
}

// writeKASANTable prints the table, and writes it where KTRAP_TABLES says.
func writeKASANTable(t *testing.T, rows []kasanRow) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "| crash | class | title | stopped in | text | stack | younger than the stop | KVM |\n|---|---|---|---|---|---|---|---|\n")
	good := 0
	for _, r := range rows {
		text, stack := "differs", "differs"
		if r.whole {
			text = fmt.Sprintf("whole, %d lines", r.lines)
		}
		switch {
		case r.bare:
			stack = "none printed"
		case r.sameStack:
			stack = fmt.Sprintf("same, %d frames", r.frames)
		}
		if r.whole && (r.bare || r.sameStack) {
			good++
		}
		younger := make([]string, len(r.younger))
		for i, y := range r.younger {
			younger[i] = "`" + y + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | `%s` | %s | %s | %s | not run here |\n",
			r.keyword, r.class, r.title, r.place, text, stack, strings.Join(younger, " "))
	}
	fmt.Fprintf(&b, "\n%d of %d reports: the right class, the whole text, the same stack where it is the stopped one.\n", good, len(rows))
	t.Logf("\n%s", b.String())
	dir := os.Getenv("KTRAP_TABLES")
	if dir == "" || testing.Short() {
		return
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	text := "# A kernel with KASAN, UBSAN and lockdep\n\nMade by `make integration` (session, TestTheKernelWithSanitizersStopsWithItsWholeText) on Linux 6.12 under QEMU TCG.\n" +
		"Compared with the serial line, from the head of each report to its closing line;\nan oops stops just before its end mark.\n\n" + b.String()
	if err := os.WriteFile(filepath.Join(dir, "kasan.md"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
