package target

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"ktrap/rsp"
	"ktrap/symbols/addr"
)

// errNotCached ends an attempt to answer from the cache alone.
var errNotCached = errors.New("not cached")

// physical runs f with a reader of whole physical pages, some n bytes. It
// first tries with what is cached or read without the stub, because turning physical mode on
// and off costs two round trips; f must therefore bear being run again.
func (t *Target) physical(ctx context.Context, s *stop, n int, f func(page func(pa uint64) ([]byte, error)) error) error {
	atHand := func(pa uint64) ([]byte, error) { return t.ramPage(s, pa) }
	err := f(atHand)
	if errors.Is(err, errNotCached) && s.direct.ram == nil && t.direct(ctx, s, n) {
		err = f(atHand)
	}
	if !errors.Is(err, errNotCached) {
		return err
	}
	return t.explain(s, t.stub.Physical(ctx, func(read physRead) error {
		return f(func(pa uint64) ([]byte, error) {
			if p, err := t.ramPage(s, pa); err == nil {
				return p, nil
			}
			p := make([]byte, pageSize)
			if err := read(p, pa); err != nil {
				return nil, fmt.Errorf("read physical page %#x: %w", pa, err)
			}
			s.pages.putPhysical(pa, p)
			return p, nil
		})
	}))
}

// ReadPhysical reads guest-physical memory.
func (t *Target) ReadPhysical(ctx context.Context, p []byte, pa uint64) error {
	s := t.now()
	return t.physical(ctx, s, len(p), func(page func(uint64) ([]byte, error)) error {
		for done := 0; done < len(p); {
			at := pa + uint64(done)
			b, err := page(at &^ (pageSize - 1))
			if err != nil {
				return err
			}
			done += copy(p[done:], b[at&(pageSize-1):])
		}
		return nil
	})
}

// tables is where a page walk may start: the first root that maps an address wins.
type tables struct {
	roots  []uint64
	levels int
}

// walkPages translates each page address through the tables and returns the
// pages, nil for what is not mapped. A stub without physical reads maps nothing.
func (t *Target) walkPages(ctx context.Context, s *stop, tb tables, addrs []addr.Addr) ([][]byte, error) {
	out := make([][]byte, len(addrs))
	if t.noPhysical {
		return out, nil
	}
	err := t.physical(ctx, s, len(addrs)*pageSize, func(page func(uint64) ([]byte, error)) error {
		for i, a := range addrs {
			m, err := tb.translate(page, a)
			if errors.Is(err, errUnmapped) {
				continue
			}
			if err != nil {
				return err
			}
			if out[i], err = page(m.pa &^ (pageSize - 1)); err != nil && !refused(err) {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, rsp.ErrUnsupported) {
		t.noPhysical = true
		t.log.Warn("the stub cannot read physical memory: what no CPU sees stays invisible", "err", err)
		return out, nil
	}
	return out, err
}

// translate tries the roots in order.
// Errors: errUnmapped if none maps the address.
func (tb tables) translate(page func(uint64) ([]byte, error), a addr.Addr) (mapping, error) {
	for _, root := range tb.roots {
		m, err := walk(func(pa uint64) (uint64, error) {
			p, err := page(pa &^ (pageSize - 1))
			if err != nil {
				return 0, err
			}
			return entryIn(p, pa), nil
		}, root, tb.levels, a)
		// A table outside RAM is garbage in this root, not in the next one.
		if !errors.Is(err, errUnmapped) && !refused(err) {
			return m, err
		}
	}
	return mapping{}, errUnmapped
}

// kernelTables lists the roots that may map kernel addresses: the kernel's own
// table, then what the CPUs use. Under page-table isolation a CPU in user mode
// has the second table of a pair in CR3, and the kernel's is the first; without
// isolation the same bit is part of the address, so CR3 as it is goes first.
func (t *Target) kernelTables(ctx context.Context) (tables, error) {
	cpus, err := t.CPUs(ctx)
	if err != nil {
		return tables{}, err
	}
	var tb tables
	add := func(root uint64) {
		if root != 0 && !slices.Contains(tb.roots, root) {
			tb.roots = append(tb.roots, root)
		}
	}
	add(t.root)
	for _, c := range cpus {
		r, err := t.Regs(ctx, c)
		if err != nil {
			return tables{}, err
		}
		if cr3, ok := r.Get("cr3"); ok && r.LongMode() {
			tb.levels = r.levels()
			add(cr3 & cr3TopMask)
			add(cr3 & cr3TopMask &^ ptiPair)
		}
		if len(tb.roots) > 1 {
			break // one CPU's pair is enough next to the kernel's own
		}
	}
	if tb.levels == 0 {
		return tables{}, ErrNoPaging
	}
	return tb, nil
}

// ErrNoPaging says that no CPU runs in long mode: the kernel is not up yet.
var ErrNoPaging = errors.New("no CPU runs 64-bit code yet")

// Translate finds the physical address behind a kernel address.
// Errors: *[FaultError] when unmapped, [ErrNoPaging].
func (t *Target) Translate(ctx context.Context, a addr.Addr) (uint64, error) {
	s := t.now()
	tb, err := t.kernelTables(ctx)
	if err != nil {
		return 0, err
	}
	var m mapping
	err = t.physical(ctx, s, pageSize, func(page func(uint64) ([]byte, error)) error {
		var err error
		m, err = tb.translate(page, a)
		return err
	})
	if errors.Is(err, errUnmapped) {
		return 0, &FaultError{a}
	}
	if err != nil {
		return 0, fmt.Errorf("translate %#x: %w", uint64(a), err)
	}
	return m.pa, nil
}
