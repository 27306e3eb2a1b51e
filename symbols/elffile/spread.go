package elffile

import (
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// spread works through [0,n) in parts of a size, on all processors when there is
// more than one part, and gives what f found in each part, in order. A single
// processor waits for memory most of the time.
// A panic of f, as [Guard] expects it of a damaged file, is one of spread; nothing
// is at work any more then.
func spread[T any](n, size int, f func(low, high int) T) []T {
	found := make([]T, (n+size-1)/size)
	var next atomic.Int64
	work := func() {
		for k := int(next.Add(1)) - 1; k < len(found); k = int(next.Add(1)) - 1 {
			found[k] = f(k*size, min((k+1)*size, n))
		}
	}
	var wg sync.WaitGroup
	faults := make([]any, min(len(found), runtime.GOMAXPROCS(0)))
	for w := 1; w < len(faults); w++ {
		wg.Go(func() {
			defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
			defer func() { faults[w] = recover() }()
			work()
		})
	}
	func() {
		defer wg.Wait()
		work()
	}()
	for _, fault := range faults {
		if fault != nil {
			panic(fault)
		}
	}
	return found
}
