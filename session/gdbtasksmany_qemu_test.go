//go:build qemu

package session_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ktrap/session"
	"ktrap/session/vm"
)

// crowdRow is what stock gdb takes with so many tasks, ktrap in between.
type crowdRow struct {
	tasks   int           // that gdb lists
	connect cost          // target remote, of a gdb that has read vmlinux
	before  time.Duration // from the stop at a breakpoint to gdb's prompt, median; info threads was not asked yet
	list    cost          // info threads, the first at a stop
	again   cost          // likewise, at the same stop
	bt      cost          // thread apply all bt; 0: not run
	after   time.Duration // as before, when gdb knows all threads
}

// cost is the time of a command, and the processors' time in gdb, ktrap and QEMU.
type cost struct{ wall, gdb, ktrap, qemu time.Duration }

func (c cost) String() string {
	if c.wall == 0 {
		return "not run"
	}
	return fmt.Sprintf("%s (%s, %s, %s)", seconds(c.wall), seconds(c.gdb), seconds(c.ktrap), seconds(c.qemu))
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 2, 64) }

// cpuTime is what a process has used so far, in the kernel's ticks of 10 ms.
func cpuTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	user, err := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err != nil || err2 != nil {
		t.Fatalf("stat of process %d: %q", pid, stat)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

// measured is a gdb at a guest with many tasks.
type measured struct {
	*gdb
	m *machine
	s *session.Session
}

// cost requires texts in the answer to a command, and gives its price.
func (g *measured) cost(t *testing.T, command string, texts ...string) (string, cost) {
	t.Helper()
	pids := []int{g.cmd.Process.Pid, os.Getpid(), g.m.Pid()}
	var used [3]time.Duration
	for i, pid := range pids {
		used[i] = -cpuTime(t, pid)
	}
	begin := time.Now()
	said := g.want(t, command, texts...)
	wall := time.Since(begin)
	for i, pid := range pids {
		used[i] += cpuTime(t, pid)
	}
	return said, cost{wall, used[0], used[1], used[2]}
}

// stops gives the median time from a stop to the prompt.
func (g *measured) stops(ctx context.Context, t *testing.T) time.Duration {
	t.Helper()
	var stops []time.Duration
	for range 31 {
		answered := make(chan struct{})
		stopped := stopTime(ctx, g.s, answered)
		g.want(t, "continue", "hit Breakpoint ", "hrtimer_interrupt")
		now := time.Now()
		close(answered)
		if at, ok := <-stopped; ok {
			stops = append(stops, now.Sub(at))
		}
	}
	slices.Sort(stops)
	return stops[len(stops)/2]
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

func TestManyTasksStayUsable(t *testing.T) {
	var rows []crowdRow
	for _, n := range []int{40, 5000} {
		m := boot(t, "6.1", func(o *vm.Options) { o.Mem = "2G" })
		o := m.options(t)
		o.Listen = "127.0.0.1:0"
		run(t, o, func(ctx context.Context, s *session.Session) {
			g := m.login(ctx, t, s)
			if said := inGuest(ctx, t, g, "many", strconv.Itoa(n)); said != fmt.Sprintf("many: %d", n) {
				t.Fatalf("the guest says %q", said)
			}
			rows = append(rows, crowdOf(ctx, t, &measured{startGDB(t, o.Vmlinux), m, s}, n))
		})
	}
	writeCrowdTable(t, rows)
}

// crowdOf drives a gdb at a guest with at least n tasks.
func crowdOf(ctx context.Context, t *testing.T, g *measured, n int) (r crowdRow) {
	_, r.connect = g.cost(t, "target remote "+g.s.ListenAddr(), "Remote debugging using")
	g.want(t, "break hrtimer_interrupt", "Breakpoint 1 at 0x")
	r.before = g.stops(ctx, t)
	var list string
	list, r.list = g.cost(t, "info threads", `"kthreadd"`)
	_, r.again = g.cost(t, "info threads", `"kthreadd"`)
	if r.tasks = strings.Count(list, " Thread ") - strings.Count(list, "[New Thread "); r.tasks < n {
		t.Errorf("gdb lists %d threads, %d tasks were started", r.tasks, n)
	}
	for _, name := range []string{"nanosleep", "pipe", "futex", "poll"} {
		if got := strings.Count(list, `"waits-`+name+`"`); got < n/4-1-n/50 {
			t.Errorf("%d tasks are called waits-%s, of %d", got, name, n)
		}
	}
	if n < 1000 {
		_, r.bt = g.cost(t, "thread apply all bt", "kthreadd (", "ret_from_fork (")
	}
	r.after = g.stops(ctx, t)
	if again := g.want(t, "info threads", `"kthreadd"`); threadOf(t, again, "kthreadd") != threadOf(t, list, "kthreadd") {
		t.Error("kthreadd has another number after some stops")
	}
	g.want(t, "detach", "detached")
	return r
}

// writeCrowdTable prints the table, and writes it where KTRAP_TABLES says.
func writeCrowdTable(t *testing.T, rows []crowdRow) {
	t.Helper()
	load, _ := os.ReadFile("/proc/loadavg") // for the reader
	var b strings.Builder
	fmt.Fprintf(&b, "Seconds; in parentheses processor time of gdb, ktrap and QEMU. Load of the machine: %.4s.\n\n", load)
	b.WriteString("| tasks | target remote | stop to prompt | info threads | again, same stop | thread apply all bt | stop to prompt, all threads known |\n|---|---|---|---|---|---|---|\n")
	ms := func(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }
	for _, r := range rows {
		fmt.Fprintf(&b, "| %d | %v | %s | %v | %v | %v | %s |\n", r.tasks, r.connect, ms(r.before), r.list, r.again, r.bt, ms(r.after))
	}
	t.Logf("\n%s", b.String())
	if dir := os.Getenv("KTRAP_TABLES"); dir != "" && !testing.Short() {
		text := "# Tasks as threads of stock gdb\n\nMade by `make bench-tasks` and `make integration` (session, TestManyTasksStayUsable) under QEMU TCG, kernel 6.1.\n\n" + b.String()
		if err := os.WriteFile(filepath.Join(dir, "gdb-tasks.md"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
