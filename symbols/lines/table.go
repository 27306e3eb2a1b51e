package lines

import (
	"cmp"
	"slices"
	"sort"

	"ktrap/symbols/dwarfx"
)

// sequence is a run of rows in address order. Sequences of a program come in no
// order: gcc writes .text.unlikely first.
type sequence struct {
	dwarfx.Range
	rows []row
}

// table is the decoded line program of a unit.
type table struct {
	*header
	seqs  []sequence // by low address
	cover []stretch  // which of them covers an address
	rows  []row      // of all sequences
}

// readTable decodes the line program of a unit, into buf as far as it reaches.
func readTable(u *dwarfx.Unit, buf []row) (*table, error) {
	if !u.HasLines {
		return &table{header: &header{}}, nil
	}
	h, err := readHeader(u)
	if err != nil {
		return &table{header: &header{}}, err
	}
	t := &table{header: h}
	t.seqs, t.rows, err = h.run(buf)
	slices.SortStableFunc(t.seqs, func(a, b sequence) int { return cmp.Compare(a.Low, b.Low) })
	t.cover = make([]stretch, len(t.seqs))
	for i, s := range t.seqs {
		t.cover[i] = stretch{s.Range, uint64(i)}
	}
	t.cover = flatten(t.cover)
	return t, err
}

// find gives the sequence that holds a pc and the index of its row: the last one
// at or before the pc.
func (t *table) find(pc uint64) (*sequence, int) {
	n, ok := covering(t.cover, pc)
	if !ok {
		return nil, -1
	}
	s := &t.seqs[n]
	return s, s.rowAt(pc)
}

// rowAt gives the index of the last row at or before a pc of the sequence.
func (s *sequence) rowAt(pc uint64) int {
	return sort.Search(len(s.rows), func(i int) bool { return s.rows[i].addr > pc }) - 1
}
