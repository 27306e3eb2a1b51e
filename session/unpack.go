package session

import (
	"errors"
	"fmt"

	"ktrap/symbols"
)

// unpacking is a source tarball that is being unpacked, or has been.
type unpacking struct {
	ended chan struct{}
	err   error // written before ended is closed
}

// unpackLater has a tarball unpacked with nobody waiting, once, and says so.
// Errors: wraps symbols.ErrNoSource; why there is no source text now.
func (v *Stopped) unpackLater(packed *symbols.PackedError) error {
	u, known := v.unpacked[packed.Tarball]
	if !known {
		u = v.unpack(packed.Tarball)
		v.unpacked[packed.Tarball] = u
	}
	select {
	case <-u.ended:
		if u.err != nil {
			return fmt.Errorf("%w: %w", packed, u.err)
		}
		return packed // it has just been unpacked, or was and was taken away again
	default:
		return fmt.Errorf("%w yet: that is under way, ask again soon", packed)
	}
}

func (v *Stopped) unpack(tarball string) *unpacking {
	u, s, ctx := &unpacking{ended: make(chan struct{})}, v.Session, v.fetchCtx
	s.Tell(fmt.Sprintf("unpacking %s, this once: source text can be shown when that is done", tarball))
	s.tasks.Go(func() {
		u.err = symbols.Unpack(ctx, tarball, symbols.KeptSources(), nil)
		close(u.ended)
		switch {
		case u.err == nil:
			s.Tell(fmt.Sprintf("%s is unpacked: source text can be shown", tarball))
		case ctx.Err() == nil:
			s.Tell(u.err.Error())
		}
	})
	return u
}

// SourceAround gives the source lines around a location, n on each side.
// Errors: wraps symbols.ErrNoSource.
func (v *Stopped) SourceAround(l symbols.Location, n int) ([]symbols.SourceLine, error) {
	lines, err := v.sources().Context(l, n)
	if packed, ok := errors.AsType[*symbols.PackedError](err); ok {
		return nil, v.unpackLater(packed)
	}
	return lines, err
}
