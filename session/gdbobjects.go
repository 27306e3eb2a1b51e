package session

import (
	"context"
	"debug/elf"
	"path/filepath"
	"slices"
	"strings"

	"ktrap/session/gdbview"
	"ktrap/symbols"
	"ktrap/symbols/addr"
)

// object answers qXfer for the objects that ktrap has; false: it is QEMU's.
// what is NAME:read:ANNEX:OFFSET,LENGTH.
func (g *gdbClient) object(ctx context.Context, what string, now *moment) bool {
	parts := strings.SplitN(what, ":", 4)
	if len(parts) != 4 || parts[1] != "read" {
		return false
	}
	name, annex, window := parts[0], parts[2], parts[3]
	var make func(context.Context) ([]byte, error)
	switch name {
	case "exec-file":
		make = func(context.Context) ([]byte, error) { return g.execFile() }
	case "threads":
		make = func(ctx context.Context) ([]byte, error) {
			list, err := g.threads(ctx, now)
			return gdbview.Threads(list), err
		}
	case "libraries":
		make = g.libraries
	case "features":
		make = func(ctx context.Context) ([]byte, error) { return g.features(ctx, annex) }
	default:
		return false
	}
	g.reply(g.window(ctx, name+":"+annex, window, make))
	return true
}

// window cuts OFFSET,LENGTH out of an object, which is made anew when gdb begins
// to read it, so that its slices fit together.
func (g *gdbClient) window(ctx context.Context, key, window string, make func(context.Context) ([]byte, error)) []byte {
	if g.slicedKey != key || strings.HasPrefix(window, "0,") {
		object, err := make(ctx)
		if err != nil {
			return errorReply(nil, err)
		}
		g.slicedKey, g.sliced = key, object
	}
	return slice(g.sliced, window)
}

// slice cuts OFFSET,LENGTH out of an object, as qXfer replies do.
func slice(object []byte, window string) []byte {
	from, n, err := parseRange(window)
	if err != nil {
		return []byte("E01")
	}
	object = object[min(from, addr.Addr(len(object))):]
	if len(object) <= n {
		return append([]byte("l"), object...)
	}
	return append([]byte("m"), object[:n]...)
}

// execFile gives a gdb without a file the path of vmlinux, which gdb then loads
// from its own host. This needs vFile to stay unsupported.
func (g *gdbClient) execFile() ([]byte, error) {
	w := g.s.world.Load()
	if w == nil {
		return nil, ErrNoKernel
	}
	path, err := filepath.Abs(w.Symbols.Vmlinux().Path())
	return []byte(path), err
}

// features gives QEMU's target description.
func (g *gdbClient) features(ctx context.Context, annex string) ([]byte, error) {
	text, err := g.s.client.Xfer(ctx, "features", annex)
	if err == nil && annex == "target.xml" {
		text = gdbview.WithoutOS(text)
		_ = g.s.call(func() { g.described = true }) // the reply fails as well
	}
	return text, err
}

// libraries lists the modules that are loaded now. A gdb that asks is told from
// now on when they change.
func (g *gdbClient) libraries(ctx context.Context) ([]byte, error) {
	var list []gdbview.Library
	err := g.s.Do(ctx, func(ctx context.Context, v *Stopped) error {
		if v.World == nil {
			return nil
		}
		v.watchModules(ctx)
		_ = v.call(func() { g.modules, g.due = true, false }) // the reply fails as well
		park, perCPU := parking, v.modulesPerCPU(ctx)
		for _, m := range v.libraryModules(ctx) {
			var l gdbview.Library
			l, park = library(m, perCPU[m.Name], park)
			list = append(list, l)
		}
		return nil
	})
	return gdbview.Libraries(list), err
}

// parking is where gdb is told to put sections that are not in memory, or not any
// more: the last addresses that modules may have, which no kernel comes to use. At
// zero they would give their name to whatever gdb finds there.
// Source: linux Documentation/arch/x86/x86_64/mm.rst.
const parking addr.Addr = 0xfffffffffe000000

// modulesPerCPU gives, by module, where gdb is to put per-CPU data.
func (v *Stopped) modulesPerCPU(ctx context.Context) map[string]addr.Addr {
	loaded, _ := v.World.Kernel.Modules(ctx) // what is wrong with the list was said when it was read for the world
	out := make(map[string]addr.Addr)
	for i := range loaded {
		if at, ok := v.World.Kernel.ModulePerCPU(&loaded[i]); ok {
			out[loaded[i].Name] = at
		}
	}
	return out
}

// library places a module's file where the guest has it. Sections that the guest
// does not name, such as .modinfo, and those of a finished init are parked; perCPU is
// where that of per-CPU data goes, 0 if the module has none.
func library(m *symbols.Module, perCPU, park addr.Addr) (gdbview.Library, addr.Addr) {
	if m.Image == nil {
		l := gdbview.Library{Name: m.Name, Sections: []addr.Addr{park}}
		if len(m.Text) > 0 {
			l.Sections[0] = m.Text[0].Start
		}
		return l, park
	}
	l := gdbview.Library{Name: m.Image.Path()}
	if path, err := filepath.Abs(l.Name); err == nil {
		l.Name = path
	}
	if path, err := readable(l.Name, keptModules()); err == nil {
		l.Name = path // else gdb says that it cannot read it
	}
	inited := !slices.ContainsFunc(m.Text, func(r symbols.Range) bool { return r.Contains(m.Sections[".init.text"]) })
	for _, s := range m.Image.File().Sections() {
		if s.Flags&elf.SHF_ALLOC == 0 {
			continue
		}
		at, loaded := m.Sections[s.Name]
		if s.Name == ".data..percpu" {
			at, loaded = perCPU, perCPU != 0
		}
		if !loaded || inited && strings.HasPrefix(s.Name, ".init.") {
			at, park = park, park+addr.Addr(s.Size+15)&^15
		}
		l.Sections = append(l.Sections, at)
	}
	return l, park
}
