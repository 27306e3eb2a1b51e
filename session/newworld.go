package session

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"ktrap/session/kernel"
	"ktrap/session/unwind"
	"ktrap/symbols"
	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
	"ktrap/symbols/orc"
)

// newWorld builds what answers questions about a kernel that has been proven.
func (v *Stopped) newWorld(ctx context.Context, k *kernel.Kernel) (*World, error) {
	w := &World{
		Kernel: k,
		finder: symbols.NewModuleFinder(k.Release, v.opts.ModuleDirs),
		parts:  make(map[string]part),
	}
	return w.rebuilt(ctx, v)
}

// RefreshModules replaces the world if modules have come or gone since it was
// built.
// Errors: wraps ErrNoKernel; a damaged list gives the modules before the damage.
func (v *Stopped) RefreshModules(ctx context.Context) error {
	if _, err := v.Kernel(); err != nil {
		return err
	}
	w, err := v.World.rebuilt(ctx, v)
	if w != nil && w != v.World {
		v.use(w)
		v.emit(Event{Kind: Modules, Text: fmt.Sprintf("%d modules", len(w.Symbols.Modules()))})
	}
	return err
}

// use replaces the world.
func (v *Stopped) use(w *World) {
	v.World = w
	v.world.Store(w)
	v.fetchModules(w)
}

// partKey tells the parts of modules apart: by name and place, and by where code is,
// as the memory of a finished init is given to the next module.
func partKey(m *kernel.Module) string {
	return fmt.Sprintf("%s@%x%x", m.Name, uint64(m.Base), m.Text)
}

// part is what was found for one loaded module: it holds as long as the module
// stays where it is.
type part struct {
	mod  *symbols.Module
	orc  cfi.Table
	cfi  []unwind.Area
	text []symbols.Range
}

// rebuilt returns w if its modules are those that are loaded now, else a world
// with the new ones. A corrupted list gives the modules before the damage.
func (w *World) rebuilt(ctx context.Context, v *Stopped) (*World, error) {
	mods, err := w.Kernel.Modules(ctx)
	if err != nil {
		v.log.Warn("read the list of modules", "c", "kernel", "err", err)
	}
	var print strings.Builder
	for _, m := range mods {
		fmt.Fprintf(&print, "%s ", partKey(&m))
	}
	if w.Symbols != nil && print.String() == w.modules {
		return w, nil
	}
	next := &World{Kernel: w.Kernel, finder: w.finder, parts: make(map[string]part), modules: print.String()}
	var areasORC, areasCFI []unwind.Area
	var placed []*symbols.Module
	for i := range mods {
		key := partKey(&mods[i])
		p, known := w.parts[key]
		if !known {
			p = next.newPart(ctx, v, &mods[i])
			if p.mod.Image == nil || !p.mod.Image.HasDWARF() {
				next.missing = append(next.missing, file{mods[i].Name, mods[i].BuildID})
			}
		}
		next.parts[key] = p
		placed = append(placed, p.mod)
		areasCFI = append(areasCFI, p.cfi...)
		for _, r := range p.text {
			if p.orc != nil {
				areasORC = append(areasORC, unwind.Area{Low: r.Start, High: r.End, Table: p.orc})
			}
		}
	}
	next.Symbols = symbols.NewSymbolizer(v.image, w.Kernel.Slide, placed)
	kernelORC, kernelCFI, err := next.kernelAreas(ctx, v)
	if err != nil {
		v.log.Warn("load unwind tables", "c", "unwind", "err", err)
	}
	next.Unwinder = &unwind.Unwinder{
		ORC:  unwind.NewMap(append(areasORC, kernelORC...)...),
		CFI:  unwind.NewMap(append(areasCFI, kernelCFI...)...),
		Text: next.Symbols.IsText,
		Log:  v.log.With("c", "unwind"),
	}
	return next, nil
}

// newPart finds the file and the tables of one module. Whatever is missing is
// missing for this module only, and said in its note.
func (w *World) newPart(ctx context.Context, v *Stopped, m *kernel.Module) part {
	p := part{mod: &symbols.Module{Name: m.Name, Sections: m.Sections, Text: m.Text}, text: m.Text}
	path, err := w.finder.Find(m.Name, m.BuildID)
	if err == nil {
		p.mod.Image, err = symbols.Open(path, &symbols.OpenOptions{Log: v.log, Base: v.image})
	}
	if err != nil {
		p.mod.Note = err.Error()
	}
	p.cfi = moduleCFI(p.mod)
	if p.mod.Syms, err = w.Kernel.ModuleSymbols(ctx, m); err != nil {
		v.log.Warn("read symbols of a module", "c", "kernel", "module", m.Name, "err", err)
	}
	raw, err := w.Kernel.ModuleORC(ctx, m)
	if err == nil {
		p.orc, err = orc.New(raw.IP, raw.IPBase, raw.Entries, orc.VersionOf(raw.Header, w.Kernel.Release))
	}
	if err != nil && !errors.Is(err, kernel.ErrNoORC) {
		v.log.Warn("load unwind tables of a module", "c", "unwind", "module", m.Name, "err", err)
	}
	return p
}

// wholeImage is the area of a table that covers the kernel image, from its
// first byte to its last.
func (w *World) wholeImage(t cfi.Table, slide addr.Slide) unwind.Area {
	area := unwind.Area{High: ^addr.Addr(0), Table: t, Slide: slide}
	if low, ok := w.Kernel.Symbol("_text"); ok {
		area.Low = low
	}
	if high, ok := w.Kernel.Symbol("_end"); ok {
		area.High = high
	}
	return area
}

func (w *World) kernelAreas(ctx context.Context, v *Stopped) (orcAreas, cfiAreas []unwind.Area, err error) {
	raw, err := w.Kernel.VmlinuxORC(ctx)
	if err == nil {
		var t *orc.Table
		if t, err = orc.New(raw.IP, raw.IPBase, raw.Entries, orc.VersionOf(raw.Header, w.Kernel.Release)); err == nil {
			slide := w.Kernel.Slide
			if raw.Run {
				slide = 0
			}
			orcAreas = append(orcAreas, w.wholeImage(t, slide))
		}
	}
	frame, ferr := v.image.File().Section(".debug_frame")
	if ferr == nil {
		cfiAreas = append(cfiAreas, w.wholeImage(cfi.NewDebugFrame(frame), w.Kernel.Slide))
	}
	if len(orcAreas)+len(cfiAreas) > 0 {
		err = nil
	}
	return orcAreas, cfiAreas, err
}
