package target

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"ktrap/rsp"
	"ktrap/symbols/addr"
)

// maxRun bounds one request to the stub's client.
const maxRun = 256 * pageSize

// view is memory as seen from somewhere, during one stop.
type view struct {
	t    *Target
	ctx  context.Context
	stop *stop
	cpu  *CPU    // sees user addresses, nil: none are visible
	user *tables // or these tables see them
}

// Memory is the kernel half of the address space, whatever the CPUs are doing.
// User addresses fault: which process would they belong to? The view is bound
// to the context and to the current stop. It reads whole pages, so reading an
// address where a device is mapped reads the device's neighbours too.
func (t *Target) Memory(ctx context.Context) Memory {
	return &view{t: t, ctx: ctx, stop: t.now()}
}

// MemoryOf is memory as a CPU sees it: the kernel half like [Target.Memory],
// and the user addresses of whatever process runs there.
func (t *Target) MemoryOf(ctx context.Context, c CPU) Memory {
	return &view{t: t, ctx: ctx, stop: t.now(), cpu: &c}
}

// MemoryIn is the kernel half, and user addresses through the page table whose
// top lies at a physical address (mm->pgd of a task that may not be running).
func (t *Target) MemoryIn(ctx context.Context, root uint64) Memory {
	v := &view{t: t, ctx: ctx, stop: t.now(), user: &tables{roots: []uint64{root & cr3TopMask}}}
	if tb, err := t.kernelTables(ctx); err == nil {
		v.user.levels = tb.levels
	}
	return v
}

// ReadMemory implements [Memory].
func (v *view) ReadMemory(p []byte, a addr.Addr) error {
	if !v.t.fresh(v.stop) {
		return ErrStale
	}
	if uint64(a)+uint64(len(p)) < uint64(a) && uint64(a)+uint64(len(p)) != 0 {
		return &FaultError{a}
	}
	rest, at := p, a
	for len(rest) > 0 {
		n := min(len(rest), maxRun-int(at&(pageSize-1)))
		if err := v.chunk(rest[:n], at); err != nil {
			return err
		}
		rest, at = rest[n:], at+addr.Addr(n)
	}
	if v.t.show != nil {
		v.t.show(p, a)
	}
	return nil
}

// chunk reads at most maxRun bytes: fetch what is missing, then copy.
func (v *view) chunk(p []byte, a addr.Addr) error {
	var missing []addr.Addr
	first := a &^ (pageSize - 1)
	pages := (uint64(a-first) + uint64(len(p)) + pageSize - 1) / pageSize
	got := make([][]byte, pages)
	for i := range got {
		page := first + addr.Addr(i)*pageSize
		b, known := v.stop.pages.virtual(v.key(page))
		if known && b == nil {
			return &FaultError{max(page, a)}
		}
		if got[i] = b; !known {
			missing = append(missing, page)
		}
	}
	if err := v.fetch(missing, func(page addr.Addr, b []byte) { got[(page-first)/pageSize] = b }); err != nil {
		return err
	}
	for i, b := range got {
		page := first + addr.Addr(i)*pageSize
		if b == nil {
			return &FaultError{max(page, a)}
		}
		skip := max(page, a) - page
		n := copy(p, b[skip:])
		p = p[n:]
	}
	return nil
}

// key names a page in the cache. All views share the kernel half.
func (v *view) key(page addr.Addr) pageKey {
	k := pageKey{page: page}
	switch {
	case page.Kernel():
	case v.cpu != nil:
		k.thread = v.cpu.Thread
	case v.user != nil:
		k.root = v.user.roots[0]
	}
	return k
}

// fetch gets pages from the machine, in runs of neighbours, and hands each to
// put, nil if nothing is mapped there.
func (v *view) fetch(pages []addr.Addr, put func(addr.Addr, []byte)) error {
	for len(pages) > 0 {
		n := 1
		for n < len(pages) && pages[n] == pages[n-1]+pageSize && pages[n].Kernel() == pages[0].Kernel() {
			n++
		}
		got, err := v.fetchRun(pages[:n])
		if err != nil {
			return fmt.Errorf("read memory at %#x: %w", uint64(pages[0]), v.t.explain(v.stop, err))
		}
		if !v.t.fresh(v.stop) {
			return ErrStale
		}
		for i, b := range got {
			v.stop.pages.putVirtual(v.key(pages[i]), b)
			put(pages[i], b)
		}
		pages = pages[n:]
	}
	return nil
}

// fetchRun gets neighbouring pages: through a CPU if one sees them, else by a
// walk. Pages that are not mapped come back nil.
func (v *view) fetchRun(pages []addr.Addr) ([][]byte, error) {
	if !pages[0].Kernel() {
		switch {
		case v.cpu != nil:
			return v.through(v.cpu.Thread, pages)
		case v.user != nil:
			return v.t.walkPages(v.ctx, v.stop, *v.user, pages)
		}
		return make([][]byte, len(pages)), nil
	}
	w, err := v.t.kernelWindow(v.ctx)
	if err != nil {
		return nil, err
	}
	got := make([][]byte, len(pages))
	if w != nil {
		if got, err = v.through(w.Thread, pages); err != nil {
			return nil, err
		}
	}
	return got, v.walkMissing(pages, got)
}

// through reads pages as a CPU sees them: from RAM what is known to be there, the
// rest through the stub.
func (v *view) through(id rsp.ThreadID, pages []addr.Addr) ([][]byte, error) {
	buf := make([]byte, len(pages)*pageSize)
	got := make([][]byte, len(pages))
	if v.t.direct(v.ctx, v.stop, len(buf)) {
		if tb, ok := v.t.tablesOf(v.ctx, id); ok {
			for i, a := range pages {
				if page := pageIn(buf, i); v.t.seeRAM(v.stop, tb, page, a) == pageSize {
					got[i] = page
				}
			}
		}
	}
	for i := 0; i < len(pages); i++ {
		first := i
		for i < len(pages) && got[i] == nil {
			i++
		}
		if first == i {
			continue
		}
		if err := v.throughStub(id, pages[first:i], buf[first*pageSize:], got[first:i]); err != nil {
			return nil, err
		}
	}
	return got, nil
}

// pageIn is the i-th page of a buffer.
func pageIn(buf []byte, i int) []byte { return buf[i*pageSize : (i+1)*pageSize : (i+1)*pageSize] }

// throughStub reads neighbouring pages as a CPU sees them. The run is tried whole
// first.
func (v *view) throughStub(id rsp.ThreadID, pages []addr.Addr, buf []byte, got [][]byte) error {
	buf = buf[:len(pages)*pageSize]
	err := v.t.stub.ReadMemory(v.ctx, id, uint64(pages[0]), buf)
	if err != nil && !refused(err) {
		return err
	}
	for i := range pages {
		page := pageIn(buf, i)
		if err != nil {
			if len(pages) == 1 {
				break
			}
			if e := v.t.stub.ReadMemory(v.ctx, id, uint64(pages[i]), page); refused(e) {
				continue
			} else if e != nil {
				return e
			}
		}
		got[i] = page
	}
	return nil
}

// refused reports whether the stub answered E NN, as for unmapped memory.
func refused(err error) bool {
	_, ok := errors.AsType[*rsp.Error](err)
	return ok
}

// walkMissing fills the pages no CPU would show.
func (v *view) walkMissing(pages []addr.Addr, got [][]byte) error {
	var holes []addr.Addr
	for i, b := range got {
		if b == nil {
			holes = append(holes, pages[i])
		}
	}
	if len(holes) == 0 {
		return nil
	}
	tb, err := v.t.kernelTables(v.ctx)
	if errors.Is(err, ErrNoPaging) {
		return nil
	}
	if err != nil {
		return err
	}
	found, err := v.t.walkPages(v.ctx, v.stop, tb, holes)
	if err != nil {
		return err
	}
	for i, page := range pages {
		if j := slices.Index(holes, page); j >= 0 {
			got[i] = found[j]
		}
	}
	return nil
}

// kernelWindow picks the CPU through which kernel memory is read: one that
// runs kernel code. Nil when there is none, then only a walk helps.
func (t *Target) kernelWindow(ctx context.Context) (*CPU, error) {
	s := t.now()
	if s.windowKnown {
		return s.window, nil
	}
	for id, r := range s.regs { // of the CPU that has stopped, most often
		if r.ShowsKernel() {
			s.window, s.windowKnown = &CPU{Thread: id}, true
			return s.window, nil
		}
	}
	cpus, err := t.CPUs(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range cpus {
		r, err := t.Regs(ctx, c)
		if err != nil {
			return nil, err
		}
		if r.ShowsKernel() {
			s.window = &c
			break
		}
	}
	s.windowKnown = true
	return s.window, nil
}

// WriteMemory writes through a CPU, at the addresses it sees.
func (t *Target) WriteMemory(ctx context.Context, c CPU, a addr.Addr, p []byte) error {
	s := t.now()
	s.pages = pageCache{}
	t.ahead.end(s.epoch)
	if err := t.stub.WriteMemory(ctx, c.Thread, uint64(a), p); err != nil {
		return fmt.Errorf("write %d bytes at %#x: %w", len(p), uint64(a), t.explain(s, err))
	}
	return nil
}
