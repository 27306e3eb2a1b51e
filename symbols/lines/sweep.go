package lines

import (
	"cmp"
	"slices"
	"sort"

	"ktrap/symbols/dwarfx"
	"ktrap/symbols/index"
)

// sorted orders ranges and joins those that touch.
func sorted(ranges []dwarfx.Range) []dwarfx.Range {
	slices.SortFunc(ranges, func(a, b dwarfx.Range) int { return cmp.Compare(a.Low, b.Low) })
	out := ranges[:0]
	for _, r := range ranges {
		if n := len(out); n > 0 && r.Low <= out[n-1].High {
			out[n-1].High = max(out[n-1].High, r.High)
			continue
		}
		out = append(out, r)
	}
	return out
}

// within gives what ranges have in common with those of the function around
// them, which are sorted; the result is sorted too.
func within(ranges, around []dwarfx.Range) []dwarfx.Range {
	own := make([]dwarfx.Range, 0, len(ranges))
	for _, r := range sorted(ranges) {
		n := sort.Search(len(around), func(i int) bool { return around[i].High > r.Low })
		for ; n < len(around) && around[n].Low < r.High; n++ {
			own = append(own, dwarfx.Range{Low: max(r.Low, around[n].Low), High: min(r.High, around[n].High)})
		}
	}
	return own
}

// changes lists the rows of a unit by address, each good until the next; a row
// without a line says that none is known from there on.
func (t *table) changes(out []row) []row {
	for i, c := range t.cover {
		s := &t.seqs[c.id]
		for k := s.rowAt(c.Low); k < len(s.rows) && s.rows[k].addr < c.High; k++ {
			if k+1 < len(s.rows) && s.rows[k+1].addr <= max(c.Low, s.rows[k].addr) {
				continue // without code: the next one starts where it does
			}
			r := s.rows[k]
			r.addr = max(r.addr, c.Low)
			out = append(out, r)
		}
		if i+1 == len(t.cover) || t.cover[i+1].Low != c.High {
			out = append(out, row{addr: c.High})
		}
	}
	return out
}

// merge makes the rows of the index of scopes and lines, cut to the spans.
func (c *collector) merge(scopes []stretch, lines []row, spans []dwarfx.Range) {
	var line row
	for _, span := range spans {
		for pos := span.Low; pos < span.High; {
			next := span.High
			for len(lines) > 0 && lines[0].addr <= pos {
				line, lines = lines[0], lines[1:]
			}
			if len(lines) > 0 {
				next = min(next, lines[0].addr)
			}
			for len(scopes) > 0 && scopes[0].High <= pos {
				scopes = scopes[1:]
			}
			scope := uint64(0)
			if len(scopes) > 0 && scopes[0].Low <= pos {
				scope = scopes[0].id
				next = min(next, scopes[0].High)
			} else if len(scopes) > 0 {
				next = min(next, scopes[0].Low)
			}
			c.out.Row(pos, index.Scope(scope), c.placeOf(line))
			pos = next
		}
		c.out.End(span.High)
	}
}
