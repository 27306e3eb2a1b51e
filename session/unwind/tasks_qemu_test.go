//go:build qemu

package unwind

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/elffile"
	"ktrap/symbols/types"
)

// taskLayout is what the test has to know about struct task_struct.
type taskLayout struct{ tasks, pid, sp addr.Addr }

func newTaskLayout(t *testing.T, f *elffile.File) (l taskLayout) {
	t.Helper()
	task, err := types.New(f).Layout("task_struct")
	if err != nil {
		t.Fatal(err)
	}
	for name, off := range map[string]*addr.Addr{"tasks": &l.tasks, "pid": &l.pid, "thread.sp": &l.sp} {
		field, ok := task.Field(name)
		if !ok {
			t.Fatalf("task_struct has no %s", name)
		}
		*off = addr.Addr(field.Off)
	}
	return l
}

// savedStacks gives the saved stack pointer of every process, by pid.
func savedStacks(t *testing.T, im *image, g *guest) map[uint64]addr.Addr {
	t.Helper()
	l := newTaskLayout(t, im.file)
	stacks := make(map[uint64]addr.Addr)
	head := im.data(t, "init_task") + l.tasks
	read := func(a addr.Addr) uint64 {
		v, err := word(g, a)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for p := addr.Addr(read(head)); p != head && len(stacks) < 1000; p = addr.Addr(read(p)) {
		task := p - l.tasks
		stacks[read(task+l.pid)&0xffffffff] = addr.Addr(read(task + l.sp))
	}
	return stacks
}

func (im *image) data(t *testing.T, name string) addr.Addr {
	t.Helper()
	all, err := im.file.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if s.Name == name {
			return addr.Addr(s.Value)
		}
	}
	t.Fatalf("no symbol %s", name)
	return 0
}

// taskHead is the line before the trace of a task: its pid, not its ppid.
var taskHead = regexp.MustCompile(`task:.* pid:(\d+) `)

func TestWalkOfEverySleepingTaskIsTheKernelsOwnTrace(t *testing.T) {
	bzImage, vmlinux := kernelFiles(t)
	im := openImage(t, vmlinux)
	g := boot(t, bzImage)
	g.runTo(im.symbol(t, "prepare_namespace"))
	ret, err := word(g, addr.Addr(new(g.regs()).SP()))
	if err != nil {
		t.Fatal(err)
	}
	fork := im.symbol(t, "ret_from_fork")
	if i := slices.IndexFunc(im.syms, func(s symbol) bool { return s.name == "ret_from_fork_asm" }); i >= 0 {
		fork = im.syms[i].low
	}
	walks := make(map[string][]Frame)
	for pid, sp := range savedStacks(t, im, g) {
		if pid == 1 {
			continue // running
		}
		start, err := Inactive(g, sp, fork)
		if err != nil {
			t.Fatal(err)
		}
		for f, err := range im.unwinder().FramesFrom(start, g) {
			if err != nil {
				t.Errorf("pid %d: %v", pid, err)
				break
			}
			walks[fmt.Sprint(pid)] = append(walks[fmt.Sprint(pid)], f)
		}
	}

	// show_state_filter(0), as SysRq-T does, in place of prepare_namespace.
	g.set(5, 0)
	g.set(16, uint64(im.symbol(t, "show_state_filter")))
	g.runTo(addr.Addr(ret))
	compared := 0
	for section := range strings.SplitSeq(g.output(), "task:") {
		m := taskHead.FindStringSubmatch("task:" + section)
		if m == nil || walks[m[1]] == nil {
			continue
		}
		t.Run("pid "+m[1], func(t *testing.T) {
			compareTrace(t, im.syms, walks[m[1]], printed(section)[0])
		})
		delete(walks, m[1])
		compared++
	}
	t.Logf("%d tasks compared", compared)
	if compared < 20 || len(walks) > 0 {
		t.Errorf("%d tasks compared, no trace printed for pids %v", compared, slices.Collect(maps.Keys(walks)))
	}
}
