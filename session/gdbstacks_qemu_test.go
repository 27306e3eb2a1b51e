//go:build qemu

package session_test

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ktrap/session"
	"ktrap/session/guest"
)

// TestGDBShowsTheStacksThatTheKernelShows compares `thread apply all bt` with
// /proc/PID/stack, for all tasks that sleep all the time: gdb shows every frame that the
// kernel shows, in that order, and inlined ones between them. The kernel leaves out the
// scheduler's own.
func TestGDBShowsTheStacksThatTheKernelShows(t *testing.T) {
	for _, series := range []string{"6.1", "6.12"} {
		t.Run(series, func(t *testing.T) {
			m := boot(t, series, nil)
			o := m.options(t)
			o.Listen = "127.0.0.1:0"
			run(t, o, func(ctx context.Context, s *session.Session) {
				g := m.login(ctx, t, s)
				if said := inGuest(ctx, t, g, "many", "60"); said != "many: 60" {
					t.Fatalf("the guest says %q", said)
				}
				before := kernelStacks(ctx, t, g)
				gdb := startGDB(t)
				gdb.want(t, "target remote "+s.ListenAddr(), "Remote debugging using")
				shown := gdbStacks(gdb.want(t, "thread apply all bt -frame-arguments presence", "kthreadd"))
				gdb.want(t, "detach", "detached")
				after := kernelStacks(ctx, t, g)

				tasks, frames := 0, 0
				for _, pid := range slices.Sorted(maps.Keys(before)) {
					want := before[pid].frames
					if len(want) == 0 || before[pid].switches != after[pid].switches {
						continue
					}
					tasks++
					frames += len(want)
					if missing := notIn(want, shown[pid]); missing != "" {
						t.Errorf("task %s: gdb does not show %s, or not in this place\nkernel %q\ngdb    %q", pid, missing, want, shown[pid])
					}
				}
				t.Logf("%d tasks, %d frames", tasks, frames)
				if tasks < 80 || frames < 4*tasks {
					t.Errorf("compared %d frames of %d tasks: nothing was shown", frames, tasks)
				}
			})
		})
	}
}

// asleep is a task as the kernel shows it.
type asleep struct {
	switches string   // how often it has slept or was preempted
	frames   []string // its functions, the youngest first
}

// kernelStacks reads /proc/PID/stack of each thread.
func kernelStacks(ctx context.Context, t *testing.T, g *guest.Guest) map[string]asleep {
	t.Helper()
	out, err := g.Output(ctx, `for p in /proc/[0-9]*/task/[0-9]*; do echo "task ${p##*/}"; grep ctxt_switches $p/status; cat $p/stack; done 2>/dev/null; true`)
	if err != nil {
		t.Fatal(err)
	}
	tasks, pid := map[string]asleep{}, ""
	for line := range strings.Lines(string(out)) {
		task := tasks[pid]
		if id, ok := strings.CutPrefix(line, "task "); ok {
			pid = strings.TrimSpace(id)
			continue
		} else if _, at, ok := strings.Cut(line, "] "); ok {
			task.frames = append(task.frames, functionName(at))
		} else {
			task.switches += line
		}
		tasks[pid] = task
	}
	return tasks
}

// functionName is that of the source: of `do_sys_poll.constprop.0+0x1/0x2`, do_sys_poll.
func functionName(at string) string {
	at, _, _ = strings.Cut(at, "+")
	name, _, _ := strings.Cut(at, ".")
	return name
}

var (
	gdbThread = regexp.MustCompile(`^Thread \d+ \(Thread (\d+) `)
	gdbFrame  = regexp.MustCompile(`^#\d+ +(?:0x[0-9a-f]+ in )?([^ (]+)`)
)

// gdbStacks gives the functions of each thread in what `thread apply all bt` says.
func gdbStacks(said string) map[string][]string {
	stacks, pid := map[string][]string{}, ""
	for line := range strings.Lines(said) {
		if m := gdbThread.FindStringSubmatch(line); m != nil {
			pid = m[1]
		} else if m := gdbFrame.FindStringSubmatch(line); m != nil {
			stacks[pid] = append(stacks[pid], functionName(m[1]))
		}
	}
	return stacks
}

// notIn gives the first frame of want that does not follow the ones before it in got.
// The kernel names the label in the entry code, gdb the function that it is in.
func notIn(want, got []string) string {
	for _, f := range want {
		i := slices.IndexFunc(got, func(g string) bool { return g == f || strings.HasPrefix(g, "entry_") && strings.HasPrefix(f, g) })
		if i < 0 {
			return f
		}
		got = got[i+1:]
	}
	return ""
}
