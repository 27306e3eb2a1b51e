//go:build qemu

package session_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ktrap/session"
	"ktrap/session/report"
	"ktrap/symbols/oops"
)

// stackCases are the crashes whose stacks are compared with the kernel's own.
// younger are the functions that the kernel's trace shows and that are entered
// only after ktrap has taken the context.
var stackCases = []struct {
	name, keyword string
	class         oops.Class
	top           string // function of the first frame, without compiler suffixes
}{
	{"null dereference", "null", oops.Die, "inner_deref"},
	{"BUG()", "bug", oops.BUG, "c_bug"},
	{"WARN()", "warn", oops.WARN, "c_warn"},
	{"GPF", "gpf", oops.Die, "c_gpf"},
	{"divide error", "div", oops.Die, "c_div"},
	{"stack overflow", "stackoverflow", oops.Die, "recurse"},
	{"list corruption", "listdel", oops.BUG, ""},
	{"oops in a timer", "tasklet_irq", oops.Die, "inner_deref"},
	{"oops in an IPI", "ipi", oops.Die, "inner_deref"},
	{"oops in a kernel thread", "kthread", oops.Die, "inner_deref"},
	{"panic()", "panic", oops.Panic, "panic"},
	{"call through NULL", "nullcall", oops.Die, ""},
}

// shortCases are those that `go test -short` runs, on one kernel.
var shortCases = []string{"null", "warn", "tasklet_irq"}

// stackRow is one line of the table.
type stackRow struct {
	name, series, verdict string
	frames                int
	younger               []string
}

func TestTheStackIsTheKernelsOwnTrace(t *testing.T) {
	all := []string{"6.1", "6.12"}
	if testing.Short() {
		all = all[:1]
	}
	var rows []stackRow
	for _, series := range all {
		for _, c := range stackCases {
			if testing.Short() && !slices.Contains(shortCases, c.keyword) {
				continue
			}
			t.Run(series+" "+c.name, func(t *testing.T) {
				m := boot(t, series, nil)
				run(t, m.options(t), func(ctx context.Context, s *session.Session) {
					stop := m.crash(ctx, t, s, c.keyword)
					row := compareStack(t, stop.Crash, m.wholeText(ctx, t, s))
					row.name, row.series = c.name, series
					rows = append(rows, row)
					if top := firstFunc(stop.Crash.Report); c.top != "" && !strings.HasPrefix(top, c.top) {
						t.Errorf("stopped in %s, want %s", top, c.top)
					}
					if stop.Crash.Report.Title == "" || len(stop.Crash.Report.Incomplete) > 0 {
						t.Errorf("title %q, incomplete %q", stop.Crash.Report.Title, stop.Crash.Report.Incomplete)
					}
				})
			})
		}
	}
	writeStackTable(t, rows)
}

func firstFunc(r *report.Report) string {
	for _, f := range r.Frames {
		if !f.Inlined && f.Func != "" {
			return f.Func
		}
	}
	return ""
}

// wholeText lets the guest print its report to the end: in a double fault the
// serial line lags behind the log.
func (m *machine) wholeText(ctx context.Context, t *testing.T, s *session.Session) []byte {
	t.Helper()
	resume(ctx, t, s)
	if _, err := m.Console().WaitFor(ctx, 0, "---[ end "); err != nil {
		t.Errorf("wait for the end of the kernel's report: %v", err)
	}
	return m.Console().Tail(1 << 20)
}

// key is what of a frame is compared.
func key(fn string, off, size uint64, module string) string {
	if module != "" {
		module = " [" + module + "]"
	}
	return fmt.Sprintf("%s+%#x/%#x%s", fn, off, size, module)
}

// compareStack compares the unwound stack with the trace on the serial line:
// every RIP: line and every line without a question mark, in order.
func compareStack(t *testing.T, c *session.Crash, serial []byte) stackRow {
	t.Helper()
	var ours []string
	for _, f := range c.Report.Frames {
		if !f.Inlined && f.Kind != report.User && f.Func != "" {
			ours = append(ours, key(f.Func, f.Offset, f.Size, f.Module))
		}
	}
	found := oops.Parse(serial)
	if len(found) == 0 {
		t.Errorf("no crash on the serial line")
		return stackRow{verdict: "no trace"}
	}
	var kernels []string
	for _, f := range found[0].Frames {
		if f.Reliable && f.Func != "" {
			kernels = append(kernels, key(f.Func, f.Off, f.Size, f.Module))
		}
	}
	row := stackRow{verdict: "same"}
	ours, kernels, row.younger = dropYounger(ours, kernels)
	row.frames = len(kernels)
	if !slices.Equal(ours, kernels) {
		row.verdict = "different"
		t.Errorf("stacks differ\nktrap:\n  %s\nkernel:\n  %s", strings.Join(ours, "\n  "), strings.Join(kernels, "\n  "))
	}
	if row.frames < 3 {
		t.Errorf("only %d frames were compared", row.frames)
	}
	return row
}

// dropYounger removes what the kernel called after the stop: the frames of its
// trace down to the function at whose entry ktrap took the context.
func dropYounger(ours, kernels []string) (o, k, younger []string) {
	if len(ours) == 0 || !strings.Contains(ours[0], "+0x0/") {
		return ours, kernels, nil
	}
	entered, _, _ := strings.Cut(ours[0], "+")
	for i, f := range kernels {
		if strings.HasPrefix(f, entered+"+") {
			return ours[1:], kernels[i+1:], kernels[:i+1]
		}
	}
	return ours, kernels, nil
}

// writeStackTable prints the table, and writes it where KTRAP_TABLES says.
func writeStackTable(t *testing.T, rows []stackRow) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "| crash | kernel | stack | frames compared | younger than the stop | KVM |\n|---|---|---|---|---|---|\n")
	counted := 0
	for _, r := range rows {
		younger := make([]string, len(r.younger))
		for i, y := range r.younger {
			younger[i] = "`" + y + "`"
		}
		if r.frames >= 3 && r.verdict == "same" {
			counted++
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %d | %s | not run here |\n", r.name, r.series, r.verdict, r.frames, strings.Join(younger, " "))
	}
	fmt.Fprintf(&b, "\n%d of %d rows: same stack, at least 3 frames.\n", counted, len(rows))
	t.Logf("\n%s", b.String())
	if dir := os.Getenv("KTRAP_TABLES"); dir != "" && !testing.Short() {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		text := "# Unwound stack = the kernel's own trace\n\nMade by `make integration` (session, TestTheStackIsTheKernelsOwnTrace) under QEMU TCG.\n\n" + b.String()
		if err := os.WriteFile(filepath.Join(dir, "stacks.md"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
