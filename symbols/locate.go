package symbols

import (
	"slices"
	"strings"

	"ktrap/symbols/addr"
	"ktrap/symbols/lines"
)

// Locate gives where an address lies in the source: innermost inlined function
// first, the function that holds the code last, named as the kernel names it. The
// address is taken as is: for a return address pass what the frame's LookupPC says.
// Shape: at least one level whenever a symbol or debug information is found.
func (s *Symbolizer) Locate(a addr.Addr) ([]Location, Reason) {
	if !s.IsText(a) {
		return nil, NotText
	}
	f, named := s.Func(a)
	locs, reason := s.frames(a)
	if len(locs) == 0 {
		if !named {
			return nil, NoSymbol
		}
		locs = []Location{{}}
	}
	outer := &locs[len(locs)-1]
	if named {
		outer.Func, outer.Off, outer.Size = f.Name, f.Off, f.Size
	}
	if p := s.moduleOf(a); p != nil {
		for i := range locs {
			locs[i].Module = p.mod.Name
		}
	}
	return locs, reason
}

// Home gives the image that holds the code at an address and the address in it;
// false when there is none, as for a module without a file.
func (s *Symbolizer) Home(a addr.Addr) (*Image, addr.LinkAddr, bool) {
	if p := s.moduleOf(a); p != nil {
		link, ok := p.link(a)
		return p.mod.Image, link, ok && p.mod.Image != nil
	}
	return s.vmlinux, s.slide.Link(a), inRanges(s.text, a)
}

// Place gives the run-time address of an address of vmlinux or of a module's
// file; false when the image is not of this snapshot or the guest has no such
// section. Per-CPU addresses of vmlinux stay what they are: offsets.
func (s *Symbolizer) Place(im *Image, a addr.LinkAddr) (addr.Addr, bool) {
	if im == s.vmlinux {
		return s.vmlinuxAddr(a), true
	}
	for _, p := range s.placed {
		if p.mod.Image == im && im != nil {
			return p.run(a)
		}
	}
	return 0, false
}

// frames asks the debug information.
func (s *Symbolizer) frames(a addr.Addr) ([]Location, Reason) {
	if p := s.moduleOf(a); p != nil && p.mod.Image == nil {
		if p.kernel() {
			return nil, NoDebugInfo
		}
		return nil, NoModuleFile
	}
	im, link, ok := s.Home(a)
	switch {
	case !ok:
		return nil, NoLine
	case !im.HasDWARF():
		return nil, NoDebugInfo
	}
	frames, err := im.lines.Lookup(link)
	if err != nil {
		im.log.Warn("debug information is damaged", "path", im.Path(), "err", err)
	}
	if len(frames) == 0 || frames[0].Func == "" {
		if r := im.filler(link); r != Complete {
			return nil, r
		}
	}
	if len(frames) == 0 {
		return nil, NoLine
	}
	if frames[0].Line == 0 {
		return im.locations(frames), Generated
	}
	return im.locations(frames), Complete
}

// filler tells why an address without a function has none: Padding or Prefix, or
// Complete when it is no filler.
func (im *Image) filler(a addr.LinkAddr) Reason {
	sym, ok := im.SymbolAt(a)
	switch {
	case ok && strings.HasPrefix(sym.Name, "__pfx_"):
		return Prefix
	case ok && sym.ELFSize > 0 && uint64(a-sym.Addr) >= sym.ELFSize:
		return Padding
	}
	return Complete
}

func (im *Image) locations(frames []lines.Frame) []Location {
	locs := make([]Location, len(frames))
	for i, f := range frames {
		locs[i] = Location{
			Func: f.Func, Inlined: f.Inlined,
			File: treePath(f.Place, im.sourceRoot), Path: f.Path, Line: f.Line, Column: f.Column,
		}
		if i > 0 {
			locs[i-1].CallFile, locs[i-1].CallLine = locs[i].File, locs[i].Line
		}
	}
	return locs
}

// Lines gives the breakpoint places of a source line: statement starts, one per
// function or inlined copy. The file is matched by the end of its path; a line
// without code gives the next one that has some.
func (s *Symbolizer) Lines(file string, line int) []addr.Addr {
	var list []addr.Addr
	if s.vmlinux != nil {
		list = s.vmlinux.addresses(file, line, func(a addr.LinkAddr) (addr.Addr, bool) { return s.slide.Run(a), true })
	}
	for _, p := range s.placed {
		if p.mod.Image != nil {
			list = append(list, p.mod.Image.addresses(file, line, p.run)...)
		}
	}
	return list
}

func (im *Image) addresses(file string, line int, run func(addr.LinkAddr) (addr.Addr, bool)) []addr.Addr {
	if !im.HasDWARF() {
		return nil
	}
	found, err := im.lines.Addresses(file, line, func(p lines.Place) bool { return samePath(p, im.sourceRoot, file) })
	if err != nil {
		im.log.Warn("debug information is damaged", "path", im.Path(), "err", err)
	}
	var list []addr.Addr
	for _, link := range found {
		if a, ok := run(link); ok {
			list = append(list, a)
		}
	}
	slices.Sort(list)
	return list
}

// LineRange is the code of one source line around an address.
type LineRange struct {
	Range
	File string
	Line int
	Stmt bool // a statement of the line starts exactly at the address
}

// LineRange gives the code of the source line around an address, for stepping by
// line; false when no line is known.
func (s *Symbolizer) LineRange(a addr.Addr) (LineRange, bool) {
	im, link, ok := s.Home(a)
	if !ok || !im.HasDWARF() {
		return LineRange{}, false
	}
	row, ok, err := im.lines.RowAt(link)
	if err != nil {
		im.log.Warn("debug information is damaged", "path", im.Path(), "err", err)
	}
	if !ok {
		return LineRange{}, false
	}
	start := a - addr.Addr(link-row.Low)
	return LineRange{
		Range: Range{start, start + addr.Addr(row.High-row.Low)},
		File:  treePath(row.Place, im.sourceRoot), Line: row.Line, Stmt: row.Stmt,
	}, true
}
