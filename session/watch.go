package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ktrap/session/kernel"
	"ktrap/session/trap"
)

// watchPeriod is how often a running guest is looked after.
const watchPeriod = 150 * time.Millisecond

// watch looks after a running guest until ctx ends: for a kernel while none is
// known, and for a crash report that does not end.
func (s *Session) watch(ctx context.Context) {
	tick := time.NewTicker(watchPeriod)
	defer tick.Stop()
	var watched int64        // the report that is waited for
	var waited time.Duration // while the guest ran
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if !s.Running() {
			continue
		}
		if s.look.Load() {
			s.lookForKernel(ctx)
		}
		if n := s.open.Load(); n == 0 || n != watched {
			watched, waited = n, 0
			continue
		}
		if waited += watchPeriod; waited >= s.opts.patience() {
			s.giveUp(ctx)
		}
	}
}

// lookForKernel looks once.
func (s *Session) lookForKernel(ctx context.Context) {
	err := s.Quiesced(ctx, func(ctx context.Context, v *Stopped) error { return v.lookOnce(ctx) })
	s.sayNoKernel(ctx, err)
}

// lookOnce is tried again only while nothing is mapped: any other error stays
// the same until the guest is reset.
func (v *Stopped) lookOnce(ctx context.Context) error {
	if v.World != nil || !v.look.Load() {
		return nil
	}
	err := v.findKernel(ctx)
	if !errors.Is(err, kernel.ErrNotBooted) && ctx.Err() == nil {
		v.look.Store(false)
	}
	return err
}

// sayNoKernel tells why no kernel was found, unless it is too early for one.
func (s *Session) sayNoKernel(ctx context.Context, err error) {
	early := errors.Is(err, kernel.ErrNotBooted) || errors.Is(err, errFetching)
	if err != nil && !early && ctx.Err() == nil {
		s.emit(Event{Kind: Refused, Text: err.Error(), Err: err})
	}
}

// giveUp reports what has not come to its end while the guest ran.
func (s *Session) giveUp(ctx context.Context) {
	err := s.Quiesced(ctx, func(ctx context.Context, v *Stopped) error {
		*v.shown = v.reportUnfinished(ctx, fmt.Sprintf("the guest ran for %v and its kernel did not", v.opts.patience()))
		return nil
	})
	if err != nil && ctx.Err() == nil {
		s.log.Warn("report an unfinished crash", "err", err)
	}
}

// noteOpen tells the watcher which report is under way.
func (v *Stopped) noteOpen() {
	var n int
	if o := v.engine.Oldest(); o != nil {
		n = o.N
	}
	v.open.Store(int64(n))
}

// reportUnfinished reports, with what there is, every crash whose text never
// became complete. It returns one that policy stops at, nil if there is none.
func (v *Stopped) reportUnfinished(ctx context.Context, why string) *Crash {
	var shown *Crash
	for {
		o := v.engine.Oldest()
		if o == nil {
			v.noteOpen()
			return shown
		}
		do := v.engine.GiveUp(o.CPU)
		if err := v.move(ctx, 0, do.Unwatch); err != nil {
			v.log.Debug("follow a report to its end", "err", err)
		}
		if crash, stops := v.abandoned(ctx, do, why); stops {
			shown = crash
		}
	}
}

// abandoned completes one such report.
func (v *Stopped) abandoned(ctx context.Context, do trap.Do, why string) (crash *Crash, stops bool) {
	c, ok := do.Complete.Context.(*captured)
	if !ok {
		return nil, false
	}
	c.missing("the text of this crash: %s print it to the end", why)
	verdict := v.complete(ctx, c.cpu, do)
	crash, _ = verdict.Report.(*Crash)
	return crash, verdict.Show
}
