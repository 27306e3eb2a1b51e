package symbols

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"ktrap/symbols/addr"
)

// moduleSpace is where modules lie that KASLR has moved, MODULES_VADDR.
// Source: linux Documentation/arch/x86/x86_64/mm.rst.
const (
	moduleSpace    addr.Addr = 0xffffffffc0000000
	moduleSpaceEnd addr.Addr = 0xffffffffff000000
	imageSpace     addr.Addr = 0xffffffff80000000
)

// whyNotCode says why an address is no code, in words that lead on.
func (f *Offline) whyNotCode(a addr.Addr) string {
	switch {
	case !a.Kernel():
		return "not kernel code: not an address of the kernel"
	case a >= moduleSpace && a < moduleSpaceEnd:
		return "not kernel code: among modules, and none is known to be there; --kallsyms and --module say where they are"
	case a < imageSpace || a >= moduleSpaceEnd || f.vmlinux == nil:
		return NotText.String()
	}
	first, ok := f.vmlinux.Symbol("_text")
	last, ok2 := f.vmlinux.Symbol("_end")
	low, high := f.o.Slide.Run(first.Addr), f.o.Slide.Run(last.Addr)
	if !ok || !ok2 || low <= a && a < high {
		return NotText.String()
	}
	return fmt.Sprintf("not kernel code: the image lies at %v to %v; if KASLR moved it, --slide or --kallsyms says how far", low, high)
}

// whyNoLine says why a line of a file has no address.
func (f *Offline) whyNoLine(q Query) string {
	if f.vmlinux != nil && !f.vmlinux.HasDWARF() || f.vmlinux == nil && !slices.ContainsFunc(f.mods, func(m *Module) bool { return m.Image != nil && m.Image.HasDWARF() }) {
		return NoDebugInfo.String()
	}
	if err := f.supplementMissing(); err != nil {
		return err.Error()
	}
	if len(f.sym.Lines(q.File, 1)) == 0 {
		return fmt.Sprintf("no file %s has code here", q.File)
	}
	return fmt.Sprintf("no code of %s at or after line %d", q.File, q.Line)
}

// supplementMissing says which file is not there that debug information was moved
// to; nil when all are.
func (f *Offline) supplementMissing() error {
	var images []*Image
	if f.vmlinux != nil {
		images = append(images, f.vmlinux)
	}
	for _, m := range f.mods {
		if m.Image != nil {
			images = append(images, m.Image)
		}
	}
	for _, im := range images {
		if _, err := im.file.Supplement(); err != nil {
			return err
		}
	}
	return nil
}

// whyNoName says why a name is not known.
func whyNoName(q Query) string {
	if q.Module != "" {
		return fmt.Sprintf("no symbol %s in %s", q.Name, q.Module)
	}
	name, _, _ := strings.Cut(q.Name, ":")
	if slices.Contains(sourceExts, path.Ext(name)) {
		return "no symbol of that name; a place in a file is FILE:LINE"
	}
	return "no symbol of that name"
}

// perCPU says where a per-CPU variable is; "" for anything else. Kernels before
// 6.15 link them at 0.
func (f *Offline) perCPU(fn Func) string {
	if f.vmlinux == nil || fn.Module != "" || fn.Start.Kernel() {
		return ""
	}
	return fmt.Sprintf("per CPU, at offset %#x in the area of each", uint64(fn.Start)+fn.Off)
}
