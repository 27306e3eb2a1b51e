package session

import (
	"context"
	"slices"
	"strings"
	"testing"

	"ktrap/rsp"
	"ktrap/rsp/rsptest"
	"ktrap/session/machine"
)

// translator is the monitor of a QEMU that emulates the guest.
func translator(command string) string {
	if command == "info jit" {
		return "Accelerator settings:\nTranslation buffer state:\n"
	}
	return ""
}

func TestABreakpointLingersUntilTheGuestRuns(t *testing.T) {
	const place = "0,ffffffff81000000,1"
	var stub asker
	m := &rsptest.Machine{CPUs: []rsptest.CPU{{Regs: rsptest.NewRegs()}}, Override: stub.note, Monitor: translator}
	pc := uint64(0)
	m.Run = func(m *rsptest.Machine, _ string) string {
		pc++
		rsptest.PutReg(m.CPUs[0].Regs, "rip", pc)
		return "T05thread:p01.01;"
	}
	withStub(t, m, func(ctx context.Context, s *Session) {
		l := joinListening(ctx, t, s)
		asked := func() (of []string) { // without the look for a stray breakpoint where this guest stands
			for _, body := range stub.take() {
				if strings.ContainsRune("zZv", rune(body[0])) && (body[0] == 'v' || strings.HasSuffix(body, place[1:])) {
					of = append(of, body)
				}
			}
			return of
		}
		insert := func(kind rsp.BreakKind) {
			if err := l.Insert(ctx, kind, uint64(text), 1); err != nil {
				t.Fatal(err)
			}
		}
		remove := func(kind rsp.BreakKind) {
			if err := l.Remove(ctx, kind, uint64(text), 1); err != nil {
				t.Fatal(err)
			}
		}
		run := func(packet string) {
			if err := l.Resume([]byte(packet)); err != nil {
				t.Fatal(err)
			}
			<-l.stops
		}
		expect := func(what string, want ...string) {
			t.Helper()
			if got := asked(); !slices.Equal(got, want) {
				t.Errorf("%s: the stub was asked %q, want %q", what, got, want)
			}
		}
		asked()
		insert(rsp.SoftwareBreak)
		remove(rsp.SoftwareBreak)
		insert(rsp.SoftwareBreak)
		run("vCont;c")
		expect("taken out and set again", "Z"+place, "vCont;c")
		remove(rsp.SoftwareBreak)
		run("vCont;s:1312d00")
		insert(rsp.SoftwareBreak)
		expect("stepped without it", "vCont;s:p1.1")
		remove(rsp.SoftwareBreak)
		run("vCont;s:1312d00;c")
		expect("one steps, others run", "z"+place, "vCont;s:p1.1;c")
		if err := l.Remove(ctx, rsp.SoftwareBreak, uint64(text), 1); err == nil {
			t.Error("what is not there was taken out")
		}
		insert(rsp.SoftwareBreak)
		remove(rsp.SoftwareBreak)
		run("vCont;c")
		expect("deleted", "Z"+place, "z"+place, "vCont;c")
		insert(rsp.WriteWatch)
		remove(rsp.WriteWatch)
		run("vCont;s:1312d00")
		expect("a watchpoint, which would stop a step", "Z2,ffffffff81000000,1", "z2,ffffffff81000000,1", "vCont;s:p1.1")
	})
}

func TestWhatLingersIsTakenOutWhenKtrapLeaves(t *testing.T) {
	m := &rsptest.Machine{CPUs: []rsptest.CPU{{Regs: rsptest.NewRegs()}}, Monitor: translator}
	withStub(t, m, func(ctx context.Context, s *Session) {
		l := joinListening(ctx, t, s)
		if err := l.Insert(ctx, rsp.SoftwareBreak, uint64(text), 1); err != nil {
			t.Fatal(err)
		}
		if err := l.Remove(ctx, rsp.SoftwareBreak, uint64(text), 1); err != nil {
			t.Error(err)
		}
		if len(m.Breaks) != 1 {
			t.Errorf("the stub has %q: nothing lingers", m.Breaks)
		}
		var asked asker
		m.Override = asked.note
		t.Cleanup(func() {
			if !slices.Contains(asked.take(), "z0,ffffffff81000000,1") {
				t.Error("it was never taken out")
			}
		})
	})
}

func TestWhatLingersSurvivesTheArmingOfTrapsAtTheSamePlace(t *testing.T) {
	m := &rsptest.Machine{CPUs: []rsptest.CPU{{Regs: rsptest.NewRegs()}}, Monitor: translator}
	withStub(t, m, func(ctx context.Context, s *Session) {
		l := joinListening(ctx, t, s)
		for _, again := range []bool{false, true} { // of gdb's: it lingers, or is in
			if err := l.Insert(ctx, rsp.SoftwareBreak, uint64(text), 1); err != nil {
				t.Fatal(err)
			}
			if !again {
				if err := l.Remove(ctx, rsp.SoftwareBreak, uint64(text), 1); err != nil {
					t.Fatal(err)
				}
			}
			err := s.Do(ctx, func(ctx context.Context, v *Stopped) error {
				v.removeLeftover(ctx, text)
				return v.Insert(ctx, code(text), machine.Traps)
			})
			if err != nil || len(m.Breaks) != 1 {
				t.Errorf("the stub has %q, %v", m.Breaks, err)
			}
			if err := s.Do(ctx, func(ctx context.Context, v *Stopped) error { return v.Remove(ctx, code(text), machine.Traps) }); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestNothingLingersWhereItWouldBeMet(t *testing.T) {
	for name, run := range map[string]func(ctx context.Context, l listener) error{
		"monitor cont": func(ctx context.Context, l listener) error { // QEMU lets the guest run itself
			_, err := l.Monitor(ctx, "cont")
			return err
		},
		"a step, not emulated": func(_ context.Context, l listener) error {
			err := l.Resume([]byte("vCont;s:1312d00"))
			<-l.stops
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := &rsptest.Machine{CPUs: []rsptest.CPU{{Regs: rsptest.NewRegs()}}}
			left := -1
			m.Monitor = func(command string) string {
				if command == "cont" {
					left = len(m.Breaks)
				}
				if name == "monitor cont" {
					return translator(command)
				}
				return ""
			}
			m.Run = func(m *rsptest.Machine, _ string) string { left = len(m.Breaks); return "T05thread:p01.01;" }
			withStub(t, m, func(ctx context.Context, s *Session) {
				l := joinListening(ctx, t, s)
				if err := l.Insert(ctx, rsp.SoftwareBreak, uint64(text), 1); err != nil {
					t.Fatal(err)
				}
				if err := l.Remove(ctx, rsp.SoftwareBreak, uint64(text), 1); err != nil {
					t.Fatal(err)
				}
				if err := run(ctx, l); err != nil || left != 0 {
					t.Errorf("the guest met %d breakpoints, %v", left, err)
				}
			})
		})
	}
}

func TestWhatLingersGoesWithItsClient(t *testing.T) {
	m := &rsptest.Machine{CPUs: []rsptest.CPU{{Regs: rsptest.NewRegs()}}, Monitor: translator}
	withStub(t, m, func(ctx context.Context, s *Session) {
		events, done := s.Subscribe()
		defer done()
		l := joinListening(ctx, t, s)
		if err := l.Insert(ctx, rsp.SoftwareBreak, uint64(text), 1); err != nil {
			t.Fatal(err)
		}
		if err := l.Remove(ctx, rsp.SoftwareBreak, uint64(text), 1); err != nil {
			t.Fatal(err)
		}
		l.Close()
		for e := range events {
			if strings.HasSuffix(e.Text, " left") {
				break
			}
		}
		for left := 1; left > 0; { // until its reader has ended
			if err := s.Do(ctx, func(context.Context, *Stopped) error { left = len(m.Breaks); return nil }); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestThatABreakpointStaysIsSaid(t *testing.T) {
	m := &rsptest.Machine{Monitor: translator, Override: func(_ *rsptest.Machine, body string) (string, bool) { return "E22", body[0] == 'z' }}
	withStub(t, m, func(ctx context.Context, s *Session) {
		l := joinListening(ctx, t, s)
		events, done := s.Subscribe()
		defer done()
		if err := l.Insert(ctx, rsp.SoftwareBreak, uint64(text), 1); err != nil {
			t.Fatal(err)
		}
		if err := l.Remove(ctx, rsp.SoftwareBreak, uint64(text), 1); err != nil {
			t.Error(err)
		}
		l.resume(t)
		for e := range events {
			if strings.Contains(e.Text, "remove breakpoint z0 at 0xffffffff81000000") {
				return
			}
		}
	})
}
