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

// unaskable reports whether the stub is not to be asked, and notes that it would have been.
func unaskable(ctx context.Context) bool {
	u, ok := ctx.Value(unaskedKey{}).(*unasked)
	if ok {
		u.missed.Store(true)
	}
	return ok
}

// askable is a stub that is not asked in such a context.
type askable struct{ s stub }

func (a askable) Threads(ctx context.Context) ([]rsp.ThreadID, error) {
	if unaskable(ctx) {
		return nil, ErrUnknown
	}
	return a.s.Threads(ctx)
}

func (a askable) Xfer(ctx context.Context, object, annex string) ([]byte, error) {
	if unaskable(ctx) {
		return nil, ErrUnknown
	}
	return a.s.Xfer(ctx, object, annex)
}

func (a askable) Monitor(ctx context.Context, command string) (string, error) {
	if unaskable(ctx) {
		return "", ErrUnknown
	}
	return a.s.Monitor(ctx, command)
}

func (a askable) ReadRegisters(ctx context.Context, t rsp.ThreadID) ([]byte, error) {
	if unaskable(ctx) {
		return nil, ErrUnknown
	}
	return a.s.ReadRegisters(ctx, t)
}

func (a askable) WriteRegister(ctx context.Context, t rsp.ThreadID, n int, raw []byte) error {
	if unaskable(ctx) {
		return ErrUnknown
	}
	return a.s.WriteRegister(ctx, t, n, raw)
}

func (a askable) ReadMemory(ctx context.Context, t rsp.ThreadID, at uint64, p []byte) error {
	if unaskable(ctx) {
		return ErrUnknown
	}
	return a.s.ReadMemory(ctx, t, at, p)
}

func (a askable) WriteMemory(ctx context.Context, t rsp.ThreadID, at uint64, p []byte) error {
	if unaskable(ctx) {
		return ErrUnknown
	}
	return a.s.WriteMemory(ctx, t, at, p)
}

func (a askable) Physical(ctx context.Context, f func(read physRead) error) error {
	if unaskable(ctx) {
		return ErrUnknown
	}
	return a.s.Physical(ctx, f)
}
