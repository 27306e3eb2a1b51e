package session

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"sync/atomic"

	"ktrap/rsp"
	"ktrap/session/kernel"
	"ktrap/session/machine"
	"ktrap/session/target"
	"ktrap/symbols/addr"
)

// What a gdb that waits is told of a stop, and what it then asks for first, is read
// together with the pc: its user waits for the prompt through every question that is
// asked after the answer to another. It is kept for those who ask, and nothing depends
// on it but how soon a gdb is told.

// foreseen is what is read of the running task in a kernel. What is known of the CPUs is
// the loop's, but for readAhead while a stop is located.
type foreseen struct {
	kernel *kernel.Kernel
	*kernel.Foresight
	gs  map[rsp.ThreadID]uint64      // by CPU, as of its last stop
	ran map[rsp.ThreadID][]addr.Addr // by CPU, the last few tasks that have stopped there, the latest first
}

// mostRunners is how many tasks are read that may run again on a CPU. It is two because a
// new process gets the memory of one that has ended: a shell that starts one command after the
// other has them in two places by turns.
const mostRunners = 2

// runs notes which task has stopped on a CPU. What was noted before is not changed.
func (f *foreseen) runs(cpu rsp.ThreadID, task addr.Addr) {
	others := slices.DeleteFunc(slices.Clone(f.ran[cpu]), func(t addr.Addr) bool { return t == task })
	f.ran[cpu] = append([]addr.Addr{task}, others[:min(len(others), mostRunners-1)]...)
}

// readStop reads where a CPU has stopped. It is for a turn of the loop.
func (s *Session) readStop(thread rsp.ThreadID) {
	seen, w := s.foresight.Load(), s.world.Load()
	if seen == nil || w == nil || w.Kernel != seen.kernel || !s.taskWanted() || slices.Contains(s.stepped, thread) { // of a step it is known who runs
		before := s.before[thread]
		s.readRegisters(thread, func(raw []byte) bool { return before != nil && bytes.Equal(raw, before) })
		return
	}
	r := readAhead{s: s, thread: thread, seen: seen, epoch: s.Target.Epoch(), found: s.foundPC}
	r.begin()
}

// checkStep reads where a CPU is that stood at a breakpoint. If it is not known how it
// stood there, the pc tells. It is for a turn of the loop.
func (s *Session) checkStep(thread rsp.ThreadID) {
	before := s.offFrom
	s.readRegisters(thread, func(raw []byte) bool { return before == nil || bytes.Equal(raw, before) })
}

// readRegisters reads the registers of a CPU after a step.
func (s *Session) readRegisters(thread rsp.ThreadID, unmoved func(raw []byte) bool) {
	s.client.GoRegisters(thread, func(raw []byte, err error) {
		if err == nil {
			s.Target.Learn(thread, raw) // whoever looks at the stop wants them all
		}
		s.tellPC(raw, err, unmoved(raw))
	})
}

// noteBefore keeps what is known of the registers of the CPUs that a resume is to step,
// at the first thing that is done of it. It is for a turn of the loop.
func (s *Session) noteBefore() {
	if !s.begins {
		return
	}
	s.begins, s.before = false, make(map[rsp.ThreadID][]byte)
	for _, t := range s.machine.Stepped() {
		s.before[t] = s.Target.Learnt(t)
	}
}

// foundPC tells the loop the pc that is among a CPU's registers.
func (s *Session) foundPC(raw []byte, err error) { s.tellPC(raw, err, false) }

func (s *Session) tellPC(raw []byte, err error, unmoved bool) {
	if errors.Is(err, rsp.ErrClosed) {
		return // the loop hears of that, and it is no stop
	}
	pc, err := pcIn(raw, err)
	s.send(machine.PC{PC: pc, Err: err, Unmoved: unmoved})
}

// taskWanted reports whether some gdb is to hear of the next stop under its task. It is for a
// turn of the loop.
func (s *Session) taskWanted() bool {
	for g := range s.gdbs {
		if g.waits && !g.byCPU {
			return true
		}
	}
	return false
}

// readAhead reads registers, and memory that will be asked for. Its replies come one after
// the other, but the first may come while begin still asks.
type readAhead struct {
	s       *Session
	thread  rsp.ThreadID
	seen    *foreseen
	epoch   uint64 // of the stop
	pending atomic.Int32
	guessed []addr.Addr // the tasks that are read before it is known which one runs
	raw     []byte      // the registers
	err     error
	found   func(raw []byte, err error)
}

// stackAhead is how much of the stack is read: what gdb reads to find the caller, in
// its lines of 64 bytes, is in most functions within that.
const stackAhead = 256

func (r *readAhead) begin() {
	gs, known := r.seen.gs[r.thread]
	if known && r.s.client.Pipelines() { // on a serial line each would be waited for
		r.guessed = r.seen.ran[r.thread]
	}
	guessed := r.guessed
	r.pending.Store(2)
	r.s.client.GoRegisters(r.thread, func(raw []byte, err error) {
		if r.raw, r.err = raw, err; err == nil {
			if regs := r.s.Target.Learn(r.thread, raw); regs != nil && regs.ShowsKernel() {
				r.registers(regs, gs)
			}
		}
		r.answered()
	})
	if known { // it is the same all the time, as a rule
		r.runner(gs)
		for _, task := range guessed {
			r.task(task)
		}
	}
	r.answered()
}

// registers goes on with what the registers say; asked is the GS that was taken for
// granted.
func (r *readAhead) registers(regs *target.Regs, asked uint64) {
	gs, _ := regs.Get("gs_base")
	if !addr.Addr(gs).Kernel() { // at the entry from user mode, before swapgs
		gs, _ = regs.Get("k_gs_base")
	}
	if gs != asked {
		r.seen.gs[r.thread] = gs
		r.runner(gs)
	}
	if sp := regs.SP() &^ 63; sp.Kernel() {
		r.read(sp, stackAhead, func([]byte) {}) // nobody is told of the stop later for that
	}
}

// runner reads who runs on a CPU.
func (r *readAhead) runner(gs uint64) {
	r.ask(r.seen.Current(gs), 8, func(b []byte) {
		task := addr.Addr(binary.LittleEndian.Uint64(b))
		if !task.Kernel() {
			return
		}
		if !slices.Contains(r.guessed, task) {
			r.task(task)
		}
		r.seen.runs(r.thread, task)
	})
}

// task reads of a task what is told of it.
func (r *readAhead) task(task addr.Addr) {
	from, n := r.seen.Task(task)
	r.ask(from, n, func([]byte) {})
}

// ask reads n bytes before it is told that all is done.
func (r *readAhead) ask(at addr.Addr, n int, then func(b []byte)) {
	r.pending.Add(1)
	r.read(at, n, func(b []byte) {
		if b != nil {
			then(b)
		}
		r.answered()
	})
}

// read reads n bytes and keeps them; then is given nil if there are fewer.
func (r *readAhead) read(at addr.Addr, n int, then func(b []byte)) {
	r.s.client.GoMemory(r.thread, uint64(at), n, func(b []byte, err error) {
		if err == nil {
			r.s.Target.LearnMemory(r.epoch, b, at)
		}
		if err != nil || len(b) < n {
			b = nil
		}
		then(b)
	})
}

func (r *readAhead) answered() {
	if r.pending.Add(-1) == 0 {
		r.found(r.raw, r.err)
	}
}
