package lines

import (
	"cmp"
	"slices"
	"sync/atomic"

	"ktrap/symbols/dwarfx"
	"ktrap/symbols/index"
)

// collector gathers what units have for the index, one after the other. It
// answers for every address what lookup does, but goes through a unit once.
type collector struct {
	*unit
	out   *index.Unit
	table *table

	strings *index.Strings
	known   map[uint64]index.Text // offset in .debug_str -> string

	names  map[uint64]uint32 // origin -> number of the name
	files  map[uint32]uint32 // file of the unit -> number of its path
	scopes []stretch         // the number is the scope: later ones win
	open   []outer
	ends   []uint64      // by depth: where the list of children should end, 0 if not said
	seen   *atomic.Int64 // ranges in all units, of all collectors
	err    error

	// Used again for every unit.
	entry   dwarfx.Entry
	abbrevs dwarfx.AbbrevTable
	ranges  []dwarfx.Range
	rows    []row
	lines   []row
}

// outer is a function or an inlined call whose children are being walked.
type outer struct {
	scope  index.Scope
	depth  int
	ranges []dwarfx.Range
}

func newCollector(s *index.Strings, seen *atomic.Int64) *collector {
	return &collector{strings: s, seen: seen, known: map[uint64]index.Text{}, names: map[uint64]uint32{}, files: map[uint32]uint32{}}
}

// collect fills an index unit with what is known of the addresses in spans,
// which are sorted and disjoint.
func (c *collector) collect(i *Info, h dwarfx.Header, spans []dwarfx.Range) (*index.Unit, error) {
	// Not unitAt: what the index has is not kept twice.
	opened, err := dwarfx.OpenUnitIn(&i.sec, h, &c.abbrevs)
	if err != nil {
		return nil, err
	}
	if c.table, err = readTable(opened, c.rows); err != nil {
		return nil, err
	}
	c.rows = c.table.rows
	c.lines = c.table.changes(c.lines[:0])
	c.unit = &unit{info: i, Unit: opened}
	c.out = index.NewUnit(c.strings.Add(c.CompDir))
	c.scopes, c.err = c.scopes[:0], nil
	clear(c.names)
	clear(c.files)
	c.subprograms(c.subprogram)
	if c.err != nil {
		return nil, c.err
	}
	c.merge(flatten(c.scopes), c.lines, spans)
	return c.out, nil
}

// subprogram adds a function and the calls inlined in it.
func (c *collector) subprogram(_ uint64, a *dwarfx.Abbrev, b dwarfx.Buf) {
	if c.err != nil {
		return
	}
	e := &c.entry
	c.Read(&b, a, e)
	c.ranges, _ = c.PCRanges(e.PC, c.ranges[:0]) // damaged: no ranges
	if len(c.ranges) == 0 || !c.count(c.ranges) {
		return
	}
	ranges := slices.Clone(c.ranges)
	c.open = append(c.open[:0], outer{c.scope(0, e, ranges), 0, sorted(ranges)})
	if a.Children {
		c.children(&b)
		c.err = cmp.Or(c.err, b.Err())
	}
}

// children walks through all below a function.
func (c *collector) children(b *dwarfx.Buf) {
	c.ends = append(c.ends[:0], 0)
	depth := 1
	for depth > 0 && b.Len() > 0 {
		a := c.Next(b)
		if a == nil {
			depth--
			// What lookup skips and what is walked through here must be the same.
			if end := c.ends[depth]; end != 0 && end != uint64(b.Off()) {
				b.Fail("children end here, DW_AT_sibling says at %#x", end)
			}
			continue
		}
		for c.open[len(c.open)-1].depth >= depth {
			c.open = c.open[:len(c.open)-1]
		}
		end, _ := c.Sibling(b, a)
		if c.enter(b, a, depth) && a.Children {
			c.ends = append(c.ends[:depth], end)
			depth++
		}
	}
	if depth > 0 {
		b.Fail("children have no end")
	}
}

// enter reads or skips an entry and reports whether its children come next.
func (c *collector) enter(b *dwarfx.Buf, a *dwarfx.Abbrev, depth int) bool {
	switch a.Tag {
	case dwarfx.TagLexicalBlock, dwarfx.TagTryBlock, dwarfx.TagCatchBlock:
		c.SkipAttrs(b, a)
		return true
	case dwarfx.TagInlinedSubroutine:
		start := *b
		e := &c.entry
		c.Read(b, a, e)
		var err error
		if c.ranges, err = c.PCRanges(e.PC, c.ranges[:0]); !c.count(c.ranges) {
			b.Seek(c.End)
			return false
		}
		parent := c.open[len(c.open)-1]
		own := within(c.ranges, parent.ranges)
		if err == nil && len(own) > 0 && len(c.open) <= maxInline {
			c.open = append(c.open, outer{c.scope(parent.scope, e, own), depth, own})
			return true
		}
		*b = start
	}
	c.SkipEntry(b, a)
	return false
}

// count bounds the ranges of all units together.
func (c *collector) count(ranges []dwarfx.Range) bool {
	ok := c.seen.Add(int64(len(ranges))) <= int64(maxRanges(c.Sec))
	if !ok {
		c.err = cmp.Or(c.err, tooManyRanges(c.Header))
	}
	return ok
}

// scope adds a function or an inlined call with the addresses it has.
func (c *collector) scope(parent index.Scope, e *dwarfx.Entry, ranges []dwarfx.Range) index.Scope {
	s := c.out.Scope(parent, c.nameOf(e), c.placeOf(row{
		file: uint32(e.CallFile), line: uint32(e.CallLine), column: uint16(e.CallCol),
	}))
	for _, r := range ranges {
		c.scopes = append(c.scopes, stretch{r, uint64(s)})
	}
	return s
}

// nameOf numbers the name of a function. Most entries have it at their origin,
// where it is looked up once.
func (c *collector) nameOf(e *dwarfx.Entry) uint32 {
	off, ok := c.Ref(e.Origin)
	if !ok || e.Linkage.Present() || e.Name.Present() {
		return c.out.Name(c.textOf(e))
	}
	n, ok := c.names[off]
	if !ok {
		n = c.out.Name(c.textOf(e))
		c.names[off] = n
	}
	return n
}

// textOf gives the name of a function. Those of headers are in many units, and
// one string in the file.
func (c *collector) textOf(e *dwarfx.Entry) index.Text {
	in, name := c.named(e)
	if name.Form != dwarfx.FormStrp {
		return c.strings.Add(in.String(name))
	}
	text, ok := c.known[name.U]
	if !ok {
		text = c.strings.Add(in.String(name))
		c.known[name.U] = text
	}
	return text
}

// placeOf is what place says of a row, with numbers.
func (c *collector) placeOf(r row) index.Place {
	if r.line == 0 {
		return index.Place{}
	}
	n, ok := c.files[r.file]
	if !ok {
		if path := c.table.path(uint64(r.file), c.CompDir); path != "" {
			n = c.out.File(c.strings.Add(path))
		}
		c.files[r.file] = n
	}
	return index.Place{File: n, Line: r.line, Column: uint32(r.column)}
}
