package cause

// Areas are where a kernel has put the parts of its address space that it moves at
// boot. Fields are 0 where that is not known.
// Source: linux arch/x86/mm/kaslr.c kaslr_regions, which keeps their order;
// Documentation/arch/x86/x86_64/mm.rst.
type Areas struct {
	DirectMap uint64 // page_offset_base
	Vmalloc   uint64 // vmalloc_base
	Vmemmap   uint64 // vmemmap_base
}

// What the areas have room for, with 4 and with 5 levels of page tables.
const (
	vmallocSize4 = 1 << 45
	vmallocSize5 = 12800 << 40
	vmemmapSize4 = 1 << 40
	vmemmapSize5 = 1 << 49
)

// of names the area of an address that no symbol covers.
func (a *Areas) of(at uint64, la57 bool) string {
	vmalloc, vmemmap := uint64(vmallocSize4), uint64(vmemmapSize4)
	if la57 {
		vmalloc, vmemmap = vmallocSize5, vmemmapSize5
	}
	switch {
	case at-0xffffffff80000000 < 0x7f000000:
		return "in the area of the kernel and its modules"
	case at-0xfffffe0000000000 < 1<<39:
		return "in cpu_entry_area"
	case a.Vmalloc != 0 && at-a.Vmalloc < vmalloc:
		return "in the vmalloc area"
	case a.Vmemmap != 0 && at-a.Vmemmap < vmemmap:
		return "in the array of struct page"
	case a.DirectMap != 0 && a.DirectMap < a.Vmalloc && at-a.DirectMap < a.Vmalloc-a.DirectMap:
		return "in the area of the direct map"
	}
	return ""
}
