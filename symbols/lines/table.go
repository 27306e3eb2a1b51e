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
	rows    []row
	maxHigh uint64 // of this and all before it
}

// table is the decoded line program of a unit.
type table struct {
	*header
	seqs []sequence // by low address
}

func readTable(u *dwarfx.Unit) (*table, error) {
	if !u.HasLines {
		return &table{header: &header{}}, nil
	}
	h, err := readHeader(u)
	if err != nil {
		return &table{header: &header{}}, err
	}
	t := &table{header: h}
	t.seqs, err = h.run()
	slices.SortStableFunc(t.seqs, func(a, b sequence) int { return cmp.Compare(a.Low, b.Low) })
	var high uint64
	for i := range t.seqs {
		high = max(high, t.seqs[i].High)
		t.seqs[i].maxHigh = high
	}
	return t, err
}

// find gives the sequence that holds a pc and the index of its row: the last one
// at or before the pc.
func (t *table) find(pc uint64) (*sequence, int) {
	i := sort.Search(len(t.seqs), func(i int) bool { return t.seqs[i].Low > pc }) - 1
	for ; i >= 0 && t.seqs[i].maxHigh > pc; i-- {
		if s := &t.seqs[i]; s.Contains(pc) {
			return s, sort.Search(len(s.rows), func(i int) bool { return s.rows[i].addr > pc }) - 1
		}
	}
	return nil, -1
}
