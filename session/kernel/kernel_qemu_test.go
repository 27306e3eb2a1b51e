//go:build qemu

package kernel_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ktrap/session/kernel"
	"ktrap/session/target"
	"ktrap/session/vm"
	"ktrap/symbols/addr"
)

func TestWhatMemorySaysIsWhatTheGuestSays(t *testing.T) {
	eachSeries(t, func(g *live) {
		g.Run("release", g.release)
		g.Run("modules", g.modules)
		g.Run("tasks", g.tasks)
		g.Run("log", g.log)
		g.Run("user mode", g.userMode)
		g.Run("crash", g.crash) // last: it taints
	})
}

func (g *live) release(t *testing.T) {
	release, version := strings.TrimSpace(g.sh("uname -r")), strings.TrimSpace(g.sh("uname -v"))
	text := g.sh("grep ' _text$' /proc/kallsyms")
	g.attached(func(ctx context.Context, tg *target.Target, k *kernel.Kernel) {
		if k.Release != release || k.Version != version || k.How != "IDT" || !k.PhysOK || k.BuildID != g.image.BuildID() {
			t.Errorf("kernel is %+v, uname says %q %q", k, release, version)
		}
		if a, ok := k.Symbol("_text"); !ok || !strings.HasPrefix(text, fmt.Sprintf("%016x ", uint64(a))) {
			t.Errorf("_text is at %v, kallsyms says %q", a, text)
		}
		begin := time.Now()
		tg.Invalidate()
		if _, err := kernel.Attach(ctx, tg, g.image, nil); err != nil {
			t.Error(err)
		}
		t.Logf("attach with symbols at hand: %v", time.Since(begin))
		if online, err := k.Online(ctx); err != nil || len(online) != 2 {
			t.Errorf("online CPUs are %v, %v", online, err)
		}
	})
}

// modules compares with /proc/modules, /sys/module/*/sections and /proc/kallsyms.
func (g *live) modules(t *testing.T) {
	want := map[string]string{}
	for _, l := range lines(g.sh("cat /proc/modules")) { // name size refs users state base
		f := strings.Fields(l)
		want[f[0]] = f[1] + " " + f[4] + " " + f[5]
	}
	sections := map[string]string{}
	for _, l := range lines(g.sh(`cd /sys/module && find */sections -type f -exec grep -H . {} +`)) {
		path, at, _ := strings.Cut(l, ":")
		sections[strings.Replace(path, "/sections/", " ", 1)] = at
	}
	syms := map[string]bool{}
	for _, l := range lines(g.sh(`grep '\[' /proc/kallsyms`)) {
		if f := strings.Fields(l); !strings.HasPrefix(f[3], "[bpf") {
			syms[f[0]+" "+f[2]+" "+f[3]] = true
		}
	}
	g.attached(func(ctx context.Context, _ *target.Target, k *kernel.Kernel) {
		list, err := k.Modules(ctx)
		if err != nil {
			t.Fatal(err)
		}
		got, gotSections, gotSyms := map[string]string{}, map[string]string{}, map[string]bool{}
		for _, m := range list {
			got[m.Name] = fmt.Sprintf("%d %v 0x%016x", m.Size, m.State, uint64(m.Base))
			for name, a := range m.Sections {
				gotSections[m.Name+" "+name] = fmt.Sprintf("0x%016x", uint64(a))
			}
			s, err := k.ModuleSymbols(ctx, &m)
			if err != nil {
				t.Error(err)
			}
			for _, s := range s {
				gotSyms[fmt.Sprintf("%016x %s [%s]", uint64(s.Addr), s.Name, m.Name)] = true
			}
			if o, err := k.ModuleORC(ctx, &m); err != nil || len(o.IP) == 0 || len(m.BuildID) != 40 || len(m.Text) == 0 {
				t.Errorf("module %s: ORC %d bytes, %v, build-id %q, text %v", m.Name, len(o.IP), err, m.BuildID, m.Text)
			}
		}
		if len(want) < 3 || !maps.Equal(got, want) {
			t.Errorf("modules are %v, want %v", got, want)
		}
		if len(sections) < 50 || !maps.Equal(gotSections, sections) {
			t.Errorf("%d sections, want %d", len(gotSections), len(sections))
		}
		if len(syms) < 100 || !maps.Equal(gotSyms, syms) {
			t.Errorf("%d symbols, want %d", len(gotSyms), len(syms))
		}
		t.Logf("%d modules, %d sections, %d symbols compared", len(want), len(sections), len(syms))
	})
}

// tasks compares the kernel threads, which stay, with /proc/*/stat.
func (g *live) tasks(t *testing.T) {
	want := map[int]string{}
	for _, l := range lines(g.sh("cat /proc/[0-9]*/stat")) {
		pid, rest, _ := strings.Cut(l, " (")
		comm, rest, _ := strings.Cut(rest, ") ")
		f := strings.Fields(rest) // state ppid pgrp session tty tpgid flags
		flags, _ := strconv.ParseUint(f[6], 10, 32)
		n, _ := strconv.Atoi(pid)
		if flags&0x200000 != 0 && !strings.HasPrefix(comm, "kworker/") {
			want[n] = comm
		}
	}
	g.attached(func(ctx context.Context, tg *target.Target, k *kernel.Kernel) {
		list, err := k.Tasks(ctx)
		if err != nil {
			t.Fatal(err)
		}
		got := map[int]string{}
		for _, task := range list {
			if task.Kthread && task.PID != 0 && !strings.HasPrefix(task.Comm, "kworker/") {
				got[task.PID] = task.Comm
			}
			g.checkTask(ctx, t, k, task)
		}
		// /proc prints the work a kthread does after its name.
		same := maps.EqualFunc(got, want, func(a, b string) bool { return strings.HasPrefix(b, a) })
		if len(want) < 10 || !same {
			t.Errorf("kernel threads are %v, want %v", got, want)
		}
		t.Logf("%d tasks, of which %d kernel threads were compared", len(list), len(want))
		cpus, err := tg.CPUs(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range cpus {
			cur, err := k.Current(ctx, c)
			if err != nil || !slices.ContainsFunc(list, func(x kernel.Task) bool { return x.Addr == cur.Addr && x.OnCPU && x.CPU == c.Index }) {
				t.Errorf("CPU %d runs %+v, %v, which is not in the list", c.Index, cur, err)
			}
			if s, err := k.CPUStacks(ctx, c); err != nil || len(s) < 6 {
				t.Errorf("stacks of CPU %d are %v, %v", c.Index, s, err)
			}
		}
	})
}

// checkTask checks that a sleeping task sleeps where tasks sleep.
func (g *live) checkTask(ctx context.Context, t *testing.T, k *kernel.Kernel, task kernel.Task) {
	if len(task.Unknown) != 0 {
		t.Errorf("unknown of a task: %v", task.Unknown)
	}
	if task.OnCPU {
		return
	}
	regs, err := k.BlockedRegs(ctx, task)
	if err != nil {
		t.Errorf("task %d %s: %v", task.PID, task.Comm, err)
		return
	}
	at, ok := g.image.SymbolAt(k.Slide.Link(addr.Addr(regs.PC())))
	if !ok || at.Name != "__schedule" && !strings.HasPrefix(at.Name, "ret_from_fork") {
		t.Errorf("task %d %s sleeps in %s at %#x", task.PID, task.Comm, at.Name, regs.PC())
	}
}

// log compares with dmesg -r, which prints as the kernel does.
func (g *live) log(t *testing.T) {
	want := lines(g.sh("dmesg -r"))
	g.attached(func(ctx context.Context, _ *target.Target, k *kernel.Kernel) {
		list, err := k.Log(ctx)
		if err != nil {
			t.Fatal(err)
		}
		got := lines(string(kernel.AppendDmesg(nil, list, &kernel.DmesgOptions{Raw: true})))
		if len(want) < 100 || !slices.Equal(got[:min(len(got), len(want))], want) {
			t.Errorf("%d lines, want %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
		}
		from := list[len(list)-3].Seq
		last, err := k.LogFrom(ctx, &kernel.LogOptions{From: from})
		if err != nil || len(last) != 3 || string(last[0].Text) != string(list[len(list)-3].Text) {
			t.Errorf("from %d: %v, %v", from, last, err)
		}
		t.Logf("%d lines compared", len(want))
	})
}

// userMode stops all CPUs in user code, where no CPU shows kernel memory.
func (g *live) userMode(t *testing.T) {
	pids := g.sh("for i in 1 2 3 4; do setsid sh -c 'echo $$; exec 1>&-; while :; do :; done' </dev/null 2>/dev/null & done; sleep 0.5")
	defer g.sh("kill " + strings.Join(lines(pids), " "))
	for try := range 40 {
		done := false
		g.stopped(func(ctx context.Context, tg *target.Target) {
			cpus, err := tg.CPUs(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range cpus {
				if r, err := tg.Regs(ctx, c); err != nil || !r.UserMode() {
					return
				}
			}
			done = true
			k, err := kernel.Attach(ctx, tg, g.image, nil)
			if err != nil {
				t.Fatalf("with all CPUs in user mode: %v", err)
			}
			if slide, how, err := kernel.LocateWithout(ctx, tg, g.image, "asm_exc_page_fault"); err != nil || slide != k.Slide || how != "page tables" {
				t.Errorf("without the IDT: %v by %s, %v; want %v", slide, how, err, k.Slide)
			}
			for _, c := range cpus {
				g.checkUser(ctx, t, tg, k, c)
			}
			if list, err := k.Tasks(ctx); err != nil || len(list) < 20 {
				t.Errorf("%d tasks, %v", len(list), err)
			}
		})
		if done {
			t.Logf("all CPUs were in user mode at try %d", try+1)
			return
		}
	}
	t.Error("the CPUs were never all in user mode")
}

// checkUser checks current and that three ways to user memory agree.
func (g *live) checkUser(ctx context.Context, t *testing.T, tg *target.Target, k *kernel.Kernel, c target.CPU) {
	task, err := k.Current(ctx, c)
	if err != nil || task.Kthread || task.MM == 0 {
		t.Errorf("CPU %d runs %+v, %v", c.Index, task, err)
		return
	}
	r, err := tg.Regs(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	own, err := k.TaskMemory(ctx, task)
	if err != nil {
		t.Fatal(err)
	}
	var a, b [8]byte
	if err := tg.MemoryOf(ctx, c).ReadMemory(a[:], r.SP()); err != nil {
		t.Errorf("user stack through CPU %d: %v", c.Index, err)
	}
	if err := own.ReadMemory(b[:], r.SP()); err != nil || a != b {
		t.Errorf("user stack through mm->pgd is %x, %v; through the CPU %x", b, err, a)
	}
	if n, err := k.CPUNumber(ctx, c); err != nil || n != c.Index {
		t.Errorf("CPU %d has number %d, %v", c.Index, n, err)
	}
}

func (g *live) crash(t *testing.T) {
	health := func() (h kernel.Health) {
		g.attached(func(ctx context.Context, _ *target.Target, k *kernel.Kernel) {
			var err error
			if h, err = k.Health(ctx); err != nil || len(h.Unknown) != 0 {
				t.Errorf("health is %+v, %v", h, err)
			}
		})
		return h
	}
	if h := health(); h.Crashed() {
		t.Errorf("before: %+v", h)
	}
	if _, err := g.guest.Output(g.Context(), "echo null > /proc/crashme"); err == nil {
		t.Error("the writer survived its crash")
	}
	if h := health(); !h.Crashed() || h.Dies != 1 || h.Panicked || h.Taint&(1<<7) == 0 {
		t.Errorf("after: %+v", h)
	}
}

func TestAnotherKernelsVmlinuxIsRefused(t *testing.T) {
	g := boot(t, "6.1", nil)
	wrong := g.open("6.12")
	g.stopped(func(ctx context.Context, tg *target.Target) {
		_, err := kernel.Attach(ctx, tg, wrong, nil)
		mismatch, ok := errors.AsType[*kernel.MismatchError](err)
		if !ok || mismatch.GuestID != g.image.BuildID() || mismatch.FileID != wrong.BuildID() || mismatch.GuestBanner != g.image.Banner() {
			t.Errorf("got %v", err)
		}
		k, err := kernel.Attach(ctx, tg, wrong, &kernel.Options{Force: true})
		if err != nil || k.Mismatch == nil || !k.Slide.Run(0xffffffff81000000).Kernel() {
			t.Errorf("forced: %+v, %v", k, err)
		}
	})
}

func TestAMachineThatHasNotBootedSaysSo(t *testing.T) {
	g := boot(t, "6.1", func(o *vm.Options) { o.Paused = true })
	g.stopped(func(ctx context.Context, tg *target.Target) {
		if _, err := kernel.Attach(ctx, tg, g.image, nil); !errors.Is(err, kernel.ErrNotBooted) {
			t.Errorf("got %v", err)
		}
	})
}

// TestTheSlowWaysLeadToTheSamePlace hides from the search what it would use first.
func TestTheSlowWaysLeadToTheSamePlace(t *testing.T) {
	g := boot(t, "6.1", nil)
	g.attached(func(ctx context.Context, tg *target.Target, k *kernel.Kernel) {
		slide, how, err := kernel.LocateWithout(ctx, tg, g.image, "asm_exc_page_fault")
		if err != nil || slide != k.Slide || how != "page tables" {
			t.Errorf("without the IDT: %v by %s, %v; want %v", slide, how, err, k.Slide)
		}
		slide, how, err = kernel.LocateWithout(ctx, tg, g.image, "asm_exc_page_fault", "_text")
		if err != nil || slide != k.Slide {
			t.Errorf("without the start of the text: %v by %s, %v; want %v", slide, how, err, k.Slide)
		}
		text, err := tg.Translate(ctx, k.Slide.Run(0xffffffff81000000))
		if err != nil || text != 0x1000000+k.PhysBase+uint64(k.Slide) {
			t.Errorf("_text is at physical %#x, %v; phys_base %#x", text, err, k.PhysBase)
		}
	})
}
