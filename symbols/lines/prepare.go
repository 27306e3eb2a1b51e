package lines

import (
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"ktrap/symbols/addr"
	"ktrap/symbols/dwarfx"
	"ktrap/symbols/elffile"
)

// Prepare says that these addresses will be looked up soon. Many are made ready
// on all processors: by the index that was kept; unit by unit, which takes less
// than an index does; by a new index when it was so before, as a file
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
	i.answerAhead(pcs)
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

// answerAhead looks addresses up unit by unit on all processors and keeps the
// answers, which take the place of those kept before. The units are not kept: to
// hold what was decoded of thousands costs more than to decode it.
func (i *Info) answerAhead(pcs []addr.LinkAddr) {
	units := i.byUnit(pcs)
	todo := slices.Sorted(maps.Keys(units))
	var next atomic.Int64
	var wg sync.WaitGroup
	answers := make([]map[addr.LinkAddr][]Frame, runtime.GOMAXPROCS(0))
	for n := range answers {
		answers[n] = map[addr.LinkAddr][]Frame{}
		wg.Go(func() {
			var w preparer
			for k := next.Add(1) - 1; int(k) < len(todo); k = next.Add(1) - 1 {
				w.answer(i, todo[k], units[todo[k]], answers[n])
			}
		})
	}
	wg.Wait()
	all := answers[0]
	for _, more := range answers[1:] {
		maps.Copy(all, more)
	}
	i.ahead.Store(&all)
}

// byUnit sorts addresses by the offset of the unit they lie in. What is damaged
// is said when it is looked up.
func (i *Info) byUnit(pcs []addr.LinkAddr) map[uint64][]addr.LinkAddr {
	units := map[uint64][]addr.LinkAddr{}
	_ = elffile.Guard(func() error {
		if _, err := i.sections(); err != nil {
			return err
		}
		for _, pc := range pcs {
			if off, ok, _ := i.unitOf(uint64(pc)); ok {
				units[off] = append(units[off], pc)
			}
		}
		return nil
	})
	return units
}

// preparer decodes one unit after the other into the same memory.
type preparer struct {
	abbrevs dwarfx.AbbrevTable
	rows    []row
}

// answer looks up addresses of one unit. Those of a damaged one are left out.
func (w *preparer) answer(i *Info, off uint64, pcs []addr.LinkAddr, into map[addr.LinkAddr][]Frame) {
	_ = elffile.Guard(func() error {
		h, err := i.sec.Header(off)
		if err != nil {
			return err
		}
		opened, err := dwarfx.OpenUnitIn(&i.sec, h, &w.abbrevs)
		if err != nil {
			return err
		}
		u := &unit{info: i, Unit: opened}
		u.tableOnce.Do(func() {
			u.lines, u.linesErr = readTable(opened, w.rows)
			w.rows = u.lines.rows
		})
		for _, pc := range pcs {
			frames, err := u.lookup(uint64(pc))
			if err != nil {
				return err
			}
			into[pc] = frames
		}
		return nil
	})
}

// lookupAhead gives an answer that was prepared.
func (i *Info) lookupAhead(pc addr.LinkAddr) (frames []Frame, ok bool) {
	all := i.ahead.Load()
	if all == nil {
		return nil, false
	}
	frames, ok = (*all)[pc]
	return slices.Clone(frames), ok
}
