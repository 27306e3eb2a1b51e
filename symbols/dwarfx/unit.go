package dwarfx

// Header is the header of one unit of .debug_info.
// Units: offsets into .debug_info.
type Header struct {
	Encoding
	Off, First, End uint64 // the header, the first entry, the end
	AbbrevOff       uint64
	Type            uint8 // DW_UT_; compile for DWARF before 5
}

// The unit types that hold code.
const (
	UnitCompile  = 0x01
	UnitType     = 0x02
	UnitPartial  = 0x03
	UnitSkeleton = 0x04
	unitSplit    = 0x05
	unitSplitTy  = 0x06
)

// ReadHeader decodes the unit header at an offset of .debug_info.
func ReadHeader(info []byte, off uint64) (Header, error) {
	b := NewBuf(".debug_info", info, off)
	h := Header{Off: off}
	n := h.length(&b)
	b.Limit(n)
	h.read(&b)
	return h, b.Err()
}

// length reads the length of what follows it.
func (h *Header) length(b *Buf) uint64 {
	n, dwarf64 := b.InitialLength()
	h.DWARF64 = dwarf64
	h.End = uint64(b.Off()) + n
	return n
}

// read reads what follows the length.
func (h *Header) read(b *Buf) {
	h.Type = UnitCompile
	h.Version = b.U16()
	switch {
	case b.Err() != nil:
	case h.Version < 2 || h.Version > 5:
		b.Fail("DWARF version %d is not supported", h.Version)
	case h.Version == 5:
		h.Type = b.U8()
		h.AddrSize = b.U8()
		h.AbbrevOff = b.Offset(h.DWARF64)
		h.skipID(b)
	default:
		h.AbbrevOff = b.Offset(h.DWARF64)
		h.AddrSize = b.U8()
	}
	if b.Err() == nil && h.AddrSize != 8 && h.AddrSize != 4 {
		b.Fail("addresses of %d bytes are not supported", h.AddrSize)
	}
	h.First = uint64(b.Off())
}

// skipID passes over what follows the header of some unit types.
func (h *Header) skipID(b *Buf) {
	switch h.Type {
	case UnitSkeleton, unitSplit:
		b.Skip(8)
	case UnitType, unitSplitTy:
		b.Skip(8)
		b.Offset(h.DWARF64)
	}
}

// Unit is a unit with what its root entry says.
type Unit struct {
	Header
	Sec      *Sections
	Abbrevs  *AbbrevTable
	Name     string
	CompDir  string
	LowPC    uint64
	StmtList uint64
	HasLines bool
	Language uint64

	pc           PCAttrs
	strOffBase   uint64
	addrBase     uint64
	rnglistsBase uint64
}

// PCAttrs are the attributes of an entry that say which addresses it covers.
type PCAttrs struct{ Low, High, Ranges Value }

// OpenUnit decodes the abbreviations and the root entry of a unit.
func OpenUnit(sec *Sections, h Header) (*Unit, error) {
	return OpenUnitIn(sec, h, new(AbbrevTable))
}

// OpenUnitIn is [OpenUnit] with an abbreviation table that was used before, for
// going through many units one after the other.
func OpenUnitIn(sec *Sections, h Header, t *AbbrevTable) (*Unit, error) {
	abbrevs, err := sec.tables.whole(sec.Abbrev, h, t)
	if err != nil {
		return nil, err
	}
	if err := sec.need(h.Off, h.End); err != nil {
		return nil, err
	}
	return newUnit(sec, h, abbrevs)
}

// OpenRoot decodes the root entry of a unit only: its children cannot be read.
// Looking at all units of a kernel this way takes milliseconds.
func OpenRoot(sec *Sections, h Header) (*Unit, error) {
	const maxCode = 10
	if err := sec.need(h.First, h.First+maxCode); err != nil {
		return nil, err
	}
	u := Unit{Header: h, Sec: sec}
	b := u.Buf(h.First)
	code := b.Uleb()
	abbrevs, err := sec.tables.root(sec.Abbrev, h, code)
	if err != nil {
		return nil, err
	}
	end := h.End
	if a := abbrevs.Get(code); a != nil && a.size >= 0 {
		end = uint64(b.Off() + a.size)
	}
	if err := sec.need(h.First, end); err != nil {
		return nil, err
	}
	return newUnit(sec, h, abbrevs)
}

func newUnit(sec *Sections, h Header, abbrevs *AbbrevTable) (*Unit, error) {
	u := &Unit{Header: h, Sec: sec, Abbrevs: abbrevs}
	b := u.Buf(h.First)
	name, dir, err := u.readRoot(&b)
	if err != nil {
		return nil, err
	}
	// Resolved last: the bases may follow the attributes that need them.
	u.Name, u.CompDir = u.String(name), u.String(dir)
	u.LowPC, _ = u.Address(u.pc.Low)
	return u, nil
}

// readRoot reads the root entry, at which the cursor stands.
func (u *Unit) readRoot(b *Buf) (name, dir Value, err error) {
	a := u.Abbrevs.Get(b.Uleb())
	if a == nil {
		b.Fail("unit without root entry")
		return name, dir, b.Err()
	}
	u.defaultBases()
	for _, s := range a.Attrs {
		v := b.Value(s, u.Encoding)
		switch s.Attr {
		case AttrName:
			name = v
		case AttrCompDir:
			dir = v
		case AttrLanguage:
			u.Language = v.U
		case AttrStmtList:
			u.StmtList, u.HasLines = v.U, !u.moved // lines are not appended
		case AttrLowPC:
			u.pc.Low = v
		case AttrHighPC:
			u.pc.High = v
		case AttrRanges:
			u.pc.Ranges = v
		case AttrStrOffsetsBase:
			u.strOffBase = v.U
		case AttrAddrBase:
			u.addrBase = v.U
		case AttrRnglistsBase:
			u.rnglistsBase = v.U
		}
	}
	return name, dir, b.Err()
}

// defaultBases sets what holds for a unit that does not say: the end of the
// first header of the section.
func (u *Unit) defaultBases() {
	u.strOffBase, u.addrBase, u.rnglistsBase = 8, 8, 12
	if u.DWARF64 {
		u.strOffBase, u.addrBase, u.rnglistsBase = 16, 16, 20
	}
}

// Buf gives a cursor over .debug_info that ends with the unit.
func (u *Unit) Buf(off uint64) Buf {
	end := min(u.End, uint64(len(u.Sec.Info)))
	return NewBuf(".debug_info", u.Sec.Info[:end], off)
}

// PlainC reports whether the unit is C or assembly, where functions stand at
// the top level only.
func (u *Unit) PlainC() bool {
	switch u.Language {
	case langC89, langC, langC99, langC11, langC17, langMIPSAssembler, langAssembly:
		return true
	}
	return false
}

// Root gives the ranges of the whole unit.
func (u *Unit) Root() ([]Range, error) { return u.PCRanges(u.pc, nil) }
