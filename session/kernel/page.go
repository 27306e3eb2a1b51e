package kernel

import (
	"context"
	"debug/dwarf"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ktrap/symbols/addr"
)

// Where the direct map and the array of struct page begin in kernels that do not
// randomize it.
// Source: linux Documentation/arch/x86/x86_64/mm.rst.
const (
	pageShift     = 12
	fixedDirect   = 0xffff888000000000
	fixedPageInfo = 0xffffea0000000000
)

// Page is what the kernel keeps of one physical page.
type Page struct {
	Addr    addr.Addr // of its struct page
	Head    addr.Addr // of that of the first page, if it is part of a larger one; else Addr
	Flags   uint64    // of the first page
	Names   []string  // of the flags that are set, "locked" for PG_locked; nil if they are not known
	Refs    int       // references to the first page
	Mapping addr.Addr // of the first page: address_space, or anon_vma with low bits set; 0 if there is none
}

// Page describes the page of a physical address.
// Errors: *target.FaultError where there is no RAM.
func (k *Kernel) Page(ctx context.Context, phys uint64) (Page, error) {
	m := k.memory(ctx)
	s, err := shapeOf(k.layouts, "page", "flags", "compound_head", "mapping", "_refcount")
	if err != nil {
		return Page{}, err
	}
	if err := s.need("flags", "compound_head"); err != nil || s.size <= 0 {
		return Page{}, errors.Join(err, errors.New("struct page is of an unknown kind"))
	}
	first, err := k.base(ctx, "vmemmap_base", fixedPageInfo)
	if err != nil {
		return Page{}, err
	}
	p := Page{Addr: first + addr.Addr(phys>>pageShift*uint64(s.size))}
	o, err := s.read(m, p.Addr)
	if err != nil {
		return Page{}, err
	}
	p.Head = p.Addr
	if head := o.ptr("compound_head"); head&1 != 0 {
		p.Head = head - 1
		if p.Head < first || p.Head > p.Addr {
			return Page{}, &CorruptError{"page", p.Addr, fmt.Sprintf("its first page would be %v", p.Head)}
		}
		if o, err = s.read(m, p.Head); err != nil {
			return Page{}, err
		}
	}
	p.Flags = uint64(o.ptr("flags")) // a struct of its own since 6.18
	p.Refs, _ = o.int("_refcount")
	p.Mapping = o.ptr("mapping")
	p.Names = k.flagNames(p.Flags)
	return p, nil
}

// base reads where a region of memory begins.
func (k *Kernel) base(ctx context.Context, name string, fixed addr.Addr) (addr.Addr, error) {
	v, ok, err := k.word(k.memory(ctx), name, 8)
	if !ok {
		v = uint64(fixed)
	}
	return addr.Addr(v), err
}

// direct is where the kernel maps a physical address for good.
func (k *Kernel) direct(ctx context.Context, phys uint64) (addr.Addr, error) {
	base, err := k.base(ctx, "page_offset_base", fixedDirect)
	return base + addr.Addr(phys), err
}

// enumerators finds enums; *types.Info does.
type enumerators interface {
	Constant(name string) (int64, dwarf.Type, error)
}

// flagNames are the names of a page's flags. Some have two, of which the first in
// enum pageflags is what the flag is in general.
func (k *Kernel) flagNames(flags uint64) []string {
	e, ok := k.layouts.(enumerators)
	if !ok {
		return nil
	}
	_, t, err := e.Constant("PG_locked")
	enum, ok := t.(*dwarf.EnumType)
	if err != nil || !ok {
		return nil
	}
	limit := int64(64)
	for _, v := range enum.Val {
		if v.Name == "__NR_PAGEFLAGS" {
			limit = v.Val // above are node, zone and section
		}
	}
	var names []string
	var seen []int64
	for _, v := range enum.Val {
		if v.Val < 0 || v.Val >= limit || flags>>v.Val&1 == 0 || slices.Contains(seen, v.Val) {
			continue
		}
		seen = append(seen, v.Val)
		if name, ok := strings.CutPrefix(v.Name, "PG_"); ok {
			names = append(names, name)
		}
	}
	return names
}
