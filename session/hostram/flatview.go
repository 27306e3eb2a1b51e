package hostram

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const pageSize = 4096

// Range is guest RAM at neighbouring guest-physical addresses, in whole pages.
type Range struct {
	First, Last uint64 // first and last byte
	Host        uint64 // where the first byte lies in QEMU's memory
}

// maxRanges bounds what a monitor may make us ask; machines have some ten.
const maxRanges = 256

// ErrViews says that QEMU's CPUs do not all see the memory of the system.
var ErrViews = errors.New("QEMU tells of no memory that the system and all CPUs share")

// ParseRAM finds RAM in what QEMU's monitor says to `info mtree -f`: in the
// flat view of the system's memory, which must be that of all CPUs. What can be
// read but not written (ROM), devices, and pieces of pages are left out.
//
//	FlatView #3
//	 AS "memory", root: system
//	 AS "cpu-memory-0", root: system
//	 Root memory region: system
//	  0000000000000000-00000000000c2fff (prio 0, ram): pc.ram
//	  00000000000c3000-00000000000e7fff (prio 0, rom): pc.ram @00000000000c3000
//	  0000000000100000-000000001fffffff (prio 0, ram): pc.ram @0000000000100000 KVM
//
// Shape: ascending, without overlaps, Host zero.
// Errors: wraps ErrViews; text that contradicts itself.
// Source: QEMU softmmu/memory.c, mtree_print_flatview.
func ParseRAM(text string) ([]Range, error) {
	var system string
	views := strings.Split(text, "FlatView #")
	for _, view := range views {
		cpus, memory := sharedBy(view)
		if !memory && cpus == 0 {
			continue
		}
		if !memory || cpus == 0 || system != "" {
			return nil, ErrViews
		}
		system = view
	}
	if system == "" {
		return nil, ErrViews
	}
	var ranges []Range
	var seen uint64 // addresses below have been told of
	for line := range strings.Lines(system) {
		r, kind, ok := parseFlatRange(line)
		if !ok {
			continue
		}
		if r.First < seen || r.Last < r.First {
			return nil, fmt.Errorf("read QEMU's memory map: %q out of order", strings.TrimSpace(line))
		}
		if seen = r.Last + 1; seen == 0 {
			seen = r.Last // nothing may follow the last address
		}
		if r, ok = wholePages(r); ok && kind == "ram" {
			ranges = append(ranges, r)
		}
	}
	if len(ranges) == 0 || len(ranges) > maxRanges {
		return nil, fmt.Errorf("read QEMU's memory map: %d ranges of RAM", len(ranges))
	}
	return ranges, nil
}

// sharedBy tells how many CPUs see a flat view, and whether it is the system's.
func sharedBy(view string) (cpus int, memory bool) {
	for line := range strings.Lines(view) {
		name, ok := strings.CutPrefix(strings.TrimSpace(line), `AS "`)
		switch {
		case !ok:
		case strings.HasPrefix(name, `memory"`):
			memory = true
		case strings.HasPrefix(name, "cpu-memory-"):
			cpus++
		}
	}
	return cpus, memory
}

// parseFlatRange reads "FIRST-LAST (prio N, KIND): NAME".
func parseFlatRange(line string) (r Range, kind string, ok bool) {
	span, rest, ok := strings.Cut(strings.TrimSpace(line), " (prio ")
	first, last, dash := strings.Cut(span, "-")
	_, rest, comma := strings.Cut(rest, ", ")
	kind, _, paren := strings.Cut(rest, "):")
	if !ok || !dash || !comma || !paren {
		return Range{}, "", false
	}
	var err, err2 error
	r.First, err = strconv.ParseUint(first, 16, 64)
	r.Last, err2 = strconv.ParseUint(last, 16, 64)
	if err != nil || err2 != nil {
		return Range{}, "", false
	}
	return r, kind, true
}

// wholePages cuts a range down to the pages that lie in it whole.
func wholePages(r Range) (Range, bool) {
	const low = pageSize - 1
	first, end := (r.First+low)&^low, (r.Last+1)&^uint64(low)
	if first < r.First || end <= first { // the last page of all is never RAM
		return Range{}, false
	}
	return Range{First: first, Last: end - 1}, true
}

// ParseHost reads what QEMU's monitor says to `gpa2hva ADDR`: the name of the
// block of RAM, and the address in QEMU's memory.
//
//	Host virtual address for 0x1000000 (pc.ram) is 0x7fa7d8e00000
//
// Source: QEMU monitor/misc.c, hmp_gpa2hva.
func ParseHost(text string) (block string, host uint64, err error) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), "Host virtual address for 0x")
	_, rest, open := strings.Cut(rest, " (")
	at := strings.LastIndex(rest, ") is 0x")
	if !ok || !open || at < 0 {
		return "", 0, fmt.Errorf("read where RAM lies: QEMU says %.80q", text)
	}
	host, err = strconv.ParseUint(rest[at+len(") is 0x"):], 16, 64)
	if err != nil {
		return "", 0, fmt.Errorf("read where RAM lies: QEMU says %.80q", text)
	}
	return rest[:at], host, nil
}
