package kernel

import (
	"ktrap/symbols"
	"ktrap/symbols/addr"
	"ktrap/symbols/types"
)

// vmlinux is what this package asks of the file; *symbols.Image is one.
type vmlinux interface {
	Path() string
	BuildID() string
	Banner() string
	Symbol(name string) (symbols.Symbol, bool)
}

// sections gives contents and places of the file's sections; *elffile.File.
type sections interface {
	Section(name string) ([]byte, error)
	SectionAddr(name string) (a, size uint64, ok bool)
}

// typeLayouts gives *types.Info the shape of layouts.
type typeLayouts struct{ *types.Info }

// Layout implements layouts.
func (t typeLayouts) Layout(name string) (layout, error) {
	l, err := t.Info.Layout(name)
	if err != nil {
		return nil, err
	}
	return l, nil
}

// kernelImage is where the kernel image's mapping begins, __START_KERNEL_map.
// Link addresses below it (zero-based per-CPU data, absolute symbols) do not
// move with KASLR.
const kernelImage = 0xffffffff80000000

// moduleSpace is where modules begin on a kernel with KASLR, MODULES_VADDR.
// Source: linux Documentation/arch/x86/x86_64/mm.rst.
const moduleSpace = 0xffffffffc0000000

// link finds the link address of the first of several names that exists.
func link(v vmlinux, names ...string) (addr.LinkAddr, bool) {
	for _, n := range names {
		if s, ok := v.Symbol(n); ok {
			return s.Addr, true
		}
	}
	return 0, false
}
