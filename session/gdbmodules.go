package session

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"ktrap/rsp"
	"ktrap/session/machine"
	"ktrap/session/target"
	"ktrap/symbols"
	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
)

// A module that comes or goes is announced to every gdb that reads the list of
// libraries: one that waits for a stop gets a special one, reads the list anew,
// sets its breakpoints, those in init functions too, and goes on by itself. The
// guest stands until the last of them has; to all others it runs. A gdb that does
// not wait is told when it next resumes.

// moduleWatch is where modules come and go. Owned by the worker.
type moduleWatch struct {
	on    bool // the hooks are to be set in every kernel
	hooks []*Hook
	gone  addr.Addr // struct module of the one that is being freed; no library any more
	asks  bool      // of an inspection: gdbs are to look before the guest goes on
}

// watchModules sets the hooks, once, in this kernel and those to come.
func (v *Stopped) watchModules(ctx context.Context) {
	if v.moduleWatch.on {
		return
	}
	v.moduleWatch.on = true
	v.hookModules(ctx)
	v.found = append(v.found, func(ctx context.Context, v *Stopped) error {
		v.hookModules(ctx)
		v.modulesChanged()
		v.kernelMoved(ctx)
		return nil
	})
}

// hookModules moves the hooks to this kernel. A function that it does not have
// costs the news, nothing else: the list is right whenever it is read.
func (v *Stopped) hookModules(ctx context.Context) {
	w := &v.moduleWatch
	for _, h := range w.hooks {
		if err := v.Unhook(ctx, h); err != nil {
			v.log.Debug("take out a hook of the last kernel", "err", err)
		}
	}
	w.hooks, w.gone = nil, 0
	for name, freed := range map[string]bool{"do_init_module": false, "free_module": true} {
		for _, f := range append(v.World.Symbols.Find(name), v.World.Symbols.FindVariants(name)...) {
			if strings.HasSuffix(f.Name, ".cold") {
				continue
			}
			h, err := v.Hook(ctx, f.Start, func(ctx context.Context, v *Stopped, cpu target.CPU) bool {
				v.moduleMoves(ctx, cpu, freed)
				return false
			})
			if err != nil {
				v.log.Warn("watch for modules", "at", name, "err", err)
				continue
			}
			w.hooks = append(w.hooks, h)
		}
	}
}

// moduleMoves is called when a module is complete and its init function about to
// run, or when one that nothing runs in any more is about to be freed.
func (v *Stopped) moduleMoves(ctx context.Context, cpu target.CPU, freed bool) {
	regs, err := v.Target.Regs(ctx, cpu)
	if err != nil {
		v.log.Warn("see which module moves", "err", err)
		return
	}
	args := regs.CFI()
	at, _ := args.Get(cfi.RDI) // the struct module, the only argument of both
	v.moduleWatch.gone = 0
	if freed {
		v.moduleWatch.gone = addr.Addr(at)
	} else {
		v.forgetModule(ctx, addr.Addr(at))
	}
	if err := v.RefreshModules(ctx); err != nil {
		v.log.Debug("list modules", "err", err)
	}
	v.modulesChanged()
	v.moduleWatch.asks = true
}

// forgetModule drops what is known of an earlier module of the same name, which
// may have lain at the same place.
func (v *Stopped) forgetModule(ctx context.Context, at addr.Addr) {
	loaded, err := v.World.Kernel.Modules(ctx)
	if err != nil {
		v.log.Debug("list modules", "err", err)
	}
	for i := range loaded {
		if loaded[i].Addr != at {
			continue
		}
		w := *v.World
		w.modules, w.parts = "", maps.Clone(w.parts)
		maps.DeleteFunc(w.parts, func(key string, _ part) bool { return strings.HasPrefix(key, loaded[i].Name+"@") })
		v.World = &w
	}
}

// modulesChanged notes that gdbs have an old list.
func (v *Stopped) modulesChanged() {
	_ = v.call(func() { // after the loop's end nobody is told
		for g := range v.gdbs {
			g.due = g.modules
		}
	})
}

// libraryModules lists the modules that gdb may use.
func (v *Stopped) libraryModules(ctx context.Context) []*symbols.Module {
	if err := v.RefreshModules(ctx); err != nil {
		v.log.Debug("list modules for gdb", "err", err)
	}
	list := v.World.Symbols.Modules()
	if v.moduleWatch.gone == 0 {
		return list
	}
	loaded, err := v.World.Kernel.Modules(ctx)
	if err != nil {
		return list
	}
	for i := range loaded {
		if loaded[i].Addr == v.moduleWatch.gone {
			return slices.DeleteFunc(slices.Clone(list), func(m *symbols.Module) bool { return m.Name == loaded[i].Name })
		}
	}
	return list
}

// consult tells those who wait of the new list. It is for a turn of the loop.
func (s *Session) consult() {
	for g := range s.gdbs {
		if g.waits && g.due {
			g.looks = true
			s.tasks.Go(func() { g.tellModules(true) })
		}
	}
	s.consulted(nil)
}

// consulted lets the guest go on when nobody looks any more. instead is what the
// client that had resumed the guest now wants, nil if that has not changed. It is for
// a turn of the loop.
func (s *Session) consulted(instead *machine.Resume) {
	if instead != nil {
		s.instead = instead
	}
	for g := range s.gdbs {
		if g.looks {
			return
		}
	}
	if s.machine.Consults() {
		instead, s.instead = s.instead, nil
		s.step(machine.GoOn{Instead: instead})
	}
}

// tellModules sends the stop that makes gdb read the list of libraries. looks
// says that the guest goes on when it has.
func (g *gdbClient) tellModules(looks bool) {
	err := g.s.Do(g.s.workCtx, func(ctx context.Context, v *Stopped) error {
		v.threads.last = runner{} // this stop has no number of its own
		t, err := v.telling(g)
		if err != nil {
			return err
		}
		at, reply := v.stopFor(ctx, &t)
		return v.call(func() {
			if g.looks != looks || !g.waits {
				return // an interrupt was quicker
			}
			g.due, g.waits = false, false
			g.stands(at)
			reply.Signal, reply.Reason = sigTrap, rsp.Library
			g.send(reply.Append(nil))
		})
	})
	switch {
	case err == nil || errors.Is(err, rsp.ErrClosed):
	case errors.Is(err, rsp.ErrRunning): // another client was quicker: gdb waits with it
		_ = g.s.call(func() { // after the loop's end gdb is cut off
			if g.waits && g.wants {
				g.s.step(machine.Interrupt{})
			}
		})
	case looks:
		g.s.log.Warn("tell gdb of modules", "client", string(g.owner), "err", err)
		_ = g.s.call(func() { // the guest must not wait for it
			g.looks = false
			g.s.consulted(nil)
		})
	}
}
