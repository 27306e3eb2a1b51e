package lines

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"ktrap/symbols/dwarfx"
	"ktrap/symbols/elffile"
	"ktrap/symbols/index"
)

// build makes the index of the whole file. Units are shared out to as many
// goroutines as there are processors, which are joined before it returns.
// Errors: the file is damaged; the index cannot tell where, lookup can.
func (i *Info) build(ctx context.Context, id index.Identity) ([]byte, error) {
	if _, err := i.sections(); err != nil {
		return nil, err
	}
	spans, err := i.spansByUnit()
	if err != nil {
		return nil, err
	}
	b := &builder{Info: i, strings: index.NewStrings(), spans: spans, units: make([]*index.Unit, len(i.headers))}
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	errs := make([]error, workers)
	for n := range workers {
		wg.Go(func() { errs[n] = elffile.Guard(func() error { return b.work(ctx) }) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return index.Build(id, b.strings, b.units)
}

// builder is the work of one build.
type builder struct {
	*Info
	strings *index.Strings
	spans   map[uint64][]dwarfx.Range
	units   []*index.Unit
	next    atomic.Int64
	ranges  atomic.Int64 // of all entries seen
}

// work takes units until there are none left.
func (b *builder) work(ctx context.Context) error {
	c := newCollector(b.strings, &b.ranges)
	for {
		n := int(b.next.Add(1)) - 1
		if n >= len(b.headers) {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		h := b.headers[n]
		spans := b.spans[h.Off]
		if len(spans) == 0 {
			b.units[n] = index.NewUnit(0)
			continue
		}
		var err error
		if b.units[n], err = c.collect(b.Info, h, spans); err != nil {
			return err
		}
	}
}

// spansByUnit gives the addresses of every unit as unitOf sees them: what
// .debug_aranges says goes before the root entries of units it leaves out.
func (i *Info) spansByUnit() (map[uint64][]dwarfx.Range, error) {
	i.readSpans()
	if err := i.scanRoots(); err != nil {
		return nil, err
	}
	spans := map[uint64][]dwarfx.Range{}
	var listed []dwarfx.Range
	for _, s := range i.spans {
		spans[s.id] = append(spans[s.id], s.Range)
		listed = append(listed, s.Range)
	}
	for unit := range spans {
		if _, ok := slices.BinarySearchFunc(i.headers, unit, byOffset); !ok {
			return nil, fmt.Errorf("no unit at %#x of .debug_info, where .debug_aranges has one", unit)
		}
	}
	listed = sorted(listed)
	for _, s := range i.rest {
		spans[s.id] = append(spans[s.id], without(s.Range, listed)...)
	}
	return spans, nil
}

func byOffset(h dwarfx.Header, off uint64) int { return cmp.Compare(h.Off, off) }

// without gives what of a range is not in others, which are sorted.
func without(r dwarfx.Range, others []dwarfx.Range) (left []dwarfx.Range) {
	for _, o := range within([]dwarfx.Range{r}, others) {
		if r.Low < o.Low {
			left = append(left, dwarfx.Range{Low: r.Low, High: o.Low})
		}
		r.Low = o.High
	}
	if r.Low < r.High {
		left = append(left, r)
	}
	return left
}
