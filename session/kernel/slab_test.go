package kernel

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"testing"

	"ktrap/session/target"
	"ktrap/symbols/addr"
)

// slabGuest has RAM mapped at heap from physical 0, a page array, and one slab of
// objects of 64 bytes in its second and third page, of which 48 are the user's.
type slabGuest struct {
	*guest
	cache, slab addr.Addr
}

const testRandom = 0x123456789abcdef0

func newSlabGuest(t *testing.T, hardened bool) *slabGuest {
	t.Helper()
	g := &slabGuest{guest: newGuest()}
	cache := map[string][2]int64{"cpu_slab": {0, 8}, "size": {8, 4}, "object_size": {12, 4}, "offset": {16, 4}, "name": {24, 8}, "list": {32, 16}}
	if hardened {
		cache["random"] = [2]int64{48, 8}
	}
	g.layouts = fakeLayouts{
		"page":           {64, map[string][2]int64{"flags": {0, 8}, "compound_head": {8, 8}, "mapping": {24, 8}, "_refcount": {52, 4}}},
		"slab":           {64, map[string][2]int64{"slab_cache": {24, 8}, "freelist": {32, 8}, "objects": {40, 4}}},
		"kmem_cache":     {64, cache},
		"kmem_cache_cpu": {24, map[string][2]int64{"freelist": {0, 8}, "slab": {16, 8}}},
	}
	g.variable("page_offset_base", uint64(heap))
	g.variable("vmemmap_base", fixedPageInfo)
	g.put(fixedPageInfo, make([]byte, pageSize))
	g.next = heap + 8*pageSize
	caches := g.static("slab_caches")
	g.cache = g.alloc(64)
	g.put64(caches, uint64(g.cache)+32)
	g.put64(g.cache+32, uint64(caches))
	g.put32(g.cache+8, 64)
	g.put32(g.cache+12, 48)
	g.put32(g.cache+16, 16)
	g.put64(g.cache+24, uint64(g.str("victims")))
	if hardened {
		g.put64(g.cache+48, testRandom)
	}
	g.slab = fixedPageInfo + 1*64
	g.put64(g.slab+24, uint64(g.cache))
	g.put32(g.slab+40, 128)
	g.put32(g.slab+52, 1)
	g.put64(fixedPageInfo+2*64+8, uint64(g.slab)|1)
	g.put(heap+pageSize, make([]byte, 2*pageSize))
	return g
}

// free chains objects, and gives the head of the list.
func (g *slabGuest) free(hardened bool, objects ...addr.Addr) uint64 {
	next := uint64(0)
	for _, o := range objects {
		link, v := o+16, next
		if hardened {
			v ^= testRandom ^ bits.ReverseBytes64(uint64(link))
		}
		g.put64(link, v)
		next = uint64(o)
	}
	return next
}

func (g *slabGuest) at(t *testing.T, phys uint64) (SlabObject, bool, error) {
	t.Helper()
	p, err := g.Page(t.Context(), phys)
	if err != nil {
		t.Fatal(err)
	}
	return g.SlabObject(t.Context(), p, phys)
}

func TestAnObjectIsFreeIfItIsOnItsSlabsList(t *testing.T) {
	for _, hardened := range []bool{false, true} {
		g := newSlabGuest(t, hardened)
		g.put64(g.slab+32, g.free(hardened, heap+pageSize+64, heap+2*pageSize))
		for phys, want := range map[uint64]SlabObject{
			pageSize + 70:    {"victims", heap + pageSize + 64, 48, 6, SlabFree},
			pageSize + 5:     {"victims", heap + pageSize, 48, 5, SlabAllocated},
			pageSize + 50:    {"victims", heap + pageSize, 48, 50, SlabAllocated},
			2*pageSize + 1:   {"victims", heap + 2*pageSize, 48, 1, SlabFree}, // of a tail page
			2*pageSize + 127: {"victims", heap + 2*pageSize + 64, 48, 63, SlabAllocated},
		} {
			o, ok, err := g.at(t, phys)
			if !ok || err != nil || o != want {
				t.Errorf("hardened %v, %#x: %+v, %v, %v, want %+v", hardened, phys, o, ok, err, want)
			}
		}
	}
}

func TestAnObjectIsFreeIfTheCPUThatAllocatesFromItsSlabHasIt(t *testing.T) {
	g := newSlabGuest(t, true)
	g.variable("__cpu_online_mask", 3)
	offsets := g.static("__per_cpu_offset")
	zero := [2]addr.Addr{g.alloc(4096), g.alloc(4096)}
	g.put64(offsets, uint64(zero[0]))
	g.put64(offsets+8, uint64(zero[1]))
	g.put64(g.cache, 0x100) // cpu_slab
	g.put64(zero[1]+0x100, g.free(true, heap+pageSize+128))
	g.put64(zero[1]+0x110, uint64(g.slab))
	for phys, want := range map[uint64]SlabState{pageSize + 128: SlabFree, pageSize + 64: SlabAllocated} {
		if o, ok, err := g.at(t, phys); !ok || err != nil || o.State != want {
			t.Errorf("%#x: %+v, %v, %v, want %v", phys, o, ok, err, want)
		}
	}
}

func TestWhatIsNoSlabIsNone(t *testing.T) {
	g := newSlabGuest(t, false)
	if o, ok, err := g.at(t, 5*pageSize); ok || err != nil {
		t.Errorf("an empty page: %+v, %v", o, err)
	}
	g.put64(fixedPageInfo+5*64+24, uint64(heap+9*pageSize)) // a mapping, where a slab has its cache
	if o, ok, err := g.at(t, 5*pageSize); ok || err != nil {
		t.Errorf("a page of a file: %+v, %v", o, err)
	}
	_, err := g.Page(t.Context(), 1<<40)
	if _, fault := errors.AsType[*target.FaultError](err); !fault {
		t.Errorf("where there is no RAM: %v", err)
	}
}

func TestADamagedSlabIsSaidToBe(t *testing.T) {
	for name, damage := range map[string]func(g *slabGuest){
		"a free list that leads anywhere": func(g *slabGuest) { g.put64(g.slab+32, 0x4141414141414141) },
		"a free list that goes in a ring": func(g *slabGuest) {
			g.put64(g.slab+32, uint64(heap+pageSize))
			g.put64(heap+pageSize+16, uint64(heap+pageSize))
		},
		"a cache with objects of no bytes": func(g *slabGuest) { g.put32(g.cache+8, 0) },
		"caches that end nowhere":          func(g *slabGuest) { g.put64(g.cache+32, 0); g.put64(g.slab+24, uint64(heap)) },
	} {
		g := newSlabGuest(t, false)
		damage(g)
		_, _, err := g.at(t, pageSize+64)
		if _, corrupt := errors.AsType[*CorruptError](err); !corrupt {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAPageIsDescribed(t *testing.T) {
	g := newSlabGuest(t, false)
	var flags [8]byte
	binary.LittleEndian.PutUint64(flags[:], 0x17ffff00000001)
	g.put(fixedPageInfo+64, flags[:])
	p, err := g.Page(t.Context(), 2*pageSize+3)
	if err != nil || p.Addr != fixedPageInfo+2*64 || p.Head != g.slab || p.Refs != 1 || p.Flags != 0x17ffff00000001 {
		t.Errorf("%+v, %v", p, err)
	}
	g.put64(fixedPageInfo+2*64+8, 0xffffffffffffffff)
	if p, err := g.Page(t.Context(), 2*pageSize); err == nil {
		t.Errorf("a first page beyond the last: %+v", p)
	}
}
