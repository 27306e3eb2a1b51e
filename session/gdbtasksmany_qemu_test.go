//go:build qemu

package session_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ktrap/session"
	"ktrap/session/guest"
	"ktrap/session/vm"
)

// crowdRow is what stock gdb takes with so many tasks, ktrap in between.
type crowdRow struct {
	tasks   int           // that gdb lists
	connect time.Duration // target remote, of a gdb that has read vmlinux
	list    time.Duration // info threads, the first at a stop
	again   time.Duration // likewise, at the same stop
	bt      time.Duration // thread apply all bt; 0: not run
	prompt  time.Duration // from the stop at a breakpoint to gdb's prompt, median
}

// said takes a program's output and tells when it has a line.
type said struct {
	text bytes.Buffer
	line chan struct{}
}

func (s *said) Write(p []byte) (int, error) {
	s.text.Write(p)
	if bytes.Contains(p, []byte("\n")) {
		select {
		case s.line <- struct{}{}:
		default:
		}
	}
	return len(p), nil
}

// crowd starts n sleeping tasks in the guest, which end with the test.
func crowd(ctx context.Context, t *testing.T, g *guest.Guest, n int) {
	t.Helper()
	source, err := filepath.Abs("../testdata/manytasks/tasks.c")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "tasks")
	if out, err := exec.CommandContext(ctx, "gcc", "-O1", "-static", "-pthread", "-o", program, source).CombinedOutput(); err != nil {
		t.Fatalf("the tag qemu is set, so a C compiler must be there: %v: %s", err, out)
	}
	if err := g.CopyFile(ctx, program, "/tmp/tasks"); err != nil {
		t.Fatal(err)
	}
	out := &said{line: make(chan struct{}, 1)}
	ended := make(chan error, 1)
	go func() {
		ended <- g.Run(ctx, fmt.Sprintf("/tmp/tasks %d", n), &guest.RunOptions{Stdout: out, Stderr: out})
	}()
	t.Cleanup(func() { g.Close(); <-ended })
	select {
	case <-out.line:
		if want := fmt.Sprintf("tasks: %d\n", n); out.text.String() != want {
			t.Fatalf("tasks in the guest: %q", out.text.String())
		}
	case err := <-ended:
		t.Fatalf("tasks in the guest ended: %v", err)
	case <-ctx.Done():
		t.Fatal("tasks in the guest: ", ctx.Err())
	}
}

// took measures a command of gdb's, up to its prompt.
func took(d *time.Duration, f func()) {
	begin := time.Now()
	f()
	*d = time.Since(begin)
}

func TestManyTasksStayUsable(t *testing.T) {
	var rows []crowdRow
	for _, n := range []int{40, 5000} {
		m := boot(t, "6.1", func(o *vm.Options) { o.Mem = "2G" })
		o := m.options(t)
		o.Listen = "127.0.0.1:0"
		run(t, o, func(ctx context.Context, s *session.Session) {
			g := m.login(ctx, t, s)
			crowd(ctx, t, g, n)
			rows = append(rows, measureCrowd(ctx, t, s, o, n))
		})
	}
	writeCrowdTable(t, rows)
}

// measureCrowd drives a gdb at a guest with at least n tasks.
func measureCrowd(ctx context.Context, t *testing.T, s *session.Session, o *session.Options, n int) (r crowdRow) {
	gdb := startGDB(t, o.Vmlinux)
	took(&r.connect, func() { gdb.want(t, "target remote "+s.ListenAddr(), "Remote debugging using") })
	var list string
	took(&r.list, func() { list = gdb.want(t, "info threads", `"kthreadd"`) })
	took(&r.again, func() { gdb.want(t, "info threads", `"kthreadd"`) })
	if r.tasks = strings.Count(list, "Thread "); r.tasks < n {
		t.Errorf("gdb lists %d threads, %d tasks were started", r.tasks, n)
	}
	for _, name := range []string{"nanosleep", "pipe", "futex", "poll"} {
		if got := strings.Count(list, `"waits-`+name+`"`); got < n/4-n/100 {
			t.Errorf("%d tasks are called waits-%s, of %d", got, name, n)
		}
	}
	if n < 1000 {
		took(&r.bt, func() { gdb.want(t, "thread apply all bt", "kthreadd (", "rest_init (") })
	}
	gdb.want(t, "break hrtimer_interrupt", "Breakpoint 1 at 0x")
	var stops []time.Duration
	for range 21 {
		answered := make(chan struct{})
		stopped := stopTime(ctx, s, answered)
		gdb.want(t, "continue", "hit Breakpoint 1, hrtimer_interrupt")
		now := time.Now()
		close(answered)
		if at, ok := <-stopped; ok {
			stops = append(stops, now.Sub(at))
		}
	}
	slices.Sort(stops)
	r.prompt = stops[len(stops)/2]
	gdb.want(t, "detach", "detached")
	return r
}

// stopTime tells when the guest, soon to be resumed, stops. Nothing is told of a
// run that was too short to be seen before it was answered.
func stopTime(ctx context.Context, s *session.Session, answered <-chan struct{}) <-chan time.Time {
	at := make(chan time.Time, 1)
	go func() {
		defer close(at)
		for !s.Running() {
			select {
			case <-answered:
				return
			default:
			}
		}
		if _, err := s.Wait(ctx); err == nil {
			at <- time.Now()
		}
	}()
	return at
}

// writeCrowdTable prints the table, and writes it where KTRAP_TABLES says.
func writeCrowdTable(t *testing.T, rows []crowdRow) {
	t.Helper()
	ms := func(d time.Duration) string {
		if d == 0 {
			return "not run"
		}
		return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', 1, 64) + " ms"
	}
	var b strings.Builder
	b.WriteString("| tasks | target remote | info threads | again, same stop | thread apply all bt | stop to prompt |\n|---|---|---|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %d | %s | %s | %s | %s | %s |\n", r.tasks, ms(r.connect), ms(r.list), ms(r.again), ms(r.bt), ms(r.prompt))
	}
	t.Logf("\n%s", b.String())
	if dir := os.Getenv("KTRAP_TABLES"); dir != "" && !testing.Short() {
		if err := os.WriteFile(filepath.Join(dir, "gdb-tasks.md"), []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
