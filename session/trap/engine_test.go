package trap

import (
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
	"ktrap/symbols/oops"
)

func point(t *testing.T, name string) *Point {
	t.Helper()
	for _, p := range Points() {
		if p.Name == name {
			return &p
		}
	}
	t.Fatalf("no point %q", name)
	return nil
}

// at makes a hit at the entry of a point's function.
func at(t *testing.T, cpu int, name string, args map[cfi.Reg]uint64) *Hit {
	h := &Hit{CPU: cpu, Point: point(t, name), Return: 0xffffffff81001000}
	h.Regs.Set(cfi.RSP, 0xffffc90000001000)
	for r, v := range args {
		h.Regs.Set(r, v)
	}
	return h
}

const ptRegs = 0xffffc90000002000

func TestAnOopsIsCapturedAtItsBeginAndCompleteAtOopsEnd(t *testing.T) {
	var e Engine
	do := e.Hit(at(t, 0, "page_fault_oops", map[cfi.Reg]uint64{cfi.RDI: ptRegs, cfi.RDX: 0x10}))
	if do.Capture == nil || do.Complete != nil {
		t.Fatalf("do = %+v", do)
	}
	if do.Capture.PtRegs != ptRegs || do.Capture.Fault != 0x10 {
		t.Fatalf("captured %+v", do.Capture)
	}
	if inner := e.Hit(at(t, 0, "die", map[cfi.Reg]uint64{cfi.RSI: ptRegs})); inner != (Do{}) {
		t.Fatalf("the inner die point of the same oops: %+v", inner)
	}
	done := e.Hit(at(t, 0, "oops_end", map[cfi.Reg]uint64{cfi.RSI: ptRegs, cfi.RDX: 11}))
	if done.Complete == nil || done.Complete != do.Capture {
		t.Fatalf("done = %+v", done)
	}
	if done.Complete.Nested != 1 {
		t.Errorf("nested = %d, want 1", done.Complete.Nested)
	}
}

func TestAnOopsThatANotifierSwallowedIsNoReport(t *testing.T) {
	var e Engine
	e.Hit(at(t, 0, "die", map[cfi.Reg]uint64{cfi.RSI: ptRegs}))
	if do := e.Hit(at(t, 0, "oops_end", map[cfi.Reg]uint64{cfi.RSI: ptRegs, cfi.RDX: 0})); do != (Do{}) {
		t.Fatalf("do = %+v", do)
	}
}

func TestAnOopsEndThatWasNotSeenToBeginStandsAlone(t *testing.T) {
	var e Engine
	do := e.Hit(at(t, 0, "oops_end", map[cfi.Reg]uint64{cfi.RSI: ptRegs, cfi.RDX: 11}))
	if do.Capture == nil || do.Complete != do.Capture || do.Confirm {
		t.Fatalf("do = %+v", do)
	}
}

func TestTwoCPUsHaveTheirOwnReports(t *testing.T) {
	var e Engine
	a := e.Hit(at(t, 0, "die", map[cfi.Reg]uint64{cfi.RSI: ptRegs})).Capture
	b := e.Hit(at(t, 1, "die", map[cfi.Reg]uint64{cfi.RSI: ptRegs + 0x4000})).Capture
	end := map[cfi.Reg]uint64{cfi.RDX: 11}
	if e.Hit(at(t, 1, "oops_end", end)).Complete != b || e.Hit(at(t, 0, "oops_end", end)).Complete != a {
		t.Fatal("the reports of two CPUs were mixed up")
	}
}

func TestAWarningIsCompleteWhenWarnReturnsOnTheSameStack(t *testing.T) {
	var e Engine
	do := e.Hit(at(t, 0, "__warn", map[cfi.Reg]uint64{cfi.R8: ptRegs}))
	if do.Watch != 0xffffffff81001000 || do.Capture.PtRegs != ptRegs {
		t.Fatalf("do = %+v", do)
	}
	back := &Hit{CPU: 0, PC: do.Watch}
	back.Regs.Set(cfi.RSP, 0xffffc90000009008)
	if got := e.Hit(back); got != (Do{}) {
		t.Fatalf("another stack passing the return address: %+v", got)
	}
	back.Regs.Set(cfi.RSP, 0xffffc90000001008)
	if got := e.Hit(back); got.Complete != do.Capture || got.Unwatch != do.Watch {
		t.Fatalf("the return = %+v", got)
	}
}

func TestACatchAllInsideAnOpenReportIsNotASecondOne(t *testing.T) {
	var e Engine
	e.Hit(at(t, 0, "__warn", map[cfi.Reg]uint64{cfi.R8: ptRegs}))
	if do := e.Hit(at(t, 0, "add_taint", map[cfi.Reg]uint64{cfi.RDI: taintWarn})); do != (Do{}) {
		t.Fatalf("do = %+v", do)
	}
}

func TestAReportOfKASANIsCapturedAtItsBeginAndEndsAtACatchAll(t *testing.T) {
	for _, end := range []struct {
		name string
		args map[cfi.Reg]uint64
	}{{"add_taint", map[cfi.Reg]uint64{cfi.RDI: taintBadPage}}, {"check_panic_on_warn", nil}} {
		var e Engine
		do := e.Hit(at(t, 0, "complete_report_info", nil))
		if do.Capture == nil || do.Watch != 0 {
			t.Fatalf("do = %+v", do)
		}
		if inner := e.Hit(at(t, 0, "print_report", nil)); inner != (Do{}) {
			t.Fatalf("the second point of the same report: %+v", inner)
		}
		if other := e.Hit(at(t, 1, end.name, end.args)); other.Complete == do.Capture {
			t.Fatalf("another CPU's %s ended the report", end.name)
		}
		if got := e.Hit(at(t, 0, end.name, end.args)); got.Complete != do.Capture || got.Confirm {
			t.Fatalf("at %s: %+v", end.name, got)
		}
	}
}

const taskA, taskB = 0xffff888001000000, 0xffff888002000000

// by is a hit by a task.
func by(task addr.Addr, h *Hit) *Hit {
	h.Current = task
	return h
}

func TestAReportGoesWithItsTaskToAnotherCPU(t *testing.T) {
	var e Engine
	begun := e.Hit(by(taskA, at(t, 0, "complete_report_info", nil))).Capture
	if other := e.Hit(by(taskB, at(t, 1, "check_panic_on_warn", nil))); other.Complete == begun {
		t.Fatal("another task ended the report")
	}
	if got := e.Hit(by(taskA, at(t, 1, "check_panic_on_warn", nil))); got.Complete != begun || got.Confirm || begun.CPU != 1 {
		t.Fatalf("on another CPU: %+v", got)
	}
	if left := e.Oldest(); left != nil {
		t.Errorf("still open: %+v", left)
	}
	p := by(taskA, at(t, 0, "panic", nil))
	p.Caller = "check_panic_on_warn"
	if do := e.Hit(p); !do.Followup {
		t.Errorf("the panic that it leads to, on the first CPU again: %+v", do)
	}
}

func TestAReportThatReturnsOnAnotherCPUIsKnownByItsStack(t *testing.T) {
	var e Engine
	fault := e.Hit(at(t, 0, "page_fault_oops", map[cfi.Reg]uint64{cfi.RDI: ptRegs}))
	for sp, want := range map[uint64]Do{0xffffc90000003008: {}, 0xffffc90000001008: {Unwatch: fault.Watch}} {
		back := &Hit{CPU: 1, PC: fault.Watch}
		back.Regs.Set(cfi.RSP, sp)
		if do := e.Hit(back); do != want {
			t.Errorf("sp %#x: %+v, want %+v", sp, do, want)
		}
	}
}

func TestAReportThatWasGivenUpMayEndOnAnotherCPU(t *testing.T) {
	var e Engine
	e.Hit(by(taskA, at(t, 0, "die", map[cfi.Reg]uint64{cfi.RSI: ptRegs})))
	e.GiveUp(0)
	if do := e.Hit(by(taskA, at(t, 1, "oops_end", map[cfi.Reg]uint64{cfi.RDX: 11}))); do != (Do{}) {
		t.Errorf("its end: %+v", do)
	}
	if do := e.Hit(by(taskB, at(t, 1, "oops_end", map[cfi.Reg]uint64{cfi.RDX: 11}))); do.Complete == nil {
		t.Error("the next one is news")
	}
}

func TestACatchAllAloneNeedsTextToBeAReport(t *testing.T) {
	var e Engine
	do := e.Hit(at(t, 0, "add_taint", map[cfi.Reg]uint64{cfi.RDI: taintSoftLockup}))
	if do.Complete == nil || !do.Confirm {
		t.Fatalf("do = %+v", do)
	}
	if do := e.Hit(at(t, 0, "add_taint", map[cfi.Reg]uint64{cfi.RDI: 12})); do != (Do{}) {
		t.Fatalf("an out-of-tree module is no crash: %+v", do)
	}
}

func TestPanicOnWarnCompletesTheWarning(t *testing.T) {
	var e Engine
	w := e.Hit(at(t, 0, "__warn", map[cfi.Reg]uint64{cfi.R8: ptRegs})).Capture
	do := e.Hit(at(t, 0, "panic", nil))
	if do.Complete != w || !do.Panicked {
		t.Fatalf("do = %+v", do)
	}
}

func TestThePanicThatEndsAnOopsIsNotAnotherCrash(t *testing.T) {
	var e Engine
	e.Hit(at(t, 0, "die", map[cfi.Reg]uint64{cfi.RSI: ptRegs}))
	e.Hit(at(t, 0, "oops_end", map[cfi.Reg]uint64{cfi.RDX: 11}))
	p := at(t, 0, "panic", nil)
	p.Caller = "oops_end.cold" // where compilers put the unlikely call
	if do := e.Hit(p); !do.Followup || do.Capture != nil {
		t.Fatalf("do = %+v", do)
	}
}

func TestAPanicOfItsOwnIsCompleteAtCrashKexecWithoutRegisters(t *testing.T) {
	var e Engine
	p := e.Hit(at(t, 0, "panic", nil)).Capture
	if do := e.Hit(at(t, 0, "__crash_kexec", map[cfi.Reg]uint64{cfi.RDI: ptRegs})); do != (Do{}) {
		t.Fatalf("crash_kexec of an oops: %+v", do)
	}
	if do := e.Hit(at(t, 0, "__crash_kexec", map[cfi.Reg]uint64{cfi.RDI: 0})); do.Complete != p {
		t.Fatalf("do = %+v", do)
	}
	if do := e.Hit(at(t, 0, "console_flush_on_panic", nil)); do != (Do{}) {
		t.Fatalf("later text points: %+v", do)
	}
}

func TestAFaultInsideAReportHandsOutWhatThereIs(t *testing.T) {
	var e Engine
	w := e.Hit(at(t, 0, "__warn", map[cfi.Reg]uint64{cfi.R8: ptRegs})).Capture
	do := e.Hit(at(t, 0, "page_fault_oops", map[cfi.Reg]uint64{cfi.RDI: ptRegs - 0x500}))
	if do.Complete != w || do.Capture == nil || do.Capture.Class != oops.Die {
		t.Fatalf("do = %+v", do)
	}
}

// Source: linux arch/x86/mm/fault.c, page_fault_oops, which asks KFENCE first.
func TestAFaultThatKFENCEProvokedIsKFENCEsReport(t *testing.T) {
	var e Engine
	const faultReturn, kfenceReturn = 0xffffffff81001000, 0xffffffff81002000
	fault := e.Hit(at(t, 0, "page_fault_oops", map[cfi.Reg]uint64{cfi.RDI: ptRegs, cfi.RDX: 0xffff888000001000}))
	if fault.Capture == nil || fault.Watch != faultReturn {
		t.Fatalf("fault %+v", fault)
	}
	report := at(t, 0, "kfence_report_error", map[cfi.Reg]uint64{cfi.RDX: ptRegs, cfi.RDI: 0xffff888000001000})
	report.Return = kfenceReturn
	report.Regs.Set(cfi.RSP, 0xffffc90000000800)
	begun := e.Hit(report)
	if begun.Capture == nil || begun.Capture.Class != oops.KFENCE || begun.Capture.PtRegs != ptRegs {
		t.Fatalf("report %+v", begun)
	}
	if begun.Complete != nil || begun.Watch != kfenceReturn || begun.Unwatch != faultReturn {
		t.Fatalf("report %+v", begun)
	}
	back := &Hit{CPU: 0, PC: kfenceReturn}
	back.Regs.Set(cfi.RSP, 0xffffc90000000808)
	if done := e.Hit(back); done.Complete != begun.Capture || done.Unwatch != kfenceReturn {
		t.Fatalf("done %+v", done)
	}
	if e.OpenOn(0) != nil {
		t.Fatal("something is still under way")
	}
}

func TestAFaultThatWasHandledAfterAllIsNoReport(t *testing.T) {
	var e Engine
	fault := e.Hit(at(t, 0, "page_fault_oops", map[cfi.Reg]uint64{cfi.RDI: ptRegs}))
	back := &Hit{CPU: 0, PC: fault.Watch}
	back.Regs.Set(cfi.RSP, 0xffffc90000001008)
	if do := e.Hit(back); do != (Do{Unwatch: fault.Watch}) {
		t.Fatalf("do %+v", do)
	}
	if e.OpenOn(0) != nil {
		t.Fatal("it is still under way, so the next report would be taken for a part of it")
	}
}

func TestAnOopsThatHangsIsReportedWithoutText(t *testing.T) {
	var e Engine
	fault := e.Hit(at(t, 0, "page_fault_oops", map[cfi.Reg]uint64{cfi.RDI: ptRegs}))
	if do := e.GiveUp(0); do.Complete != fault.Capture || do.Confirm || do.Unwatch != fault.Watch {
		t.Fatalf("do %+v", do)
	}
}

func TestResolvePrefersTheRealNameAndNeverTakesAColdFragment(t *testing.T) {
	p := &Point{Name: "no_context"}
	syms := map[string][]uint64{"no_context.constprop.0": {2}, "no_context.cold": {3}}
	if got := p.Resolve(func(n string) []uint64 { return syms[n] }); len(got) != 1 || got[0] != 2 {
		t.Fatalf("got %v", got)
	}
	syms["no_context"] = []uint64{1}
	if got := p.Resolve(func(n string) []uint64 { return syms[n] }); got[0] != 1 {
		t.Fatalf("got %v", got)
	}
}

func TestAPointThatAnotherMakesSuperfluousIsNotArmed(t *testing.T) {
	syms := map[string][]uint64{"print_circular_bug": {1}}
	p := point(t, "print_circular_bug")
	if got := p.Resolve(func(n string) []uint64 { return syms[n] }); len(got) != 1 {
		t.Fatalf("before 6.12: %v", got)
	}
	syms[emergencyExit] = []uint64{2}
	if got := p.Resolve(func(n string) []uint64 { return syms[n] }); got != nil {
		t.Fatalf("since 6.12: %v", got)
	}
}

func TestUBSANIsTrappedOnceWhereItsEndCanBe(t *testing.T) {
	both := map[string][]uint64{"__ubsan_handle_out_of_bounds": {1}, panicOnWarn: {2}}
	if got := point(t, "__ubsan_handle_out_of_bounds").Resolve(func(n string) []uint64 { return both[n] }); got != nil {
		t.Errorf("the handler: %v", got)
	}
	if got := point(t, panicOnWarn).Resolve(func(n string) []uint64 { return both[n] }); len(got) != 1 {
		t.Errorf("the end: %v", got)
	}
}

func TestPolicies(t *testing.T) {
	p, err := ParsePolicy("all=log,oops=stop:2", "kasan=off")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []Action{Log, Stop, Stop} {
		if got := p.Decide(oops.Die); got != want {
			t.Errorf("oops hit %d = %v, want %v", i+1, got, want)
		}
	}
	if got := p.Decide(oops.KASAN); got != Off {
		t.Errorf("kasan = %v", got)
	}
	if got := p.Decide(oops.WARN); got != Log {
		t.Errorf("warn = %v", got)
	}
	var none *Policy
	if got := none.Decide(oops.WARN); got != Stop {
		t.Errorf("no policy = %v, want stop", got)
	}
}

func TestABadPolicySaysWhatIsWrong(t *testing.T) {
	for word, want := range map[string]string{
		"warn":        `parse policy "warn": want CLASS=stop|log|off[:N]`,
		"warn=halt":   `parse policy "warn=halt": unknown action "halt" (stop, log or off)`,
		"warn=stop:0": `parse policy "warn=stop:0": "0" is no count of hits (1, 2, ...)`,
	} {
		if _, err := ParsePolicy(word); err == nil || err.Error() != want {
			t.Errorf("%q: %v", word, err)
		}
	}
}

func TestAReportGivenUpIsNotReportedAgainWhenItEndsAfterAll(t *testing.T) {
	var e Engine
	if e.Oldest() != nil {
		t.Fatal("nothing is under way")
	}
	first := e.Hit(at(t, 1, "die", map[cfi.Reg]uint64{cfi.RSI: ptRegs})).Capture
	second := e.Hit(at(t, 0, "__warn", map[cfi.Reg]uint64{cfi.R8: ptRegs})).Capture
	if e.Oldest() != first {
		t.Fatalf("oldest %+v", e.Oldest())
	}
	if do := e.GiveUp(1); do.Complete != first || do.Confirm {
		t.Fatalf("do = %+v", do)
	}
	if do := e.GiveUp(0); do.Complete != second || do.Unwatch != second.BackAt || !do.Confirm {
		t.Fatalf("do = %+v", do)
	}
	end := map[cfi.Reg]uint64{cfi.RSI: ptRegs, cfi.RDX: 11}
	if do := e.Hit(at(t, 1, "oops_end", end)); do != (Do{}) {
		t.Fatalf("its late end: %+v", do)
	}
	again := e.Hit(at(t, 1, "die", map[cfi.Reg]uint64{cfi.RSI: ptRegs})).Capture
	if do := e.Hit(at(t, 1, "oops_end", end)); do.Complete != again {
		t.Fatalf("the next oops: %+v", do)
	}
}

// Source: linux kernel/hung_task.c, check_hung_task calls sched_show_task(t).
func TestAReportOfKhungtaskdIsAboutTheTaskThatHangs(t *testing.T) {
	var e Engine
	const task = 0xffff888004000000
	h := at(t, 0, "sched_show_task", map[cfi.Reg]uint64{cfi.RDI: task})
	if do := e.Hit(h); do != (Do{}) {
		t.Errorf("another task shows tasks: %+v", do)
	}
	h.Comm = "khungtaskd"
	if do := e.Hit(h); do.Capture == nil || do.Capture.Task != task {
		t.Errorf("captured %+v", do.Capture)
	}
}
