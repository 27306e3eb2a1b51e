package dwarfx

import (
	"slices"

	"ktrap/symbols/elffile"
)

// supplement says where the sections of a supplementary file begin: they are
// appended to those of the file that refers to it, so that an offset into either
// is one into both.
// Source: DWARF 5, section 7.3.6; dwz writes GNU's forms before that, too.
type supplement struct {
	info, abbrev, str, lineStr uint64
}

// supplemented is a Source that may have a supplementary file; nil: none.
type supplemented interface {
	Supplement() (*elffile.File, error)
}

// AddSupplement appends the sections of the supplementary file if there is one.
// Errors: it is not there, or damaged; the units cannot be understood then.
func (s *Sections) AddSupplement(src Source) error {
	with, ok := src.(supplemented)
	if !ok {
		return nil
	}
	file, err := with.Supplement()
	if file == nil || err != nil {
		return err
	}
	if err := s.need(0, uint64(len(s.Info))); err != nil {
		return err
	}
	s.needInfo = nil
	s.supplement = &supplement{uint64(len(s.Info)), uint64(len(s.Abbrev)), uint64(len(s.Str)), uint64(len(s.LineStr))}
	for name, data := range map[string]*[]byte{
		".debug_info": &s.Info, ".debug_abbrev": &s.Abbrev, ".debug_str": &s.Str, ".debug_line_str": &s.LineStr,
	} {
		more, err := file.Section(name)
		if err != nil && name == ".debug_info" {
			return err
		}
		*data = slices.Concat(*data, more)
	}
	return nil
}

// Supplemented reports whether there is a supplementary file.
func (s *Sections) Supplemented() bool { return s.supplement != nil }

// adopt marks what is read of a unit.
func (p *supplement) adopt(h *Header) {
	h.supplement, h.moved = p, h.Off >= p.info
	if h.moved {
		h.AbbrevOff += p.abbrev
	}
}

// place turns a value that is an offset into one of the files into one into the
// joined sections.
func (p *supplement) place(v Value, moved bool) Value {
	switch v.Form {
	case FormGNURefAlt, FormRefSup4, FormRefSup8:
		return Value{Form: FormRefAddr, U: v.U + p.info}
	case FormGNUStrpAlt, FormStrpSup:
		return Value{Form: FormStrp, U: v.U + p.str}
	}
	if !moved {
		return v
	}
	switch v.Form {
	case FormRefAddr:
		v.U += p.info
	case FormStrp:
		v.U += p.str
	case FormLineStrp:
		v.U += p.lineStr
	}
	return v
}

// StrpValue gives the value with which entries refer to the string at an offset
// of .debug_str.
func (s *Sections) StrpValue(off uint32) uint32 {
	if s.supplement == nil || uint64(off) < s.supplement.str {
		return off
	}
	return off - uint32(s.supplement.str)
}
