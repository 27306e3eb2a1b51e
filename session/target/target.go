package target

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"

	"ktrap/rsp"
	"ktrap/session/hostram"
	"ktrap/symbols/addr"
)

// ErrStale says that the machine ran since the value was handed out.
var ErrStale = errors.New("the machine has run since")

// FaultError says that nothing is mapped at an address.
type FaultError struct{ Addr addr.Addr }

// Error names the address.
func (e *FaultError) Error() string {
	return fmt.Sprintf("no memory at %#x", uint64(e.Addr))
}

// Memory is guest memory by virtual address: all of p is read, or an error.
// Errors: *[FaultError] when unmapped, [ErrStale] when the machine has run.
type Memory interface {
	ReadMemory(p []byte, a addr.Addr) error
}

// CPU is one virtual CPU, a thread of the stub.
// Linux numbers CPUs in the same order unless the machine was started with an
// unusual -smp; session/kernel checks that.
type CPU struct {
	Thread rsp.ThreadID
	Index  int
}

// Options configure a Target; nil means the defaults.
type Options struct {
	Log *slog.Logger // discarded when nil
	// Show, if set, puts back into memory that was just read at a what
	// breakpoints hide there.
	Show func(p []byte, a addr.Addr)
	// RAM, if set, is the process behind the stub, out of whose memory guest
	// RAM is read where much is wanted and the stub agrees.
	RAM *hostram.Process
}

// Target is one machine behind a stub.
//
// All methods but Invalidate, Epoch and LearnMemory belong to whoever holds the stop lease,
// or to the session's loop while nobody does; they need the machine to be stopped.
type Target struct {
	stub  stub
	log   *slog.Logger
	show  func(p []byte, a addr.Addr) // nil when nothing hides
	epoch atomic.Uint64               // bumped by the session loop at each resume
	ahead ahead

	// Owned by the holder of the stop lease.
	desc *Description // of this stub; read once
	root uint64       // physical address of the kernel's own top table, 0 if not known
	stop *stop        // replaced when epoch has moved on

	noPhysical bool // the stub has no physical mode

	host      hostMemory // nil: guest RAM is read through the stub only
	directPID int        // of the process that RAM was read from, 0: none so far
	directErr error      // why it is not any more
}

// stop is what has been learnt during one stop.
type stop struct {
	epoch uint64
	cpus  []CPU
	regs  map[rsp.ThreadID]*Regs
	pages pageCache

	window      *CPU // kernel memory is read through its thread; see Target.kernelWindow
	windowKnown bool

	direct directRAM
}

// New makes the target behind a client that has done its handshake.
func New(c *rsp.Client, o *Options) *Target {
	return newTarget(clientStub{c}, o)
}

func newTarget(s stub, o *Options) *Target {
	t := &Target{stub: askable{s}, log: slog.New(slog.DiscardHandler)}
	if o != nil && o.Log != nil {
		t.log = o.Log
	}
	if o != nil {
		t.show = o.Show
	}
	if o != nil && o.RAM != nil {
		t.host = o.RAM
	}
	return t
}

// Epoch numbers the stop; it changes with each Invalidate.
func (t *Target) Epoch() uint64 { return t.epoch.Load() }

// Invalidate ends the current stop: call it before each resume. It may be
// called from any goroutine.
func (t *Target) Invalidate() { t.epoch.Add(1) }

// now is the record of the current stop.
func (t *Target) now() *stop {
	if e := t.epoch.Load(); t.stop == nil || t.stop.epoch != e {
		t.stop = &stop{epoch: e, regs: map[rsp.ThreadID]*Regs{}}
	}
	return t.stop
}

// fresh reports whether the stop is still the current one.
func (t *Target) fresh(s *stop) bool { return t.epoch.Load() == s.epoch }

// explain turns an error of the stub into one of this package.
func (t *Target) explain(s *stop, err error) error {
	if err != nil && (errors.Is(err, rsp.ErrRunning) || !t.fresh(s)) {
		return fmt.Errorf("%w: %w", ErrStale, err)
	}
	return err
}

// CPUs lists the virtual CPUs in the stub's order.
func (t *Target) CPUs(ctx context.Context) ([]CPU, error) {
	s := t.now()
	if s.cpus != nil {
		return slices.Clone(s.cpus), nil
	}
	threads, err := t.stub.Threads(ctx)
	if err != nil {
		return nil, fmt.Errorf("list CPUs: %w", t.explain(s, err))
	}
	if len(threads) == 0 {
		return nil, errors.New("list CPUs: the stub has none")
	}
	slices.SortFunc(threads, func(a, b rsp.ThreadID) int {
		return cmp.Or(cmp.Compare(a.PID, b.PID), cmp.Compare(a.TID, b.TID))
	})
	for i, id := range threads {
		s.cpus = append(s.cpus, CPU{Thread: id, Index: i})
	}
	return slices.Clone(s.cpus), nil
}

// CPUOf finds the CPU a stop reply speaks of.
func (t *Target) CPUOf(ctx context.Context, id rsp.ThreadID) (CPU, error) {
	cpus, err := t.CPUs(ctx)
	if err != nil {
		return CPU{}, err
	}
	for _, c := range cpus {
		if c.Thread.TID == id.TID && (id.PID == 0 || c.Thread.PID == 0 || c.Thread.PID == id.PID) {
			return c, nil
		}
	}
	return CPU{}, fmt.Errorf("no CPU is thread %v", id)
}

// SetKernelRoot tells where the kernel's own top page table (init_top_pgt)
// lies in physical memory. It serves kernel addresses for every CPU, whatever
// CR3 says. Zero means unknown.
func (t *Target) SetKernelRoot(pa uint64) { t.root = pa &^ (pageSize - 1) }
