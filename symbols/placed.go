package symbols

import (
	"cmp"
	"slices"
	"sort"
	"strings"

	"ktrap/symbols/addr"
)

// placed is a module with its file's addresses tied to the guest's.
type placed struct {
	mod      *Module
	sections []placedSection
	text     []Range
	syms     []GuestSymbol // by address, order of the guest kept among equals
}

// placedSection says where a section of the file lies in the guest.
type placedSection struct {
	link addr.LinkAddr
	run  addr.Addr
	size uint64
}

func newPlaced(m *Module) *placed {
	p := &placed{mod: m, text: slices.Clone(m.Text)}
	if m.Image != nil {
		p.place(m)
	}
	for _, s := range m.Syms {
		if !unnamed(s.Name) {
			p.syms = append(p.syms, s)
		}
	}
	if len(p.syms) == 0 && m.Image != nil {
		p.syms = p.fileSymbols()
	}
	slices.SortStableFunc(p.syms, func(a, b GuestSymbol) int { return cmp.Compare(a.Addr, b.Addr) })
	return p
}

func (p *placed) place(m *Module) {
	seen := map[string]bool{}
	// The guest goes on naming the addresses of init sections after it freed
	// them; another module may live there by now.
	initGone := len(m.Text) > 0 && !inRanges(m.Text, m.Sections[".init.text"])
	for _, s := range m.Image.file.Sections() {
		run, ok := m.Sections[s.Name]
		if !ok || !s.Alloc() || s.Size == 0 || seen[s.Name] || initGone && strings.HasPrefix(s.Name, ".init") {
			continue
		}
		seen[s.Name] = true
		p.sections = append(p.sections, placedSection{addr.LinkAddr(s.Addr), run, s.Size})
		if s.Exec() && !inRanges(m.Text, run) {
			p.text = append(p.text, Range{run, run + addr.Addr(s.Size)})
		}
	}
}

func (p *placed) fileSymbols() (list []GuestSymbol) {
	t := p.mod.Image.symbols()
	t.guard(func() {
		for _, k := range t.order() {
			if a, ok := p.run(addr.LinkAddr(k.addr)); ok {
				e := t.syms.Symbol(int(k.n))
				list = append(list, GuestSymbol{e.Name, a, kindOf(e)})
			}
		}
	})
	return list
}

// run converts an address of the module's file to the guest's.
func (p *placed) run(a addr.LinkAddr) (addr.Addr, bool) {
	for _, s := range p.sections {
		if a >= s.link && uint64(a-s.link) < s.size {
			return s.run + addr.Addr(a-s.link), true
		}
	}
	return 0, false
}

// link converts an address of the guest to the module's file.
func (p *placed) link(a addr.Addr) (addr.LinkAddr, bool) {
	for _, s := range p.sections {
		if a >= s.run && uint64(a-s.run) < s.size {
			return s.link + addr.LinkAddr(a-s.run), true
		}
	}
	return 0, false
}

// kernel says that this is no module but the symbols of a kernel without vmlinux.
func (p *placed) kernel() bool { return p.mod.Name == "" }

func (p *placed) covers(a addr.Addr) bool {
	if p.kernel() {
		return a.Kernel() && len(p.syms) > 0
	}
	_, ok := p.link(a)
	return ok || inRanges(p.text, a)
}

// at finds the symbol as find_kallsyms_symbol does: the closest at or before a,
// ending at the next one or at the end of the module's text.
func (p *placed) at(a addr.Addr) (Func, bool) {
	i := sort.Search(len(p.syms), func(i int) bool { return p.syms[i].Addr > a }) - 1
	if i < 0 {
		return Func{}, false
	}
	for i > 0 && p.syms[i-1].Addr == p.syms[i].Addr {
		i--
	}
	f := p.function(i)
	f.Off = uint64(a - f.Start)
	covered := f.Off < f.Size
	if text := p.mod.Text; len(text) > 0 && !p.kernel() && !inRanges(p.text, a) {
		// For data the kernel too counts to the end of the text, which lies
		// before it, and prints what comes out: data+0x0/0xffffffffffffdec0.
		f.Size = uint64(text[0].End - f.Start)
	}
	return f, covered
}

func (p *placed) named(name string) []Func {
	var list []Func
	for i := range p.syms {
		if p.syms[i].Name == name {
			list = append(list, p.function(i))
		}
	}
	return list
}

func (p *placed) function(i int) Func {
	s := p.syms[i]
	end := p.end(s.Addr)
	for _, next := range p.syms[i+1:] {
		if next.Addr > s.Addr {
			end = min(end, next.Addr)
			break
		}
	}
	return Func{Name: s.Name, Start: s.Addr, Size: uint64(max(end, s.Addr) - s.Addr), Module: p.mod.Name, Kind: s.Kind}
}

// end gives where the piece of memory that holds a ends.
func (p *placed) end(a addr.Addr) addr.Addr {
	switch {
	case p.kernel() && !a.Kernel(): // a per-CPU symbol
		return addr.KernelHalf
	case p.kernel(): // the last symbol is _end, or not far from it
		return p.syms[len(p.syms)-1].Addr&^(pageSize-1) + pageSize
	}
	for _, r := range p.text {
		if r.Contains(a) {
			return r.End
		}
	}
	for _, s := range p.sections {
		if a >= s.run && uint64(a-s.run) < s.size {
			return s.run + addr.Addr(s.size)
		}
	}
	return a
}
