package lines

import (
	"cmp"
	"fmt"
	"path"
	"slices"

	"ktrap/symbols/addr"
	"ktrap/symbols/dwarfx"
	"ktrap/symbols/elffile"
)

// Addresses gives the places for breakpoints on a source line: where its
// statements start, one per function or inlined copy. Files with the base name
// of file are offered to match. A line without code gives the next one that has
// some, per file.
// Shape: ascending, no duplicates; nil when no file matches.
// Errors: the file is damaged; what was found in sound units is given too.
func (i *Info) Addresses(file string, line int, match func(Place) bool) (list []addr.LinkAddr, err error) {
	err = elffile.Guard(func() error {
		if _, err := i.sections(); err != nil {
			return err
		}
		err := i.scanRoots()
		s := search{base: path.Base(file), line: line, match: match}
		for _, h := range i.headers {
			if hasCode(h) {
				s.unit(i, h)
			}
		}
		list = s.addresses()
		return cmp.Or(err, s.err)
	})
	if err != nil {
		err = fmt.Errorf("look up %s:%d: %w", file, line, err)
	}
	return list, err
}

// search collects the rows of one line over all units.
type search struct {
	base  string
	line  int
	match func(Place) bool
	hits  []hit
	err   error
}

// hit is a statement start at or after the line.
type hit struct {
	unit *unit
	path string
	row
}

// unit looks at the file table of a unit, and at its rows only if that matches.
func (s *search) unit(i *Info, h dwarfx.Header) {
	root, err := dwarfx.OpenRoot(&i.sec, h)
	if err != nil || !root.HasLines {
		s.err = cmp.Or(s.err, err)
		return
	}
	head, err := readHeader(root)
	if err != nil {
		s.err = cmp.Or(s.err, err)
		return
	}
	files := map[uint32]string{}
	for n, f := range head.files {
		if lastElement(root.Text(f.name)) != s.base {
			continue
		}
		p := head.path(uint64(n), root.CompDir)
		if s.match(Place{Path: p, CompDir: root.CompDir, Line: s.line}) {
			files[uint32(n)] = p
		}
	}
	if len(files) == 0 {
		return
	}
	u, err := i.unitAt(h.Off)
	if err != nil {
		s.err = cmp.Or(s.err, err)
		return
	}
	s.rows(u, files)
}

// lastElement is path.Base without an allocation for the many that do not match.
func lastElement(name []byte) string {
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '/' {
			return string(name[i+1:])
		}
	}
	return string(name)
}

// rows keeps, per file, the rows of the smallest line that is not before the one
// asked for.
func (s *search) rows(u *unit, files map[uint32]string) {
	t, err := u.table()
	s.err = cmp.Or(s.err, err)
	best := map[uint32]uint32{}
	each := func(f func(row)) {
		for _, seq := range t.seqs {
			for _, r := range seq.rows {
				if _, ok := files[r.file]; ok && r.stmt && int(r.line) >= s.line {
					f(r)
				}
			}
		}
	}
	each(func(r row) {
		if b, ok := best[r.file]; !ok || r.line < b {
			best[r.file] = r.line
		}
	})
	each(func(r row) {
		if r.line == best[r.file] {
			s.hits = append(s.hits, hit{u, files[r.file], r})
		}
	})
}

// addresses thins the hits out: of each file only the nearest line, of each
// function or inlined copy only the first address.
func (s *search) addresses() []addr.LinkAddr {
	best := map[string]uint32{}
	exact := false
	for _, h := range s.hits {
		if b, ok := best[h.path]; !ok || h.line < b {
			best[h.path] = h.line
		}
		exact = exact || int(h.line) == s.line
	}
	type block struct {
		unit  *unit
		entry uint64
	}
	first := map[block]uint64{}
	for _, h := range s.hits {
		if h.line != best[h.path] || exact && int(h.line) != s.line {
			continue
		}
		b := block{h.unit, h.unit.innermost(h.addr)}
		if a, ok := first[b]; !ok || h.addr < a {
			first[b] = h.addr
		}
	}
	var list []addr.LinkAddr
	for _, a := range first {
		list = append(list, addr.LinkAddr(a))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// innermost gives the entry of the innermost inlined call or function at a pc;
// 0, which no entry has, when there is none.
func (u *unit) innermost(pc uint64) uint64 {
	off, ok := u.function(pc)
	if !ok {
		return 0
	}
	chain := u.chain(off, pc)
	if len(chain) == 0 {
		return off
	}
	return chain[len(chain)-1].Off
}
