package cfi

import "strings"

// cie is a common information entry: what a group of functions shares.
// Source: DWARF 5, section 6.4.1; version 1 is DWARF 2, 3 DWARF 3, 4 DWARF 4 and 5.
type cie struct {
	codeAlign uint64
	dataAlign int64
	ra        uint64 // column of the return address
	addrSize  int
	signal    bool
	augmented bool // augmentation data has its length before it
	program   []byte
}

// fde is a frame description entry: one function.
type fde struct {
	low, size uint64
	program   []byte
}

// raw is an entry of either kind, not yet decoded.
type raw struct {
	isCIE bool
	cie   uint64 // of an FDE: offset of its CIE
	body  []byte
}

// nextEntry splits one entry off the section. A zero length, which ends
// .eh_frame, is padding here: an entry with no body.
func nextEntry(c *cursor) (raw, bool) {
	size, word := c.uint(4), 4
	if size == 0xffffffff {
		size, word = c.uint(8), 8
	}
	e := cursor{data: c.take(size)}
	if c.bad {
		return raw{}, false
	}
	if size == 0 {
		return raw{}, true
	}
	id := e.uint(word)
	if e.bad {
		return raw{}, true
	}
	cieID := ^uint64(0) >> (64 - 8*word)
	return raw{isCIE: id == cieID, cie: id, body: e.data}, true
}

func parseCIE(body []byte) (cie, bool) {
	c := cursor{data: body}
	version := c.uint(1)
	augmentation := c.cstring()
	info := cie{addrSize: 8}
	switch version {
	case 1, 3:
	case 4:
		info.addrSize = int(c.uint(1))
		if c.uint(1) != 0 { // segment selectors
			return cie{}, false
		}
	default:
		return cie{}, false
	}
	info.codeAlign = c.uleb()
	info.dataAlign = c.sleb()
	if version == 1 {
		info.ra = c.uint(1)
	} else {
		info.ra = c.uleb()
	}
	rest, augmented := strings.CutPrefix(augmentation, "z")
	if augmented {
		info.augmented = true
		c.block()
	}
	// R, P and L describe data of .eh_frame; without a length before it, data
	// of an unknown letter cannot be skipped either.
	if strings.Trim(rest, "S") != "" {
		return cie{}, false
	}
	info.signal = strings.Contains(rest, "S")
	info.program = c.data
	return info, !c.bad && (info.addrSize == 8 || info.addrSize == 4)
}

func parseFDE(body []byte, info *cie) (fde, bool) {
	c := cursor{data: body}
	f := fde{low: c.uint(info.addrSize), size: c.uint(info.addrSize)}
	if info.augmented {
		c.block()
	}
	f.program = c.data
	return f, !c.bad
}
