package session

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"ktrap/rsp"
	"ktrap/session/kernel"
)

// Fetch gets the debug information of a build-id from elsewhere and puts it where
// package symbols finds it by that id, the cache of debuginfod's clients. It tells
// how many bytes have come; total is 0 while that is not known.
type Fetch func(ctx context.Context, buildID string, progress func(got, total int64)) error

// fetcher is what a session knows of its downloads. They never hold the stop
// lease: the guest stands only while what has come is put to use.
type fetcher struct {
	one chan struct{} // one slot: downloads take turns

	// Owned by the worker.
	asked map[string]error // build-id -> how it went; nil while under way, too
	guest kernel.Identity  // whose vmlinux was last asked for

	// vmlinux is the one that no kernel is known without; nil: none is under way.
	// The worker writes it.
	vmlinux atomic.Pointer[arrival]
}

func newFetcher() *fetcher {
	return &fetcher{one: make(chan struct{}, 1), asked: make(map[string]error)}
}

// arrival is a vmlinux on its way.
type arrival struct {
	ended  chan struct{} // closed when its kernel has been looked for
	came   bool          // the download has ended; owned by the worker
	refuse error         // what to say without it; then how it went. Written before ended is closed
}

// errFetching says that the vmlinux is being fetched: the kernel is looked for
// again when it has come.
var errFetching = errors.New("vmlinux is being fetched")

// file is one file to fetch.
type file struct{ name, buildID string }

// fetch has files fetched one after the other, with nobody waiting, and calls
// came without the stop lease after each, whatever has become of it. Files that
// were asked for before are left out; nothing is called if none is left.
func (v *Stopped) fetch(list []file, came func(ctx context.Context, f file, err error, left int)) bool {
	var fresh []file
	for _, f := range list {
		if _, known := v.fetcher.asked[f.buildID]; !known && f.buildID != "" && v.opts.Fetch != nil {
			v.fetcher.asked[f.buildID] = nil
			fresh = append(fresh, f)
		}
	}
	if len(fresh) == 0 {
		return false
	}
	s, ctx := v.Session, v.fetchCtx
	s.tasks.Go(func() {
		select {
		case s.fetcher.one <- struct{}{}:
			defer func() { <-s.fetcher.one }()
		case <-ctx.Done():
		}
		for i, f := range fresh {
			err := ctx.Err()
			if err == nil {
				err = s.opts.Fetch(ctx, f.buildID, s.tellProgress(f.name))
			}
			came(ctx, f, err, len(fresh)-i-1)
		}
	})
	return true
}

// progressSteps is into how many parts a download is cut that are told of.
const progressSteps = 10

// bigFile is from what size on people want to know how far a download is.
const bigFile = 16 << 20

// tellProgress tells of a download every tenth of it.
func (s *Session) tellProgress(name string) func(got, total int64) {
	told := int64(0)
	return func(got, total int64) {
		if total < bigFile && got < bigFile {
			return
		}
		of, step := "", int64(bigFile)
		if total > 0 {
			of, step = fmt.Sprintf(" of %d", total>>20), (total+progressSteps-1)/progressSteps
		}
		if n := got / step; n > told {
			told = n
			s.sayWhile(fmt.Sprintf("%s: %d%s MB", name, got>>20, of))
		}
	}
}

// sayWhile tells a line to those who wait for front to be called, else as a [Note].
func (s *Session) sayWhile(text string) {
	if s.waits.Load() && s.opts.Waiting != nil {
		s.opts.Waiting(text)
		return
	}
	s.Tell(text)
}

// fetchVmlinux has the vmlinux of the running kernel fetched, if it can be, and
// the kernel looked for again then. refuse is what to say without it.
// Errors: errFetching; refuse, with why it could not be fetched.
func (v *Stopped) fetchVmlinux(buildID string, refuse error) error {
	if a := v.fetcher.vmlinux.Load(); a != nil && !a.came {
		return errFetching // since before the guest was reset
	}
	a := &arrival{ended: make(chan struct{}), refuse: refuse}
	f := file{"vmlinux of build-id " + buildID, buildID}
	if !v.fetch([]file{f}, func(ctx context.Context, f file, err error, _ int) { v.vmlinuxCame(ctx, a, f, err) }) {
		return errors.Join(refuse, v.fetcher.asked[buildID])
	}
	v.fetcher.vmlinux.Store(a)
	v.sayWhile(f.name + " is not on this host and is being fetched: traps follow when it has come")
	return errFetching
}

// vmlinuxCame looks for the kernel again.
func (s *Session) vmlinuxCame(ctx context.Context, a *arrival, f file, err error) {
	defer close(a.ended)
	if ctx.Err() != nil {
		a.refuse = fmt.Errorf("%w (fetching it was given up)", a.refuse)
		return
	}
	gone := s.Quiesced(ctx, func(ctx context.Context, v *Stopped) error {
		v.fetcher.asked[f.buildID] = err
		a.came = true
		defer v.fetcher.vmlinux.CompareAndSwap(a, nil)
		if v.World != nil {
			return nil // of another boot
		}
		v.look.Store(true)
		if a.refuse = v.lookOnce(ctx); errors.Is(a.refuse, kernel.ErrNotBooted) {
			a.refuse = nil // it was reset: it is looked for until it is there
		}
		return nil
	})
	if a.refuse = errors.Join(a.refuse, gone); !s.waits.Load() {
		s.sayNoKernel(ctx, a.refuse)
	}
}

// AwaitKernel is KernelKnown when a vmlinux that is being fetched has come, or has
// not.
func (s *Session) AwaitKernel(ctx context.Context) bool {
	if a := s.fetcher.vmlinux.Load(); a != nil {
		select {
		case <-a.ended:
		case <-s.stubLost:
		case <-ctx.Done():
		}
	}
	return s.KernelKnown()
}

// awaitVmlinux waits for the vmlinux that attaching has found to be missing, and
// lets a guest that ran run meanwhile.
// Errors: why no kernel is known in the end.
func (s *Session) awaitVmlinux(ctx context.Context, a *arrival) error {
	if a == nil {
		return nil
	}
	if !s.paused {
		if err := s.Continue(ctx); err != nil && !errors.Is(err, rsp.ErrRunning) {
			return err
		}
	}
	select {
	case <-a.ended:
	case <-s.stubLost:
		return s.lostError()
	case <-ctx.Done():
		<-a.ended // its download ends with the same context
	}
	if a.refuse != nil || !s.Running() {
		return a.refuse
	}
	_, err := s.Halt(ctx)
	return err
}
