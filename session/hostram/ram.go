package hostram

import (
	"fmt"
	"slices"
)

// RAM is where guest RAM lies in QEMU's memory.
type RAM []Range

// Locate asks QEMU's monitor which addresses are RAM and where that lies.
// Errors: those of monitor; an answer that is none, or not of one piece per range.
func Locate(monitor func(command string) (string, error)) (RAM, error) {
	text, err := monitor("info mtree -f")
	if err != nil {
		return nil, err
	}
	ranges, err := ParseRAM(text)
	if err != nil {
		return nil, err
	}
	host := func(pa uint64) (block string, at uint64, err error) {
		said, err := monitor(fmt.Sprintf("gpa2hva %#x", pa))
		if err != nil {
			return "", 0, err
		}
		return ParseHost(said)
	}
	for i := range ranges {
		r := &ranges[i]
		block, first, err := host(r.First)
		if err != nil {
			return nil, err
		}
		lastBlock, last, err := host(r.Last)
		if err != nil {
			return nil, err
		}
		if block != lastBlock || last-first != r.Last-r.First {
			return nil, fmt.Errorf("RAM at %#x to %#x is not one piece of QEMU's memory", r.First, r.Last)
		}
		r.Host = first
	}
	return ranges, nil
}

// Find tells where a guest-physical address lies in QEMU's memory, and how many
// bytes from there on are neighbours in both.
func (m RAM) Find(pa uint64) (host, left uint64, ok bool) {
	i, found := slices.BinarySearchFunc(m, pa, func(r Range, pa uint64) int {
		switch {
		case r.Last < pa:
			return -1
		case r.First > pa:
			return 1
		}
		return 0
	})
	if !found {
		return 0, 0, false
	}
	return m[i].Host + (pa - m[i].First), m[i].Last - pa + 1, true
}
