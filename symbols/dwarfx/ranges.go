package dwarfx

// Range is the addresses from Low up to but not including High.
type Range struct{ Low, High uint64 }

// Contains reports whether pc lies in the range.
func (r Range) Contains(pc uint64) bool { return pc >= r.Low && pc < r.High }

// Entry kinds of .debug_rnglists.
const (
	rleEndOfList    = 0x00
	rleBaseAddressx = 0x01
	rleStartxEndx   = 0x02
	rleStartxLength = 0x03
	rleOffsetPair   = 0x04
	rleBaseAddress  = 0x05
	rleStartEnd     = 0x06
	rleStartLength  = 0x07
)

// PCRanges appends the ranges that an entry covers to dst. Empty ranges are
// left out.
func (u *Unit) PCRanges(a PCAttrs, dst []Range) ([]Range, error) {
	if a.Ranges.Present() {
		return u.rangeList(a.Ranges, dst)
	}
	low, ok := u.Address(a.Low)
	if !ok || !a.High.Present() {
		return dst, nil
	}
	high, ok := u.Address(a.High)
	if !ok {
		high = low + a.High.U
	}
	return appendRange(dst, low, high), nil
}

func appendRange(dst []Range, low, high uint64) []Range {
	if low < high {
		dst = append(dst, Range{low, high})
	}
	return dst
}

func (u *Unit) rangeList(v Value, dst []Range) ([]Range, error) {
	if u.Version < 5 {
		return u.ranges4(v.U, dst)
	}
	off := v.U
	if v.Form == FormRnglistx {
		size := uint64(u.offsetSize())
		b := NewBuf(".debug_rnglists", u.Sec.Rnglists, u.rnglistsBase+v.U*size)
		off = u.rnglistsBase + b.Offset(u.DWARF64)
		if b.Err() != nil {
			return dst, b.Err()
		}
	}
	return u.rnglist(off, dst)
}

// ranges4 reads a list of .debug_ranges (DWARF 2 to 4): pairs relative to a
// base, which a pair of -1 and an address replaces, ended by a pair of zeros.
func (u *Unit) ranges4(off uint64, dst []Range) ([]Range, error) {
	b := NewBuf(".debug_ranges", u.Sec.Ranges, off)
	size := int(u.AddrSize)
	escape := ^uint64(0) >> (64 - 8*size)
	base := u.LowPC
	for {
		low, high := b.Uint(size), b.Uint(size)
		switch {
		case low == 0 && high == 0:
			return dst, b.Err()
		case low == escape:
			base = high
		default:
			dst = appendRange(dst, base+low, base+high)
		}
	}
}

// rnglist reads a list of .debug_rnglists (DWARF 5).
func (u *Unit) rnglist(off uint64, dst []Range) ([]Range, error) {
	b := NewBuf(".debug_rnglists", u.Sec.Rnglists, off)
	size := int(u.AddrSize)
	base := u.LowPC
	for {
		var low, high uint64
		switch kind := b.U8(); kind {
		case rleEndOfList:
			return dst, b.Err()
		case rleBaseAddressx:
			base = u.indexed(&b)
			continue
		case rleBaseAddress:
			base = b.Uint(size)
			continue
		case rleOffsetPair:
			low = base + b.Uleb()
			high = base + b.Uleb()
		case rleStartEnd:
			low, high = b.Uint(size), b.Uint(size)
		case rleStartLength:
			low = b.Uint(size)
			high = low + b.Uleb()
		case rleStartxEndx:
			low, high = u.indexed(&b), u.indexed(&b)
		case rleStartxLength:
			low = u.indexed(&b)
			high = low + b.Uleb()
		default:
			b.Fail("range list entry kind %#x is not known", kind)
		}
		if b.Err() == nil {
			dst = appendRange(dst, low, high)
		}
	}
}

func (u *Unit) indexed(b *Buf) uint64 {
	a, ok := u.Address(Value{Form: FormAddrx, U: b.Uleb()})
	if !ok {
		b.Fail("address index is not in .debug_addr")
	}
	return a
}

// Covers reports whether pc lies in one of the ranges of an entry. It does not
// allocate as long as scratch suffices.
func (u *Unit) Covers(a PCAttrs, pc uint64, scratch []Range) (bool, []Range) {
	scratch, err := u.PCRanges(a, scratch[:0])
	if err != nil {
		return false, scratch
	}
	for _, r := range scratch {
		if r.Contains(pc) {
			return true, scratch
		}
	}
	return false, scratch
}
