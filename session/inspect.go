package session

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"ktrap/session/machine"
	"ktrap/session/target"
	"ktrap/session/trap"
	"ktrap/session/unwind"
	"ktrap/symbols/addr"
)

// inspect is the trap worker: it looks at one hit while every client waits, and
// says whether they are to hear of it.
func (s *Session) inspect(ctx context.Context, hit machine.Hit) (v machine.Verdict) {
	defer func() {
		if r := recover(); r != nil {
			err := s.bugError("an inspection", r)
			s.emit(Event{Kind: Note, Text: err.Error(), Err: err})
			v = machine.Verdict{Show: true}
		}
	}()
	stopped := &Stopped{Session: s, World: s.world.Load()}
	switch {
	case hit.PC == resetIP || hit.PC == resetPC:
		stopped.guestReset(ctx)
		return machine.Verdict{}
	case slices.Contains(stopped.early, hit.PC):
		stopped.kernelStarts(ctx)
	case hit.Stray:
		return s.removeStray(ctx, hit)
	}
	cpu, err := s.Target.CPUOf(ctx, hit.Thread)
	if err != nil {
		s.log.Error("inspect a trap", "err", err)
		return machine.Verdict{Show: true}
	}
	var verdict machine.Verdict
	if stopped.armed[hit.PC] != nil || stopped.engine.Watching(hit.PC) {
		verdict = stopped.trapHit(ctx, cpu, hit.PC)
	}
	s.moduleWatch.asks = false
	verdict = stopped.runHooks(ctx, cpu, hit.PC, verdict)
	verdict.Consult = s.moduleWatch.asks
	return verdict
}

// removeStray takes out a breakpoint that a killed debugger left in QEMU. If
// there is none, the stop is told of too late and nobody's, or somebody else's and shown.
func (s *Session) removeStray(ctx context.Context, hit machine.Hit) machine.Verdict {
	p := code(hit.PC)
	if err := s.client.Remove(ctx, 0, uint64(p.Addr), p.Size); err != nil {
		return machine.Verdict{Show: !hit.Late}
	}
	s.emit(Event{Kind: Note, Text: fmt.Sprintf("removed a breakpoint at %v that an earlier debugger left behind", hit.PC)})
	return machine.Verdict{}
}

// trapHit asks the engine what a hit means and does it.
func (v *Stopped) trapHit(ctx context.Context, cpu target.CPU, pc addr.Addr) machine.Verdict {
	if v.World == nil {
		return machine.Verdict{Show: true}
	}
	h, err := v.hit(ctx, cpu, pc)
	if err != nil {
		v.log.Error("inspect a trap", "pc", pc.String(), "err", err)
		return machine.Verdict{Show: true}
	}
	do := v.engine.Hit(h)
	if do.Reset {
		v.emit(Event{Kind: Note, Text: "the guest restarts"})
	}
	if do.Capture != nil {
		do.Capture.Context = v.capture(ctx, cpu, do.Capture, h)
	}
	if err := v.move(ctx, do.Watch, do.Unwatch); err != nil {
		v.log.Error("follow a report to its end", "err", err)
	}
	if do.Followup {
		v.emit(Event{Kind: Note, Text: "the guest goes on into panic() after the crash that was reported"})
	}
	v.noteOpen()
	if do.Complete == nil {
		return machine.Verdict{}
	}
	return v.complete(ctx, cpu, do)
}

// hit reads what the engine wants to know of a CPU at a trap.
func (v *Stopped) hit(ctx context.Context, cpu target.CPU, pc addr.Addr) (*trap.Hit, error) {
	regs, err := v.Target.Regs(ctx, cpu)
	if err != nil {
		return nil, err
	}
	h := &trap.Hit{CPU: cpu.Index, Point: v.armed[pc], PC: pc, Regs: regs.CFI()}
	if v.engine.Watching(pc) && v.armed[pc] == nil {
		return h, nil
	}
	var word [8]byte
	if err := v.Target.Memory(ctx).ReadMemory(word[:], regs.SP()); err == nil {
		h.Return = addr.Addr(le64(word[:]))
		caller := unwind.Frame{PC: h.Return}
		if f, ok := v.World.Symbols.Func(caller.LookupPC()); ok {
			h.Caller = f.Name
		}
	}
	if task, err := v.World.Kernel.Current(ctx, cpu); err == nil {
		h.Current, h.Comm = task.Addr, task.Comm
	}
	return h, nil
}

// move sets and removes the breakpoint at a report's return address.
func (v *Stopped) move(ctx context.Context, set, clear addr.Addr) error {
	var errs error
	if clear != 0 {
		errs = v.Remove(ctx, code(clear), machine.Traps)
	}
	if set != 0 {
		errs = errors.Join(errs, v.Insert(ctx, code(set), machine.Traps))
	}
	return errs
}

// complete makes the report of a crash whose text is complete and decides by
// policy whether the guest goes on.
func (v *Stopped) complete(ctx context.Context, cpu target.CPU, do trap.Do) machine.Verdict {
	crash := v.collect(ctx, cpu, do)
	if crash == nil {
		return machine.Verdict{} // called, but nothing was printed
	}
	action := v.opts.Policy.Decide(crash.Report.Class)
	if action == trap.Off {
		return machine.Verdict{}
	}
	v.save(crash)
	show := action == trap.Stop
	v.emit(Event{Kind: TrapHit, Crash: crash, Shown: show, Path: crash.Path})
	if !show {
		return machine.Verdict{}
	}
	return machine.Verdict{Show: true, Report: crash}
}
