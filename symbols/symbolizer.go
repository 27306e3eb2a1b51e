package symbols

import (
	"ktrap/symbols/addr"
)

// Symbolizer answers questions about run-time addresses. It is an immutable
// snapshot, safe for concurrent use; when modules come or go a new one is made.
type Symbolizer struct {
	vmlinux *Image
	slide   addr.Slide
	mods    []*Module
	placed  []*placed
	text    []Range // vmlinux's executable sections
}

// NewSymbolizer makes a snapshot of vmlinux at a slide with the modules loaded.
// vmlinux may be nil: then only modules are known.
func NewSymbolizer(vmlinux *Image, slide addr.Slide, mods []*Module) *Symbolizer {
	s := &Symbolizer{vmlinux: vmlinux, slide: slide, mods: mods}
	if vmlinux != nil {
		s.text = vmlinux.text(slide)
	}
	for _, m := range mods {
		s.placed = append(s.placed, newPlaced(m))
	}
	return s
}

func (im *Image) text(slide addr.Slide) (list []Range) {
	for _, sec := range im.file.Sections() {
		if sec.Exec() {
			start := slide.Run(addr.LinkAddr(sec.Addr))
			list = append(list, Range{start, start + addr.Addr(sec.Size)})
		}
	}
	return list
}

// Slide gives what KASLR added.
func (s *Symbolizer) Slide() addr.Slide { return s.slide }

// Vmlinux gives the image of the kernel proper.
func (s *Symbolizer) Vmlinux() *Image { return s.vmlinux }

// Modules gives the modules of the snapshot; the slice must not be changed.
func (s *Symbolizer) Modules() []*Module { return s.mods }

// IsText reports whether an address is code of the kernel or of a module.
func (s *Symbolizer) IsText(a addr.Addr) bool {
	return inRanges(s.text, a) || s.moduleOf(a) != nil
}

func inRanges(rs []Range, a addr.Addr) bool {
	for _, r := range rs {
		if r.Contains(a) {
			return true
		}
	}
	return false
}

func (s *Symbolizer) moduleOf(a addr.Addr) *placed {
	for _, p := range s.placed {
		if inRanges(p.text, a) {
			return p
		}
	}
	return nil
}

// Func gives the symbol that covers an address, as the kernel's %pS prints it.
// Data is found too.
func (s *Symbolizer) Func(a addr.Addr) (Func, bool) {
	for _, p := range s.placed {
		if p.covers(a) {
			return p.at(a)
		}
	}
	if s.vmlinux == nil || !a.Kernel() {
		return Func{}, false
	}
	if sym, ok := s.vmlinux.SymbolAt(s.slide.Link(a)); ok {
		f := s.vmlinuxFunc(sym)
		f.Off = uint64(a - f.Start)
		return f, true
	}
	return Func{}, false
}

// Find gives everything of that name at its run-time address: vmlinux first,
// then modules in order, each by address.
func (s *Symbolizer) Find(name string) []Func {
	var list []Func
	if s.vmlinux != nil {
		for _, sym := range s.vmlinux.Symbols(name) {
			list = append(list, s.vmlinuxFunc(sym))
		}
	}
	for _, p := range s.placed {
		list = append(list, p.named(name)...)
	}
	return list
}

func (s *Symbolizer) vmlinuxFunc(sym Symbol) Func {
	return Func{Name: sym.Name, Start: s.vmlinuxAddr(sym.Addr), Size: sym.Size, Kind: sym.Kind}
}

// vmlinuxAddr moves an address of vmlinux to where it runs. Per-CPU symbols are
// linked at 0 by kernels before 6.15 and do not move.
func (s *Symbolizer) vmlinuxAddr(a addr.LinkAddr) addr.Addr {
	if at := addr.Addr(a); !at.Kernel() {
		return at
	}
	return s.slide.Run(a)
}
