package debug

import (
	"ktrap/session/unwind"
	"ktrap/symbols"
	"ktrap/symbols/addr"
	"ktrap/symbols/types"
)

// frameIn is a frame of code of an image as its variables are located in it.
func (s *scope) frameIn(im *symbols.Image, f *unwind.Frame) *types.Frame {
	return &types.Frame{
		Regs: &f.Regs, CFA: s.cfa(f), Memory: s.mem,
		Run: func(a addr.LinkAddr) addr.Addr {
			at, _ := s.v.World.Symbols.Place(im, a) // 0 is read as an error by whoever uses it
			return at
		},
		Caller: func() (*types.Caller, error) { return s.callerOf(f), nil },
	}
}

// cfa gives a frame's CFA; a place that is only registers has none yet.
func (s *scope) cfa(f *unwind.Frame) addr.Addr {
	if f.CFA != 0 || s.place.Task != nil {
		return f.CFA
	}
	here, _ := s.outward(f)
	return here.CFA
}

// callerOf is the frame that called a frame's function; nil where the code was
// entered by an exception, and where it is only a guess who called.
func (s *scope) callerOf(f *unwind.Frame) *types.Caller {
	_, next := s.outward(f)
	if next == nil || next.Interrupted || next.User || !next.Reliable() {
		return nil
	}
	at := next.LookupPC()
	im, link, ok := s.v.World.Symbols.Home(at)
	if !ok {
		return nil
	}
	return &types.Caller{
		Info: im.Types(), Frame: s.frameIn(im, next),
		Return: link + addr.LinkAddr(next.PC-at),
	}
}

// outward walks from a frame to the one outside of it; nil where there is none.
func (s *scope) outward(f *unwind.Frame) (here unwind.Frame, next *unwind.Frame) {
	u := *s.v.World.Unwinder
	first := true
	for found, err := range u.FramesFrom(*f, s.mem) {
		switch {
		case err != nil:
			return here, nil
		case !first:
			return here, &found
		}
		here, first = found, false
	}
	return here, nil
}
