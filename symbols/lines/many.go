package lines

import (
	"context"
	"crypto/sha256"
	"debug/elf"
	"fmt"
	"slices"
	"sync"

	"ktrap/symbols/addr"
	"ktrap/symbols/elffile"
	"ktrap/symbols/index"
)

// Few addresses are looked up unit by unit, 0.3 ms for each unit that is new.
// Many are worth an index: 3 ms when it was kept, half a second to build.
const (
	// loadFrom is the number of units from which a kept index is looked for.
	loadFrom = 8
	// buildFrom is the number of units from which an index is built beside the
	// lookups, which change over when it is there.
	buildFrom = 64
	// waitUnits is the number of units from which lookups wait for the index that
	// is being built: more would only take its time.
	waitUnits = 128
	// waitFrom is the number of addresses for which building comes first.
	waitFrom = 1000
)

// whole is the index of the whole file and how it comes about.
type whole struct {
	keep *index.Folder // nil: not kept

	firstOnce sync.Once
	loadOnce  sync.Once
	buildOnce sync.Once
	ready     chan struct{} // closed when building is over, well or not
	cancel    context.CancelFunc
	ctx       context.Context // of the one goroutine there may be
	work      sync.WaitGroup
}

// Expect says that n addresses will be looked up soon. For many it waits for the
// index; a stream of unknown length needs no call.
func (i *Info) Expect(n int) {
	if n >= loadFrom {
		i.whole.loadOnce.Do(i.loadIndex)
	}
	if n >= waitFrom && i.index.Load() == nil {
		i.startIndex()
		<-i.whole.ready
	}
}

// first looks for the index at the first question if the sections are compressed:
// inflating them takes longer than all the rest.
func (i *Info) first() {
	i.whole.firstOnce.Do(func() {
		compressed := slices.ContainsFunc(i.src.Sections(), func(s elffile.Section) bool {
			return s.Name == ".debug_info" && s.Flags&elf.SHF_COMPRESSED != 0
		})
		if !compressed || i.whole.keep == nil {
			return
		}
		if _, ok := i.identity(); ok {
			i.Expect(waitFrom)
		}
	})
}

// count notes a unit that had not been asked for before, and decides whether
// the index is worth while.
func (i *Info) count(u *unit) {
	if u.asked.Swap(true) {
		return
	}
	switch i.asked.Add(1) {
	case loadFrom:
		i.whole.loadOnce.Do(i.loadIndex)
	case buildFrom:
		i.startIndex()
	}
}

func (i *Info) loadIndex() {
	if i.whole.keep == nil {
		return
	}
	id, ok := i.identity()
	if !ok {
		return
	}
	// Whatever is wrong with what was kept, it can be built again.
	if x, err := i.whole.keep.Load(id); err == nil {
		i.index.Store(x)
	}
}

// startIndex lets a goroutine build the index, once; Close joins it.
func (i *Info) startIndex() {
	i.whole.buildOnce.Do(func() {
		if i.index.Load() != nil {
			close(i.whole.ready)
			return
		}
		i.whole.work.Go(i.buildIndex)
	})
}

// buildIndex builds the index, hands it to the lookups and keeps it. Damaged
// debug information has none: lookup can say what is wrong, and where.
func (i *Info) buildIndex() {
	id, ok := i.identity()
	data, err := i.build(i.whole.ctx, id)
	var x *index.Index
	if err == nil {
		x, err = index.Read(data, id)
	}
	if err == nil {
		i.index.Store(x)
	}
	close(i.whole.ready)
	if err == nil && ok && i.whole.keep != nil {
		_ = i.whole.keep.Save(id, data) // not kept: the next process builds it again
	}
}

// stamped is a Source that knows when its file was changed.
// Source: [elffile.File.Stamp].
type stamped interface{ Stamp(section string) string }

// identity tells files apart that an index could be for; false for a file
// without a build-id, whose index cannot be told from another's.
func (i *Info) identity() (id index.Identity, ok bool) {
	build := i.src.BuildID()
	if build == "" {
		return id, false
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q\n", build)
	// Tools that rewrite debug information leave the build-id alone, and so does
	// what damages a file.
	if s, ok := i.src.(stamped); ok {
		fmt.Fprintln(h, s.Stamp(".debug_info"))
	}
	for _, s := range i.src.Sections() {
		fmt.Fprintf(h, "%q %x %x %x\n", s.Name, s.Flags, s.Addr, s.Size)
	}
	return index.Identity(h.Sum(nil)), true
}

// lookupIndex answers from the index; false when there is none, or what there
// was turns out to be damaged.
func (i *Info) lookupIndex(pc addr.LinkAddr) ([]Frame, bool) {
	if i.asked.Load() >= waitUnits {
		<-i.whole.ready // building began long before
	}
	x := i.index.Load()
	if x == nil {
		return nil, false
	}
	var list []index.Frame
	err := elffile.Guard(func() (err error) {
		list, err = x.Lookup(nil, uint64(pc))
		return err
	})
	if err != nil {
		// Not closed: others may be reading in it.
		i.index.Store(nil)
		return nil, false
	}
	return frames(list), true
}

// frames turns an answer of the index into one of lookup.
func frames(list []index.Frame) []Frame {
	if len(list) == 0 {
		return nil
	}
	out := make([]Frame, len(list))
	for n, f := range list {
		out[n] = Frame{f.Func, Place{f.Path, f.Dir, f.Line, f.Column}, f.Inlined}
	}
	return out
}

// Close stops what goes on in the background and waits for it. The Info must not
// be used after it.
func (i *Info) Close() error {
	i.whole.cancel()
	i.whole.work.Wait()
	if x := i.index.Swap(nil); x != nil {
		return x.Close()
	}
	return nil
}
