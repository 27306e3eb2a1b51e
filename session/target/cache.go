package target

import (
	"ktrap/rsp"
	"ktrap/symbols/addr"
)

const pageSize = 4096

// maxCachedPages bounds the memory one stop may hold; a reader that goes
// through gigabytes starts the cache afresh instead of growing it.
const maxCachedPages = 16384

// pageKey names a virtual page. Thread and root are zero in the kernel half,
// which all CPUs share; one of them says whose a user page is.
type pageKey struct {
	page   addr.Addr
	thread rsp.ThreadID
	root   uint64
}

// pageCache holds pages of the current stop. A nil page is a known fault.
// It lives in stop, so a resume drops it; writes drop it by hand.
type pageCache struct {
	virt map[pageKey][]byte
	phys map[uint64][]byte
}

func (c *pageCache) virtual(k pageKey) (page []byte, known bool) {
	page, known = c.virt[k]
	return page, known
}

func (c *pageCache) putVirtual(k pageKey, page []byte) {
	if c.virt == nil || len(c.virt) >= maxCachedPages {
		c.virt = map[pageKey][]byte{}
	}
	c.virt[k] = page
}

func (c *pageCache) physical(pa uint64) (page []byte, known bool) {
	page, known = c.phys[pa]
	return page, known
}

func (c *pageCache) putPhysical(pa uint64, page []byte) {
	if c.phys == nil || len(c.phys) >= maxCachedPages {
		c.phys = map[uint64][]byte{}
	}
	c.phys[pa] = page
}
