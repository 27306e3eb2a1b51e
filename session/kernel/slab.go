package kernel

import (
	"context"
	"fmt"
	"math/bits"

	"ktrap/session/target"
	"ktrap/symbols/addr"
)

// SlabObject is the object of a slab cache that an address is in.
type SlabObject struct {
	Cache  string
	Addr   addr.Addr // of the object
	Size   uint64    // of the object, without what the allocator keeps beside it
	Offset int64     // of the address within the object; outside of 0..Size it is in what lies between objects
	State  SlabState
}

// SlabState is what is known of an object's life.
type SlabState int

// The states.
const (
	SlabUnknown SlabState = iota
	SlabAllocated
	SlabFree
	SlabSheaf // allocated, or in a CPU's stock of free ones
)

// String names the state.
func (s SlabState) String() string {
	switch s {
	case SlabAllocated:
		return "allocated"
	case SlabFree:
		return "free"
	case SlabSheaf:
		return "allocated, or in the stock of a CPU"
	}
	return "whether it is allocated is not known"
}

// Limits on what is believed of slab caches.
const (
	maxCaches     = 4096
	maxObjects    = 1 << 15 // objects has 15 bits
	maxObjectSize = 32 << 20
)

// SlabObject finds the object of a physical address. False: the page is of no slab
// cache.
// Errors: *[CorruptError] and read errors.
func (k *Kernel) SlabObject(ctx context.Context, page Page, phys uint64) (SlabObject, bool, error) {
	r, err := k.slabs(ctx)
	if err != nil {
		return SlabObject{}, false, err
	}
	slab, err := r.slab.read(r.mem, page.Head)
	if err != nil {
		return SlabObject{}, false, err
	}
	at := slab.ptr("slab_cache")
	if known, err := r.isCache(at); !known || err != nil {
		return SlabObject{}, false, err // the same bytes mean other things in other pages
	}
	c, err := r.cache.read(r.mem, at)
	if err != nil {
		return SlabObject{}, false, err
	}
	size, _ := c.uint("size")
	objects, _ := slab.uint("objects")
	if size == 0 || size > maxObjectSize || objects == 0 || objects > maxObjects {
		return SlabObject{}, false, &CorruptError{"slab", page.Head, fmt.Sprintf("it claims %d objects of %d bytes", objects, size)}
	}
	first, err := k.slabStart(ctx, page, phys)
	if err != nil {
		return SlabObject{}, false, err
	}
	a, err := k.direct(ctx, phys)
	if err != nil {
		return SlabObject{}, false, err
	}
	pad, _ := c.uint("red_left_pad")
	n := uint64(a-first) / size
	o := SlabObject{Addr: first + addr.Addr(n*size+pad)}
	o.Offset = int64(a - o.Addr)
	o.Size, _ = c.uint("object_size")
	if o.Cache, err = readString(r.mem, c.ptr("name"), maxSectionName); err != nil {
		return o, true, fmt.Errorf("read name of a slab cache: %w", err)
	}
	o.Cache = printable([]byte(o.Cache))
	if n >= objects {
		return o, true, nil // the rest of the slab, too small for one more
	}
	o.State, err = r.state(ctx, k, page.Head, slab, c, o.Addr, int(objects))
	return o, true, err
}

// slabStart is where the kernel maps the first page of a slab.
func (k *Kernel) slabStart(ctx context.Context, page Page, phys uint64) (addr.Addr, error) {
	l, err := k.layouts.Layout("page")
	if err != nil {
		return 0, err
	}
	before := uint64(page.Addr-page.Head) / uint64(l.Size())
	return k.direct(ctx, (phys>>pageShift-before)<<pageShift)
}

// slabs reads slab caches; it lives for one question.
type slabs struct {
	mem                target.Memory
	slab, cache, local *shape
	list               addr.Addr // slab_caches
}

func (k *Kernel) slabs(ctx context.Context) (*slabs, error) {
	r := &slabs{mem: k.memory(ctx)}
	var err error
	if r.slab, err = shapeOf(k.layouts, "slab", "slab_cache", "freelist", "objects"); err != nil {
		r.slab, err = shapeOf(k.layouts, "page", "slab_cache", "freelist", "objects") // up to 5.16
	}
	if err == nil {
		err = r.slab.need("slab_cache", "freelist", "objects")
	}
	if err != nil {
		return nil, err
	}
	r.cache, err = shapeOf(k.layouts, "kmem_cache", "name", "size", "object_size", "list", "offset", "random", "red_left_pad", "cpu_slab", "cpu_sheaves")
	if err == nil {
		err = r.cache.need("name", "size", "object_size", "list", "offset")
	}
	if err != nil {
		return nil, err
	}
	r.local, _ = shapeOf(k.layouts, "kmem_cache_cpu", "slab", "page", "freelist") // newer kernels have none
	var ok bool
	if r.list, ok = k.Symbol("slab_caches"); !ok {
		return nil, fmt.Errorf("no symbol slab_caches")
	}
	return r, nil
}

// isCache reports whether a pointer is that of a slab cache, which all are on one
// list.
func (r *slabs) isCache(at addr.Addr) (bool, error) {
	if !at.Kernel() {
		return false, nil
	}
	next, err := readPtr(r.mem, r.list)
	for n := 0; err == nil && next != r.list; n++ {
		if next == at+r.cache.off("list") {
			return true, nil
		}
		if n >= maxCaches || !next.Kernel() {
			return false, &CorruptError{"list of slab caches", next, "it does not end"}
		}
		next, err = readPtr(r.mem, next)
	}
	return false, err
}

// state looks for an object on the lists of free ones: that of the slab, and that
// of the CPU which allocates from it.
func (r *slabs) state(ctx context.Context, k *Kernel, head addr.Addr, slab, c object, at addr.Addr, objects int) (SlabState, error) {
	free, err := r.onList(c, slab.ptr("freelist"), at, objects)
	if err != nil || free {
		return freeIf(free), err
	}
	if stock := c.ptr("cpu_sheaves"); stock != 0 {
		return SlabSheaf, nil
	}
	local := c.ptr("cpu_slab")
	if local == 0 || r.local == nil {
		return SlabAllocated, nil
	}
	online, err := k.Online(ctx)
	if err != nil {
		return SlabUnknown, err
	}
	for _, cpu := range online {
		own, err := k.PerCPUAddr(ctx, local, cpu)
		if err != nil {
			return SlabUnknown, err
		}
		l, err := r.local.read(r.mem, own)
		if err != nil {
			return SlabUnknown, err
		}
		if l.ptr(r.local.first("slab", "page")) != head {
			continue
		}
		if free, err := r.onList(c, l.ptr("freelist"), at, objects); err != nil || free {
			return freeIf(free), err
		}
	}
	return SlabAllocated, nil
}

func freeIf(free bool) SlabState {
	if free {
		return SlabFree
	}
	return SlabUnknown
}

// onList follows a list of free objects, whose links are scrambled in hardened
// kernels.
// Source: linux mm/slub.c, freelist_ptr_decode.
func (r *slabs) onList(c object, next, at addr.Addr, objects int) (bool, error) {
	random, hardened := c.uint("random")
	offset, _ := c.uint("offset")
	for n := 0; next != 0; n++ {
		if next == at {
			return true, nil
		}
		if n > objects || !next.Kernel() {
			return false, &CorruptError{"list of free objects", next, "it leaves the slab"}
		}
		link := next + addr.Addr(offset)
		v, err := readUint(r.mem, link, 8)
		if err != nil {
			return false, fmt.Errorf("read list of free objects: %w", err)
		}
		if hardened {
			v ^= random ^ bits.ReverseBytes64(uint64(link))
		}
		next = addr.Addr(v)
	}
	return false, nil
}
