package symbols

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"

	"ktrap/symbols/addr"
)

// Offline answers about a kernel that is not at hand: from vmlinux, from a symbol
// table saved from it, and from modules that are looked for on the host as they
// are asked for. It is not safe for concurrent use.
type Offline struct {
	vmlinux *Image // may be nil
	finder  *ModuleFinder
	o       OfflineOptions
	log     *slog.Logger

	mods   []*Module
	opened map[sought]error // modules that were looked for
	images []*Image         // to close
	sym    *Symbolizer
}

// sought is a module that was looked for; without a build-id any will do.
type sought struct{ name, buildID string }

// OfflineOptions says what is known of the kernel besides vmlinux.
type OfflineOptions struct {
	Slide      addr.Slide
	Kallsyms   *Kallsyms            // nil: none; else it tells the slide
	Bases      map[string]addr.Addr // module -> where its code is, as /proc/modules says
	ModuleDirs []string
	// Fetch is as in [OpenOptions], for modules.
	Fetch func(buildID string) (string, error)
	Log   *slog.Logger // nil discards
}

// NewOffline opens a kernel, which then owns the image; vmlinux may be nil when
// there are Kallsyms, and it may be a module's file alone.
// Errors: the symbol table is of another kernel.
func NewOffline(vmlinux *Image, o *OfflineOptions) (*Offline, error) {
	f := &Offline{vmlinux: vmlinux, o: *o, log: o.Log, opened: map[sought]error{}}
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	if k := o.Kallsyms; k != nil {
		f.mods = k.Loaded()
		switch {
		case vmlinux == nil || vmlinux.IsModule():
			if kernel := k.Kernel(); kernel != nil {
				f.mods = append(f.mods, kernel)
			}
		default:
			slide, err := k.Slide(vmlinux)
			if err != nil {
				return nil, err
			}
			f.o.Slide = slide
		}
	}
	if vmlinux != nil && vmlinux.IsModule() {
		f.vmlinux = nil
		name, _ := moduleOfFile(filepath.Base(vmlinux.Path()))
		f.images = append(f.images, vmlinux)
		f.opened[sought{name, ""}] = f.add(name, vmlinux)
	}
	for name := range o.Bases {
		f.load(moduleName(name), "")
	}
	f.renew()
	return f, nil
}

// Close closes all files.
func (f *Offline) Close() {
	for _, im := range f.images {
		im.Close() // read-only: nothing to lose
	}
	if f.vmlinux != nil {
		f.vmlinux.Close()
	}
}

// Stop ends what goes on in the background, for a process that ends too: to unmap
// the files takes longer than to leave them to its end.
func (f *Offline) Stop() {
	for _, im := range f.images {
		im.lines.Close() // read-only: nothing to lose
	}
	if f.vmlinux != nil {
		f.vmlinux.lines.Close()
	}
}

// Prepare says that these locations will be asked for soon. Addresses of the
// kernel itself are made ready; names, and modules, are looked for one by one.
func (f *Offline) Prepare(locs []string) {
	if f.vmlinux == nil {
		return
	}
	var pcs []addr.LinkAddr
	for _, loc := range locs {
		if a, ok := parseAddr(strings.TrimSpace(loc)); ok {
			pcs = append(pcs, f.o.Slide.Link(a))
		}
	}
	f.vmlinux.Prepare(pcs)
}

// Symbolizer gives the snapshot with the modules seen so far.
func (f *Offline) Symbolizer() *Symbolizer { return f.sym }

func (f *Offline) renew() { f.sym = NewSymbolizer(f.vmlinux, f.o.Slide, f.mods) }

// Module looks for the file of a module that a query names; once per build-id. A
// file that is open already serves for all, whatever build-id it has.
func (f *Offline) Module(name, buildID string) error {
	name = moduleName(name)
	if f.moduleImage(name) != nil {
		return nil
	}
	if err, done := f.opened[sought{name, buildID}]; done {
		return err
	}
	err := f.load(name, buildID)
	f.renew()
	return err
}

// moduleImage gives the file of a module, nil when none is open.
func (f *Offline) moduleImage(name string) *Image {
	for _, m := range f.mods {
		if m.Name == name && m.Image != nil {
			return m.Image
		}
	}
	return nil
}

func (f *Offline) load(name, buildID string) error {
	err := f.open(name, buildID)
	f.opened[sought{name, buildID}] = err
	return err
}

func (f *Offline) open(name, buildID string) error {
	if f.finder == nil {
		f.finder = NewModuleFinder(f.Release(), f.o.ModuleDirs)
	}
	path, err := f.finder.Find(name, buildID)
	if err != nil {
		return err
	}
	im, err := Open(path, &OpenOptions{Log: f.log, Base: f.vmlinux, Fetch: f.o.Fetch})
	if err != nil {
		return err
	}
	f.images = append(f.images, im)
	return f.add(name, im)
}

// Release gives the release of the kernel, "" when it is not known.
func (f *Offline) Release() string {
	if f.vmlinux == nil {
		return ""
	}
	return f.vmlinux.Release()
}

// add ties a module's file to where the module is: as the symbol table says, at
// the address given, else somewhere of its own where no kernel address is.
func (f *Offline) add(name string, im *Image) error {
	for _, m := range f.mods {
		if m.Name != name || m.Image != nil {
			continue
		}
		at, err := PlaceBySymbols(im, m.Syms)
		if err != nil {
			return fmt.Errorf("use %s: %w", im.Path(), err)
		}
		m.Image, m.Sections = im, at
		return nil
	}
	m := &Module{Name: name, Image: im}
	if base, ok := f.o.Bases[name]; ok {
		m.Sections = PlaceByBase(im, base)
	} else {
		m.Sections = linkSections(im.file, addr.Addr(len(f.mods)+1)<<unplacedShift)
	}
	f.mods = append(f.mods, m)
	return nil
}

// unplacedShift keeps modules that are nowhere apart from each other.
const unplacedShift = 40
