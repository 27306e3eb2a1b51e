package session

import (
	"encoding/binary"
	"slices"

	"ktrap/rsp"
	"ktrap/session/kernel"
	"ktrap/session/machine"
	"ktrap/session/target"
	"ktrap/symbols/addr"
)

// What a gdb that waits is told of a stop, and what it then asks for first, is read
// together with the pc: its user waits for the prompt through every question that is
// asked after the answer to another. It is kept for those who ask, and nothing depends
// on it.

// foreseen is what is read of the running task in a kernel.
type foreseen struct {
	kernel *kernel.Kernel
	*kernel.Foresight
}

// readStop reads where a CPU has stopped. It is for the loop's goroutine.
func (s *Session) readStop(thread rsp.ThreadID) {
	ahead := s.foresight.Load()
	if w := s.world.Load(); ahead != nil && (w == nil || w.Kernel != ahead.kernel) || !s.gdbWaits() || slices.Contains(s.stepped, thread) {
		ahead = nil // of a step it is known who runs
	}
	found := func(raw []byte, err error) {
		pc, err := pcIn(raw, err)
		// Not here: if the request could not be queued this is the loop.
		s.tasks.Go(func() { s.send(machine.PC{PC: pc, Err: err}) })
	}
	s.client.GoRegisters(thread, func(raw []byte, err error) {
		if err != nil {
			found(raw, err)
			return
		}
		regs := s.Target.Learn(thread, raw) // whoever looks at the stop wants them all
		if ahead == nil || regs == nil || !regs.ShowsKernel() {
			found(raw, nil)
			return
		}
		r := readAhead{s: s, thread: thread, done: func() { found(raw, nil) }}
		r.read(ahead, regs)
	})
}

// gdbWaits reports whether some gdb is to hear of the next stop. It is for the
// loop's goroutine.
func (s *Session) gdbWaits() bool {
	for g := range s.gdbs {
		if g.waits {
			return true
		}
	}
	return false
}

// readAhead reads memory that will be asked for. Its replies come on one goroutine,
// one after the other.
type readAhead struct {
	s       *Session
	thread  rsp.ThreadID
	pending int
	done    func()
}

// stackAhead is how much of the stack is read: what gdb reads to find the caller, in
// its lines of 64 bytes, is in most functions within that.
const stackAhead = 256

func (r *readAhead) read(ahead *foreseen, regs *target.Regs) {
	gs, _ := regs.Get("gs_base")
	if !addr.Addr(gs).Kernel() { // at the entry from user mode, before swapgs
		gs, _ = regs.Get("k_gs_base")
	}
	r.pending = 1
	r.ask(ahead.Current(gs), 8, func(b []byte) {
		if len(b) < 8 {
			return
		}
		if task := addr.Addr(binary.LittleEndian.Uint64(b)); task.Kernel() {
			from, n := ahead.Task(task)
			r.ask(from, n, nil)
		}
	})
	if sp := regs.SP() &^ 63; sp.Kernel() {
		r.ask(sp, stackAhead, nil)
	}
	r.answered()
}

// ask reads n bytes and keeps them. then is called before it is known that all is done.
func (r *readAhead) ask(at addr.Addr, n int, then func(b []byte)) {
	r.pending++
	r.s.client.GoMemory(r.thread, uint64(at), n, func(b []byte, err error) {
		if err == nil {
			r.s.Target.LearnMemory(b, at)
			if then != nil {
				then(b)
			}
		}
		r.answered()
	})
}

func (r *readAhead) answered() {
	if r.pending--; r.pending == 0 {
		r.done()
	}
}
