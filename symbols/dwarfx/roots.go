package dwarfx

// Roots reads the headers and the ranges of many units one after the other. It is
// not safe for concurrent use.
type Roots struct {
	sec  *Sections
	off  uint64 // of what was read into buf
	have []byte // the part of buf that was filled
	buf  [256]byte
}

// Peek lets [Roots] read through a source that can do so.
func (s *Sections) Peek(src Source) {
	if p, ok := src.(peekedSource); ok && s.supplement == nil && s.needInfo == nil {
		s.peekInfo = p.Peek(".debug_info")
	}
}

// Roots makes a reader of all units.
func (s *Sections) Roots() *Roots { return &Roots{sec: s} }

// Header is [Sections.Header].
func (r *Roots) Header(off uint64) (Header, error) {
	r.have = nil
	if r.sec.peekInfo != nil {
		r.off, r.have = off, r.buf[:r.sec.peekInfo(r.buf[:], off)]
		b := NewBuf(".debug_info", r.have, 0)
		var h Header
		h.length(&b)
		h.read(&b)
		h.Off, h.First, h.End = off, off+h.First, off+h.End
		if b.Err() == nil && h.End > h.First && h.End <= uint64(len(r.sec.Info)) {
			return h, nil
		}
	}
	return r.sec.Header(off)
}

// Ranges gives the ranges of a whole unit, best right after its header.
// Errors: as of [OpenRoot] and [Unit.Root].
func (r *Roots) Ranges(h Header) ([]Range, error) {
	if h.First >= r.off && h.First-r.off < uint64(len(r.have)) {
		if u, ok := r.peekRoot(h); ok {
			return u.Root()
		}
	}
	u, err := OpenRoot(r.sec, h)
	if err != nil {
		return nil, err
	}
	return u.Root()
}

// peekRoot reads a root entry from what was read with the header; false when that
// does not reach, and when there is anything wrong.
func (r *Roots) peekRoot(h Header) (*Unit, bool) {
	b := NewBuf(".debug_info", r.have[:min(uint64(len(r.have)), h.End-r.off)], h.First-r.off)
	code := b
	abbrevs, err := r.sec.tables.root(r.sec.Abbrev, h, code.Uleb())
	if err != nil {
		return nil, false
	}
	u := &Unit{Header: h, Sec: r.sec, Abbrevs: abbrevs}
	if _, _, err := u.readRoot(&b); err != nil {
		return nil, false
	}
	u.LowPC, _ = u.Address(u.pc.Low)
	return u, true
}
