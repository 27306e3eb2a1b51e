package session

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"ktrap/session/kernel"
	"ktrap/symbols"
)

// fetchModules has the debug information of loaded modules fetched that is not on
// this host. What has come is put to use a few at a time.
func (v *Stopped) fetchModules(w *World) {
	var came, failed []string
	v.fetch(w.missing, func(ctx context.Context, f file, err error, left int) {
		if err == nil {
			came = append(came, f.name)
		} else {
			failed = append(failed, f.name)
		}
		if ctx.Err() != nil || left > 0 && len(came) < renewAt {
			return
		}
		if len(came) > 0 {
			v.Session.modulesCame(ctx, came)
		}
		if len(failed) > 0 && left == 0 {
			v.Tell("no debug information could be fetched of " + strings.Join(failed, ", "))
		}
		came = nil
	})
}

// renewAt is how many modules must have come for the guest to stand once more.
const renewAt = 8

// modulesCame puts fetched debug information of modules to use.
func (s *Session) modulesCame(ctx context.Context, names []string) {
	err := s.Quiesced(ctx, func(ctx context.Context, v *Stopped) error {
		if v.World == nil {
			return nil
		}
		w, err := v.World.without(names).rebuilt(ctx, v)
		if err != nil {
			return err
		}
		v.use(w)
		return nil
	})
	switch {
	case err == nil:
		s.Tell("debug information has come of " + strings.Join(names, ", "))
	case ctx.Err() == nil:
		s.log.Warn("use fetched debug information", "err", err)
	}
}

// without forgets what was found for modules, so that it is looked for again.
func (w *World) without(names []string) *World {
	next := &World{Kernel: w.Kernel, finder: w.finder, parts: maps.Clone(w.parts)}
	maps.DeleteFunc(next.parts, func(_ string, p part) bool { return slices.Contains(names, p.mod.Name) })
	return next
}

// fetchDWARF has the debug information of a vmlinux fetched that has none.
func (v *Stopped) fetchDWARF() {
	if v.image.HasDWARF() {
		return
	}
	s, f := v.Session, file{"debug information of " + v.image.Path(), v.image.BuildID()}
	v.fetch([]file{f}, func(ctx context.Context, f file, err error, _ int) {
		if err == nil {
			err = s.Quiesced(ctx, func(ctx context.Context, v *Stopped) error { return v.reopenVmlinux(ctx) })
		}
		switch {
		case err == nil:
			s.Tell(f.name + " has come")
		case ctx.Err() == nil:
			s.Tell(fmt.Sprintf("%s cannot be fetched: %v", f.name, err))
		}
	})
}

// reopenVmlinux opens vmlinux with what has been fetched for it. The old image
// stays open: it is that of worlds which others still hold.
func (v *Stopped) reopenVmlinux(ctx context.Context) error {
	if v.World == nil {
		return nil // what has come is found at the next boot
	}
	im, err := symbols.Open(v.image.Path(), &symbols.OpenOptions{Log: v.log})
	if err != nil {
		return err
	}
	k, err := kernel.Attach(ctx, v.Target, im, &kernel.Options{Log: v.log.With("c", "kernel"), Force: v.opts.Force})
	if err == nil && !im.HasDWARF() {
		err = errors.New("what has come is of another build")
	}
	if err != nil {
		im.Close() // read-only: nothing to lose
		return err
	}
	v.image = im
	w, err := v.newWorld(ctx, k)
	if err != nil {
		return err
	}
	v.use(w)
	return nil
}
