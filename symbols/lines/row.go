package lines

import (
	"fmt"

	"ktrap/symbols/addr"
	"ktrap/symbols/elffile"
)

// Row is the code of one line around a pc, for stepping by line: all adjoining
// rows of the line table that name the same file and line.
type Row struct {
	Low, High addr.LinkAddr
	Place
	Stmt bool // a statement of this line starts exactly at the pc
}

// RowAt gives the row around a pc; false when no line covers it.
// Errors: the file is damaged.
func (i *Info) RowAt(pc addr.LinkAddr) (r Row, ok bool, err error) {
	err = elffile.Guard(func() error {
		u, err := i.unitFor(uint64(pc))
		if u == nil || err != nil {
			return err
		}
		t, err := u.table()
		if s, n := t.find(uint64(pc)); s != nil && s.rows[n].line != 0 {
			r, ok = s.around(n, uint64(pc)), true
			r.Place = u.place(t, s.rows[n])
		}
		return err
	})
	if err != nil {
		err = fmt.Errorf("look up line range of %v: %w", pc, err)
	}
	return r, ok, err
}

// around merges the rows next to row n that belong to the same line.
func (s *sequence) around(n int, pc uint64) Row {
	low, high := n, n+1
	for low > 0 && (s.sameLine(low-1, n) || s.empty(low-1)) {
		low--
	}
	for s.empty(low) {
		low++
	}
	for high < len(s.rows) && (s.sameLine(high, n) || s.empty(high)) {
		high++
	}
	r := Row{Low: addr.LinkAddr(s.rows[low].addr), High: addr.LinkAddr(s.High)}
	if high < len(s.rows) {
		r.High = addr.LinkAddr(s.rows[high].addr)
	}
	for j := n; j >= 0 && s.rows[j].addr == pc; j-- {
		r.Stmt = r.Stmt || s.rows[j].stmt && s.sameLine(j, n)
	}
	return r
}

func (s *sequence) sameLine(a, b int) bool {
	return s.rows[a].line == s.rows[b].line && s.rows[a].file == s.rows[b].file
}

// empty reports whether a row has no code: the next one starts where it does.
func (s *sequence) empty(n int) bool {
	return n+1 < len(s.rows) && s.rows[n].addr == s.rows[n+1].addr
}
