//go:build qemu

package session_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"ktrap/session"
)

func TestGDBFollowsTasksThatAreHardToFollow(t *testing.T) {
	for _, series := range []string{"6.1", "6.12"} {
		t.Run(series, func(t *testing.T) {
			m := boot(t, series, nil)
			o := m.options(t)
			o.Listen = "127.0.0.1:0"
			run(t, o, func(ctx context.Context, s *session.Session) {
				g := m.loginFarOff(ctx, t, s)
				if said := inGuest(ctx, t, g, "roam"); !strings.HasPrefix(said, "roam: ") {
					t.Fatalf("the guest says %q", said)
				}
				r := &roamer{current: "current_task"}
				if series == "6.12" {
					r.current = "pcpu_hot.current_task"
				}
				r.gdb = startGDB(t, "-iex", "set index-cache enabled on", o.Vmlinux, "-ex", "set index-cache enabled off")
				r.want(t, "target remote "+s.ListenAddr(), "Remote debugging using")
				r.list = r.want(t, "info threads", `"roam-z" (Z, `, `"roam-a"`, `"roam-b"`)
				r.want(t, "thread apply all bt", `"roam-a"`, `"roam-z"`, `"kthreadd"`)
				r.followsSteps(t)
				r.holdsBreakpoints(t)
				r.seesForksAndEnds(t)
				r.tellsWhoWasInterrupted(t)
				r.switchesThreads(t)
				r.want(t, "detach", "detached")
				uptime(ctx, t, g)
			})
		})
	}
}

// roamer is a gdb among tasks that roam.
type roamer struct {
	*gdb
	current string // the expression for the task of the selected thread's CPU
	list    string // what info threads said first
}

// stands requires that gdb's selected thread is the task that its CPU runs, and
// gives its number, its name and the CPU.
func (r *roamer) stands(t *testing.T) (thread, comm, cpu string) {
	t.Helper()
	said := r.want(t, fmt.Sprintf(`printf "%%d %%d %%d %%s\n", $_thread, %[1]s->pid, %[1]s->thread_info.cpu, %[1]s->comm`, r.current), "\n")
	fields := strings.Fields(said)
	if len(fields) < 4 {
		t.Fatalf("gdb says %q", said)
	}
	thread, id, cpu, comm := fields[0], fields[1], fields[2], fields[3]
	if id == "0" {
		id = "1000000" + cpu
	}
	r.want(t, "thread", "[Current thread is "+thread+" (Thread "+id+")]")
	return thread, comm, cpu
}

// stays requires that a command of gdb's ends in the thread and the task in
// which it began, and gives the CPU.
func (r *roamer) stays(t *testing.T, command, thread, comm string) (cpu string) {
	t.Helper()
	said := r.do(t, "%s", command)
	now, nowComm, cpu := r.stands(t)
	if now != thread || nowComm != comm {
		t.Fatalf("%s in thread %s, %s, ends in thread %s, %s: %s", command, thread, comm, now, nowComm, said)
	}
	return cpu
}

// followsSteps: finish, next, step and stepi end in the task in which they began, wherever it
// wakes up.
func (r *roamer) followsSteps(t *testing.T) {
	t.Helper()
	a := threadOf(t, r.list, "roam-a")
	moved, tries := 0, 0
	for tries < 6 || moved == 0 && tries < 60 {
		tries++
		r.want(t, "break hrtimer_nanosleep thread "+a, "Breakpoint ")
		r.want(t, "continue", `"roam-a" hit Breakpoint `)
		thread, comm, before := r.stands(t)
		if thread != a || comm != "roam-a" {
			t.Fatalf("the breakpoint for thread %s holds in thread %s, %s", a, thread, comm)
		}
		r.want(t, "delete")
		if after := r.stays(t, "finish", a, comm); after != before { // roam-b runs the same function meanwhile
			moved++
		}
		for range 3 {
			r.stays(t, "next", a, comm)
		}
		r.stays(t, "step", a, comm)
		r.stays(t, "stepi", a, comm)
	}
	t.Logf("%d of %d times finish ended on another CPU", moved, tries)
	if moved == 0 {
		t.Error("the task did not move: nothing was shown")
	}
	r.want(t, "delete")
}

// holdsBreakpoints: a breakpoint for a task is not hit for others.
func (r *roamer) holdsBreakpoints(t *testing.T) {
	t.Helper()
	a, b := threadOf(t, r.list, "roam-a"), threadOf(t, r.list, "roam-b")
	r.want(t, "break hrtimer_nanosleep thread "+a, "Breakpoint ")
	r.want(t, "break common_nsleep thread "+b, "Breakpoint ")
	hits := map[string]int{}
	for range 20 {
		said := r.want(t, "continue", "hit Breakpoint ")
		thread, comm, _ := r.stands(t)
		hits[comm]++
		forA := thread == a && comm == "roam-a" && strings.Contains(said, "hrtimer_nanosleep (")
		forB := thread == b && comm == "roam-b" && strings.Contains(said, "common_nsleep (")
		if !forA && !forB {
			t.Errorf("in thread %s, %s: %s", thread, comm, said)
		}
	}
	t.Logf("hits: %v", hits)
	r.want(t, "delete")
}

// seesForksAndEnds: a task forks, and one ends, under a gdb that steps.
func (r *roamer) seesForksAndEnds(t *testing.T) {
	t.Helper()
	r.want(t, "break kernel_clone thread "+threadOf(t, r.list, "roam-c"), "Breakpoint ")
	r.want(t, "continue", `"roam-c" hit Breakpoint `)
	thread, comm, _ := r.stands(t)
	r.want(t, "delete")
	r.stays(t, "next", thread, comm)
	r.stays(t, "finish", thread, comm)
	r.stays(t, "next", thread, comm)
	r.want(t, "info threads", `"roam-c"`)

	r.want(t, "break do_exit", "Breakpoint ")
	for comm = ""; comm != "roam-d"; {
		r.want(t, "continue", `" hit Breakpoint `)
		thread, comm, _ = r.stands(t)
	}
	r.want(t, "delete")
	r.stays(t, "next", thread, comm)
	r.want(t, "tbreak do_task_dead thread "+thread, "breakpoint ")
	r.want(t, "continue", `"roam-d" hit Temporary breakpoint `)
	r.want(t, "printf \"pid %d\\n\", "+r.current+"->pid", "pid ")
	r.want(t, "up")
	r.send(t, "finish") // which never ends
	r.until(t, "Run till exit")
	time.Sleep(time.Second)
	wantInOrder(t, "Ctrl-C", r.interrupt(t), "SIGINT")
	list := r.want(t, "info threads", `"roam-c"`)
	if at := regexp.MustCompile(`(?m)^\*? *` + thread + ` `).FindString(list); at != "" {
		t.Errorf("the thread that has ended is listed: %s", list)
	}
	r.stands(t)
	r.want(t, "stepi")
	r.stands(t)
	r.want(t, "delete")
}

// tellsWhoWasInterrupted: a stop is that of the task which was interrupted, whatever did it.
func (r *roamer) tellsWhoWasInterrupted(t *testing.T) {
	t.Helper()
	for _, at := range []string{"process_one_work", "hrtimer_interrupt", "run_timer_softirq", "rcu_core", "scheduler_tick", "sched_tick", "exc_nmi"} {
		if !strings.Contains(r.do(t, "break %s", at), "Breakpoint ") {
			t.Logf("this kernel has no %s", at)
			continue
		}
		if at == "exc_nmi" {
			r.want(t, "monitor nmi")
		}
		for range 3 {
			r.want(t, "continue", "hit Breakpoint ")
			thread, comm, _ := r.stands(t)
			r.want(t, "bt", "#0 ", at)
			if at == "process_one_work" && !strings.HasPrefix(comm, "kworker/") {
				t.Errorf("%s runs in %s", at, comm)
			}
			if at == "exc_nmi" {
				break
			}
			r.want(t, "disable") // the other CPU hits it, too
			r.stays(t, "next", thread, comm)
			r.want(t, "enable")
		}
		r.want(t, "delete")
	}
	r.want(t, "break hrtimer_interrupt thread "+threadOf(t, r.list, "swapper/1"), "Breakpoint ")
	r.want(t, "continue", `"swapper/1" hit Breakpoint `)
	_, comm, _ := r.stands(t)
	r.stays(t, "finish", threadOf(t, r.list, "swapper/1"), comm)
	r.want(t, "delete")
}

// switchesThreads: threads are CPUs or tasks as one likes.
func (r *roamer) switchesThreads(t *testing.T) {
	t.Helper()
	if pid := regexp.MustCompile(`Thread (\d+) "roam-e"`).FindStringSubmatch(r.list); pid == nil || pid[1] == "1" {
		t.Errorf("the first process of a PID namespace is thread %q", pid)
	}
	r.want(t, "break hrtimer_nanosleep", "Breakpoint ")
	r.want(t, "continue", `" hit Breakpoint `)
	r.want(t, "monitor ktrap threads cpus", "threads are cpus")
	r.want(t, "continue", `"CPU `, " hit Breakpoint ")
	if list := r.want(t, "info threads", `"CPU `, `"CPU `); strings.Count(list, "Thread ") != 2 || !strings.Contains(list, `"CPU 0"`) || !strings.Contains(list, `"CPU 1"`) {
		t.Errorf("the threads of two CPUs are\n%s", list)
	}
	r.want(t, "next")
	r.want(t, "thread apply all bt", "#0 ", "#0 ")
	r.want(t, "monitor ktrap threads tasks", "threads are tasks")
	r.want(t, "info threads", `"roam-a"`, `"roam-b"`)
	r.want(t, "delete")
}
