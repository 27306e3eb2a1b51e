package dwarfx

// Encoding is what the meaning of a form depends on.
type Encoding struct {
	Version  uint16
	AddrSize uint8
	DWARF64  bool

	supplement *supplement // nil: the file has none
	moved      bool        // the unit is in the supplementary file
}

func (e Encoding) offsetSize() int {
	if e.DWARF64 {
		return 8
	}
	return 4
}

// fixedSize gives the size of a form that is the same in every entry; -1 when
// it is not, or when the form is not known.
func fixedSize(f Form, e Encoding) int {
	switch f {
	case FormFlagPresent, FormImplicitConst:
		return 0
	case FormData1, FormFlag, FormRef1, FormStrx1, FormAddrx1:
		return 1
	case FormData2, FormRef2, FormStrx2, FormAddrx2:
		return 2
	case FormStrx3, FormAddrx3:
		return 3
	case FormData4, FormRef4, FormStrx4, FormAddrx4, FormRefSup4:
		return 4
	case FormData8, FormRef8, FormRefSig8, FormRefSup8:
		return 8
	case FormData16:
		return 16
	case FormAddr:
		return int(e.AddrSize)
	case FormStrp, FormLineStrp, FormSecOffset, FormStrpSup, FormGNURefAlt, FormGNUStrpAlt:
		return e.offsetSize()
	case FormRefAddr:
		if e.Version <= 2 {
			return int(e.AddrSize)
		}
		return e.offsetSize()
	}
	return -1
}

// SkipForm passes over a value.
func (b *Buf) SkipForm(f Form, e Encoding) {
	if n := fixedSize(f, e); n >= 0 {
		b.Skip(uint64(n))
		return
	}
	switch f {
	case FormUdata, FormSdata, FormRefUdata, FormStrx, FormAddrx, FormLoclistx, FormRnglistx:
		b.Uleb()
	case FormString:
		b.CString()
	case FormBlock1:
		b.Skip(uint64(b.U8()))
	case FormBlock2:
		b.Skip(uint64(b.U16()))
	case FormBlock4:
		b.Skip(uint64(b.U32()))
	case FormBlock, FormExprloc:
		b.Skip(b.Uleb())
	case FormIndirect:
		// One level only: an indirect form that names itself would not end.
		if f = Form(b.Uleb()); f != FormIndirect {
			b.SkipForm(f, e)
			return
		}
		b.Fail("indirect form names itself")
	default:
		b.Fail("form %#x is not known", uint32(f))
	}
}

// Value is one attribute value, not yet resolved: strings and addresses may be
// indexes or offsets that only the unit can look up.
type Value struct {
	Form Form
	U    uint64 // number, offset, index or address
	Raw  []byte // inline string; blocks are skipped
}

// Present reports whether the attribute was there at all.
func (v Value) Present() bool { return v.Form != 0 }

// Value reads the value of an attribute.
func (b *Buf) Value(s AttrSpec, e Encoding) Value {
	f := s.Form
	if f == FormIndirect {
		if f = Form(b.Uleb()); f == FormIndirect || f == FormImplicitConst {
			b.Fail("indirect form names itself")
			return Value{}
		}
	}
	v := Value{Form: f}
	switch f {
	case FormImplicitConst:
		v.U = uint64(s.Implicit)
	case FormFlagPresent:
		v.U = 1
	case FormSdata:
		v.U = uint64(b.Sleb())
	case FormUdata, FormRefUdata, FormStrx, FormAddrx, FormLoclistx, FormRnglistx:
		v.U = b.Uleb()
	case FormString:
		v.Raw = b.CString()
	default:
		n := fixedSize(f, e)
		if n < 0 || n > 8 {
			b.SkipForm(f, e)
			return v
		}
		v.U = b.Uint(n)
		if e.supplement != nil {
			v = e.supplement.place(v, e.moved)
		}
	}
	return v
}
