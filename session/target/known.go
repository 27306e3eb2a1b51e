package target

import (
	"context"
	"errors"
	"sync/atomic"

	"ktrap/rsp"
)

// ErrUnknown says that the stub would have to be asked.
var ErrUnknown = errors.New("not known yet")

// unasked notes in a context what the stub was not asked for.
type unasked struct{ missed atomic.Bool }

type unaskedKey struct{}

// OnlyKnown gives a context in which the stub is asked nothing, for somebody who cannot
// wait: what is not known of the stop by now gives ErrUnknown. missed reports whether
// anything did.
func OnlyKnown(ctx context.Context) (known context.Context, missed func() bool) {
	u := new(unasked)
	return context.WithValue(ctx, unaskedKey{}, u), u.missed.Load
}

// askable is a stub that is not asked in such a context.
type askable struct{ stub }

func mayAsk(ctx context.Context) error {
	if u, ok := ctx.Value(unaskedKey{}).(*unasked); ok {
		u.missed.Store(true)
		return ErrUnknown
	}
	return nil
}

func (s askable) Threads(ctx context.Context) ([]rsp.ThreadID, error) {
	if err := mayAsk(ctx); err != nil {
		return nil, err
	}
	return s.stub.Threads(ctx)
}

func (s askable) Xfer(ctx context.Context, object, annex string) ([]byte, error) {
	if err := mayAsk(ctx); err != nil {
		return nil, err
	}
	return s.stub.Xfer(ctx, object, annex)
}

func (s askable) ReadRegisters(ctx context.Context, t rsp.ThreadID) ([]byte, error) {
	if err := mayAsk(ctx); err != nil {
		return nil, err
	}
	return s.stub.ReadRegisters(ctx, t)
}

func (s askable) ReadMemory(ctx context.Context, t rsp.ThreadID, a uint64, p []byte) error {
	if err := mayAsk(ctx); err != nil {
		return err
	}
	return s.stub.ReadMemory(ctx, t, a, p)
}

func (s askable) Physical(ctx context.Context, f func(read physRead) error) error {
	if err := mayAsk(ctx); err != nil {
		return err
	}
	return s.stub.Physical(ctx, f)
}
