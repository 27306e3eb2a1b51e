package target

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"ktrap/rsp"
	"ktrap/session/hostram"
	"ktrap/symbols/addr"
)

// directWorth is how much must be wanted of the stub within one stop before it
// is worth asking where RAM lies: some ten milliseconds of its time. A step or a stack
// stays below.
const directWorth = 256 << 10

// hostMemory is the memory of the process that holds guest RAM: a
// hostram.Process.
type hostMemory interface {
	Open() (pid int, err error)
	ReadMemory(p []byte, host uint64) error
}

// directRAM is RAM that is read past the stub. It holds for one stop: what is
// RAM changes with the firmware, devices and hot-plug, so QEMU is asked again and what it
// says is compared with the stub again.
type directRAM struct {
	wanted int         // bytes, of the stub
	tried  bool        // QEMU was asked
	ram    hostram.RAM // nil: not used
}

var (
	// errUnproven says that there was too little in RAM to be recognized.
	errUnproven = errors.New("guest RAM is still empty")
	// errDiffers says that the process does not hold what the stub shows.
	errDiffers = errors.New("the process behind the stub has something else in its memory than the stub shows")
)

// DirectRAM says whether guest RAM is read past the stub, and if not, why.
func (t *Target) DirectRAM() string {
	switch {
	case t.host == nil && t.directErr == nil:
		return "through the stub"
	case t.directErr != nil:
		return fmt.Sprintf("through the stub: %v", t.directErr)
	case t.directPID != 0:
		return fmt.Sprintf("straight from QEMU, process %d, where much is wanted", t.directPID)
	}
	return "through the stub, so far"
}

// TryDirectRAM finds out now whether guest RAM can be read past the stub in this
// stop.
func (t *Target) TryDirectRAM(ctx context.Context) bool { return t.direct(ctx, t.now(), directWorth) }

// direct reports whether RAM is read past the stub, now that n more bytes are
// wanted.
func (t *Target) direct(ctx context.Context, s *stop, n int) bool {
	d := &s.direct
	if d.ram == nil && unaskable(ctx) { // what it takes to read there is not known
		return false
	}
	d.wanted += n
	if t.host == nil || d.tried || d.wanted < directWorth {
		return d.ram != nil
	}
	d.tried = true
	ram, err := t.provenRAM(ctx)
	switch {
	case err == nil:
		d.ram = ram
	case errors.Is(err, errUnproven) || ctx.Err() != nil || !t.fresh(s):
		t.log.Debug("guest RAM is read through the stub in this stop", "why", err)
	default:
		t.host, t.directErr = nil, err
		t.log.Info("guest RAM is read through the stub", "why", err)
	}
	return d.ram != nil
}

// provenRAM asks QEMU where RAM lies, and compares.
func (t *Target) provenRAM(ctx context.Context) (hostram.RAM, error) {
	pid, err := t.host.Open()
	if err != nil {
		return nil, err
	}
	ram, err := hostram.Locate(func(command string) (string, error) { return t.stub.Monitor(ctx, command) })
	if err != nil {
		return nil, err
	}
	if err := t.compare(ctx, ram); err != nil {
		return nil, err
	}
	if t.directPID != pid {
		t.log.Info("guest RAM is read straight from QEMU", "pid", pid, "ranges", len(ram))
	}
	t.directPID = pid
	return ram, nil
}

// How RAM is compared: in pieces of sampleSize bytes, at the ends of each range
// and at places between. Zeros are everywhere, and prove nothing.
const (
	sampleSize  = 512
	samples     = 4   // between the ends of a range
	sampleTries = 256 // to find one that is not all zero: a guest may use little of its RAM
	needNonzero = 3
)

// compare compares samples of all ranges with what the stub shows.
// Errors: errDiffers, errUnproven.
func (t *Target) compare(ctx context.Context, ram hostram.RAM) error {
	told := map[[sampleSize]byte]bool{{}: true} // what was recognized
	return t.stub.Physical(ctx, func(read physRead) error {
		var ours, stubs [sampleSize]byte
		for _, r := range ram {
			for _, pa := range t.places(r) {
				if err := t.host.ReadMemory(ours[:], r.Host+(pa-r.First)); err != nil {
					return fmt.Errorf("read memory of QEMU: %w", err)
				}
				if err := read(stubs[:], pa); err != nil {
					return fmt.Errorf("read memory to compare with: %w", err)
				}
				if ours != stubs {
					return fmt.Errorf("%w, at physical %#x", errDiffers, pa)
				}
				told[ours] = true
			}
		}
		if len(told) <= needNonzero {
			return errUnproven
		}
		return nil
	})
}

// places picks where a range is compared: its ends, and random places, of those
// that are not all zero if there are such.
func (t *Target) places(r hostram.Range) []uint64 {
	list := []uint64{r.First, r.Last + 1 - sampleSize}
	var p [sampleSize]byte
	for try := 0; len(list) < 2+samples; try++ {
		off := rand.Uint64N((r.Last-r.First+1)/sampleSize) * sampleSize
		err := t.host.ReadMemory(p[:], r.Host+off)
		if err != nil || p != [sampleSize]byte{} || try >= sampleTries { // an error shows when it is compared
			list = append(list, r.First+off)
		}
	}
	return list
}

// readRAM fills the beginning of p from physical memory, as far as that is RAM,
// and returns how much that is.
func (t *Target) readRAM(s *stop, p []byte, pa uint64) int {
	done := 0
	for done < len(p) {
		host, left, ok := s.direct.ram.Find(pa + uint64(done))
		if !ok {
			break
		}
		n := int(min(uint64(len(p)-done), left))
		if t.host.ReadMemory(p[done:done+n], host) != nil {
			break
		}
		done += n
	}
	return done
}

// ramPage gives a whole page of RAM, from the cache if it is there.
func (t *Target) ramPage(s *stop, pa uint64) ([]byte, error) {
	if p, ok := s.pages.physical(pa); ok {
		return p, nil
	}
	if s.direct.ram == nil {
		return nil, errNotCached
	}
	p := make([]byte, pageSize)
	if t.readRAM(s, p, pa) < pageSize {
		return nil, errNotCached
	}
	s.pages.putPhysical(pa, p)
	return p, nil
}

// seeRAM fills the beginning of p with what page tables show at a, as far as
// tables and memory are RAM, and returns how much that is. Of the rest the stub knows
// more.
func (t *Target) seeRAM(s *stop, tb tables, p []byte, a addr.Addr) int {
	done := 0
	for done < len(p) {
		m, err := tb.translate(func(pa uint64) ([]byte, error) { return t.ramPage(s, pa) }, a+addr.Addr(done))
		if err != nil {
			break
		}
		want := int(min(uint64(len(p)-done), m.left))
		n := t.readRAM(s, p[done:done+want], m.pa)
		if done += n; n < want {
			break
		}
	}
	return done
}

// tablesOf gives the page tables of a CPU as they are in use, if it has any that
// are known here: 64-bit ones.
func (t *Target) tablesOf(ctx context.Context, id rsp.ThreadID) (tables, bool) {
	r, err := t.Regs(ctx, CPU{Thread: id})
	if err != nil {
		return tables{}, false
	}
	cr3, ok := r.Get("cr3")
	if _, known := r.Get("efer"); !ok || !known || !r.LongMode() {
		return tables{}, false
	}
	return tables{roots: []uint64{cr3 & cr3TopMask}, levels: r.levels()}, true
}

// ReadAs reads memory as a CPU sees it, and not a byte more than that: there may
// be a device.
// Errors: *rsp.Error as the stub says when the CPU does not see all of it.
func (t *Target) ReadAs(ctx context.Context, c CPU, p []byte, a addr.Addr) error {
	s := t.now()
	if t.ahead.fill(s.epoch, p, a) {
		return nil
	}
	n := 0
	if t.direct(ctx, s, len(p)) {
		if tb, ok := t.tablesOf(ctx, c.Thread); ok {
			n = t.seeRAM(s, tb, p, a)
		}
	}
	if !t.fresh(s) {
		return ErrStale
	}
	return t.stub.ReadMemory(ctx, c.Thread, uint64(a)+uint64(n), p[n:])
}
