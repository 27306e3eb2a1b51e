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
	"ktrap/session/guest"
)

// roaming gives f a gdb at a guest whose tasks are hard to follow: see
// testdata/tasks/roam.c.
func roaming(t *testing.T, f func(ctx context.Context, s *session.Session, r *roamer)) {
	for _, series := range []string{"6.1", "6.12"} {
		t.Run(series, func(t *testing.T) {
			m := boot(t, series, nil)
			o := m.options(t)
			o.Listen = "127.0.0.1:0"
			run(t, o, func(ctx context.Context, s *session.Session) {
				g := m.login(ctx, t, s)
				said := inGuest(ctx, t, g, "roam")
				r := &roamer{guest: g, current: "current_task"}
				if _, err := fmt.Sscanf(said, "roam: %d %d", &r.a, &r.b); err != nil {
					t.Fatalf("the guest says %q", said)
				}
				if series == "6.12" {
					r.current = "pcpu_hot.current_task"
				}
				r.gdb = startGDB(t, o.Vmlinux)
				r.want(t, "target remote "+s.ListenAddr(), "Remote debugging using")
				r.list = r.want(t, "info threads", `"roam-a"`, `"roam-b"`)
				f(ctx, s, r)
				r.want(t, "delete")
				r.want(t, "detach", "detached")
				uptime(ctx, t, g)
			})
		})
	}
}

// roamer is a gdb among tasks that roam.
type roamer struct {
	*gdb
	guest   *guest.Guest
	current string // the expression for the task of the selected thread's CPU
	a, b    int    // pids
	list    string // what info threads said first
}

// stands requires that gdb's selected thread is the task that its CPU runs, and
// gives its number, its name and the CPU.
func (r *roamer) stands(t *testing.T) (thread, comm, cpu string) {
	t.Helper()
	comm = regexp.MustCompile(`"([^"\\]*)`).FindString(r.want(t, "output "+r.current+"->comm", `"`))
	comm = strings.Trim(comm, `"`)
	r.want(t, "thread", `"`+comm+`"`)
	cpu = strings.TrimSuffix(r.want(t, fmt.Sprintf("output %s->thread_info.cpu", r.current)), prompt)
	return strings.TrimSuffix(r.do(t, "output $_thread"), prompt), comm, cpu
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

func TestStepsFollowATaskThatSleepsAndIsSentToAnotherCPU(t *testing.T) {
	roaming(t, func(_ context.Context, _ *session.Session, r *roamer) {
		a := threadOf(t, r.list, "roam-a")
		moved := 0
		for range 6 {
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
		t.Logf("%d of 6 times finish ended on another CPU", moved)
		if moved == 0 {
			t.Error("the task did not move: nothing was shown")
		}
	})
}

func TestABreakpointForATaskIsNotHitForOthers(t *testing.T) {
	roaming(t, func(_ context.Context, _ *session.Session, r *roamer) {
		a, b := threadOf(t, r.list, "roam-a"), threadOf(t, r.list, "roam-b")
		r.want(t, "break hrtimer_nanosleep thread "+a, "Breakpoint 1 ")
		r.want(t, "break common_nsleep thread "+b, "Breakpoint 2 ")
		hits := map[string]int{}
		for range 20 {
			said := r.want(t, "continue", "hit Breakpoint ")
			thread, comm, _ := r.stands(t)
			hits[comm]++
			if wanted := map[string]string{"roam-a": a + " 1", "roam-b": b + " 2"}[comm]; wanted == "" || wanted[:len(wanted)-2] != thread ||
				!strings.Contains(said, "hit Breakpoint "+wanted[len(wanted)-1:]) {
				t.Errorf("in thread %s, %s: %s", thread, comm, said)
			}
		}
		t.Logf("hits: %v", hits)
	})
}

func TestATaskForksAndOneEndsUnderASteppingGDB(t *testing.T) {
	roaming(t, func(_ context.Context, _ *session.Session, r *roamer) {
		r.want(t, "break kernel_clone", "Breakpoint ")
		r.want(t, "continue", `"roam-c" hit Breakpoint `)
		thread, comm, _ := r.stands(t)
		r.want(t, "delete")
		r.stays(t, "next", thread, comm)
		r.stays(t, "finish", thread, comm)
		r.stays(t, "next", thread, comm)
		r.want(t, "info threads", `"roam-c"`)

		r.want(t, "break do_exit", "Breakpoint ")
		r.want(t, "continue", `"roam-d" hit Breakpoint `)
		thread, comm, _ = r.stands(t)
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
	})
}

func TestAStopIsThatOfTheTaskWhateverInterruptedIt(t *testing.T) {
	roaming(t, func(_ context.Context, _ *session.Session, r *roamer) {
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
				r.stays(t, "next", thread, comm)
			}
			r.want(t, "delete")
		}
		r.want(t, "break hrtimer_interrupt thread "+threadOf(t, r.list, "swapper/1"), "Breakpoint ")
		r.want(t, "continue", `"swapper/1" hit Breakpoint `)
		_, comm, _ := r.stands(t)
		r.stays(t, "finish", threadOf(t, r.list, "swapper/1"), comm)
	})
}

func TestThreadsAreCPUsOrTasksAsOneLikes(t *testing.T) {
	roaming(t, func(_ context.Context, _ *session.Session, r *roamer) {
		if pid := regexp.MustCompile(`Thread (\d+) "roam-e"`).FindStringSubmatch(r.list); pid == nil || pid[1] == "1" {
			t.Errorf("the first process of a PID namespace is thread %q", pid)
		}
		r.want(t, "break hrtimer_nanosleep", "Breakpoint ")
		r.want(t, "continue", `" hit Breakpoint `)
		r.want(t, "monitor ktrap threads cpus", "CPUs")
		r.want(t, "continue", `"CPU `, " hit Breakpoint ")
		if list := r.want(t, "info threads", `"CPU 0"`, `"CPU 1"`); strings.Count(list, "Thread ") != 2 {
			t.Errorf("the threads of two CPUs are\n%s", list)
		}
		r.want(t, "next")
		r.want(t, "thread apply all bt", "#0 ", "#0 ")
		r.want(t, "monitor ktrap threads tasks", "tasks")
		r.want(t, "continue", `" hit Breakpoint `)
		r.stands(t)
		r.want(t, "info threads", `"roam-a"`, `"roam-b"`)
	})
}

func TestTheStackOfATaskThatSleepsIsTheKernelsOwn(t *testing.T) {
	for _, series := range []string{"6.1", "6.12"} {
		t.Run(series, func(t *testing.T) {
			m := boot(t, series, nil)
			o := m.options(t)
			o.Listen = "127.0.0.1:0"
			run(t, o, func(ctx context.Context, s *session.Session) {
				g := m.login(ctx, t, s)
				inGuest(ctx, t, g, "many", "30")
				var out strings.Builder
				command := `for d in /proc/[0-9]*/task/*; do echo "task ${d##*/}"; cat $d/stack; done 2>/dev/null`
				if err := g.Run(ctx, command, &guest.RunOptions{Stdout: &out}); err != nil {
					t.Logf("some have ended: %v", err)
				}
				gdb := startGDB(t, o.Vmlinux)
				gdb.want(t, "target remote "+s.ListenAddr(), "Remote debugging using")
				compareStacks(t, out.String(), gdb.want(t, "thread apply all bt", `"waits-`))
				gdb.want(t, "detach", "detached")
			})
		})
	}
}

// compareStacks requires that gdb's stacks have the functions of the kernel's,
// in that order.
func compareStacks(t *testing.T, kernels, gdbs string) {
	t.Helper()
	ours := map[string]string{}
	for part := range strings.SplitSeq(gdbs, "\nThread ") {
		if pid := regexp.MustCompile(`\(Thread (\d+) "([^"]*)"`).FindStringSubmatch(part); pid != nil {
			ours[pid[1]] = part
		}
	}
	compared, frames := 0, 0
	for part := range strings.SplitSeq(kernels, "task ") {
		pid, stack, _ := strings.Cut(part, "\n")
		bt := ours[pid]
		if bt == "" || !strings.Contains(bt, `"waits-`) && !strings.Contains(bt, `"kthreadd"`) {
			continue
		}
		compared++
		rest := bt
		for _, f := range regexp.MustCompile(`\] ([\w.]+)\+0x`).FindAllStringSubmatch(stack, -1) {
			frames++
			_, after, ok := strings.Cut(rest, f[1]) // gdb leaves .isra.0 and its like out
			if name, _, _ := strings.Cut(f[1], "."); !ok {
				_, after, ok = strings.Cut(rest, name)
			}
			if !ok {
				t.Errorf("task %s: no %s, or not in this place\nthe kernel:\n%s\ngdb:\n%s", pid, f[1], stack, bt)
				break
			}
			rest = after
		}
	}
	t.Logf("%d stacks, %d frames", compared, frames)
	if compared < 30 {
		t.Errorf("only %d stacks were compared", compared)
	}
}
