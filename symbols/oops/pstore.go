package oops

import (
	"bytes"
	"slices"
	"strings"
)

// pstore keeps a dump in parts, the newest text in the first, and files are read
// in the order of their names: then the parts of a report come in reverse.
//
//	Panic#1 Part1
//	<4>[   12.345678]  f+0x1/0x2
//	Panic#1 Part2
//	<1>[   12.345600] BUG: kernel NULL pointer dereference, address: 0000000000000000

// maxDump bounds what is held of a dump, in bytes: pstore keeps 64 KiB of a
// record, and few records of a dump.
const maxDump = 4 << 20

// dump is the parts of one dump, held until all have come.
type dump struct {
	name  string // "Panic#1"; empty if no dump is being read
	parts []dumpPart
	size  int
}

type dumpPart struct {
	number int
	lines  []Line
}

// parsePart reads the line that begins a part.
// Sample: Panic#1 Part3
func parsePart(text string) (name string, number int, ok bool) {
	name, rest, ok := strings.Cut(text, " Part")
	if !ok || !allDigits(rest) {
		return "", 0, false
	}
	reason, count, ok := strings.Cut(name, "#")
	if !ok || !allDigits(count) || reason == "" || strings.Contains(reason, " ") {
		return "", 0, false
	}
	return name, atoi(rest), true
}

// take holds a line back if it is of a dump.
func (d *dump) take(l *Line) bool {
	name, number, isHead := "", 0, false
	if len(l.Text) <= 40 {
		name, number, isHead = parsePart(l.Text)
	}
	if isHead && (d.name == "" || d.name == name) {
		d.name = name
		d.parts = append(d.parts, dumpPart{number: number})
		return true
	}
	if d.name == "" || isHead || d.size > maxDump {
		return false
	}
	d.size += len(l.Raw)
	held := *l
	held.Raw = bytes.Clone(l.Raw)
	last := &d.parts[len(d.parts)-1]
	last.lines = append(last.lines, held)
	return true
}

// end gives the lines that were held, oldest first, and forgets them.
func (d *dump) end() []Line {
	slices.SortStableFunc(d.parts, func(a, b dumpPart) int { return b.number - a.number })
	var all []Line
	for _, p := range d.parts {
		all = append(all, p.lines...)
	}
	*d = dump{}
	return all
}
