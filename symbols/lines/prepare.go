package lines

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"ktrap/symbols/addr"
	"ktrap/symbols/elffile"
)

// Prepare says that these addresses will be looked up soon. Many are made ready
// on all processors: by the index that was kept; by the units they lie in, which
// takes less than an index does; by a new index when it was so before, as a file
// that many addresses are asked of twice will be asked again.
func (i *Info) Prepare(pcs []addr.LinkAddr) {
	if len(pcs) < loadFrom {
		return
	}
	i.whole.loadOnce.Do(i.loadIndex)
	if i.index.Load() != nil {
		return
	}
	if len(pcs) >= waitFrom && i.wantedBefore() {
		i.Expect(len(pcs))
		return
	}
	// What is damaged is said when it is looked up.
	_ = elffile.Guard(func() error { return i.openUnits(pcs) })
}

// wantedBefore reports whether another process could have used an index. Without
// a folder it does not matter: none would be kept.
func (i *Info) wantedBefore() bool {
	if i.whole.keep == nil {
		return false
	}
	id, ok := i.identity()
	return ok && i.whole.keep.Wanted(id)
}

// openUnits decodes functions and lines of the units that hold addresses.
func (i *Info) openUnits(pcs []addr.LinkAddr) error {
	if _, err := i.sections(); err != nil {
		return err
	}
	var units []uint64
	for _, pc := range pcs {
		if off, ok, _ := i.unitOf(uint64(pc)); ok {
			units = append(units, off)
		}
	}
	slices.Sort(units)
	units = slices.Compact(units)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			_ = elffile.Guard(func() error { // as above
				for n := next.Add(1) - 1; int(n) < len(units); n = next.Add(1) - 1 {
					i.openUnit(units[n])
				}
				return nil
			})
		})
	}
	wg.Wait()
	return nil
}

func (i *Info) openUnit(off uint64) {
	u, err := i.unitAt(off)
	if err != nil {
		return
	}
	u.asked.Store(true) // it is no sign that an index would be worth while
	u.funcsOnce.Do(u.indexFunctions)
	_, _ = u.table() // remembers what is wrong
}
