package dwarfx

import (
	"errors"
	"fmt"

	"ktrap/symbols/elffile"
)

// Sections holds the sections a unit may refer to; nil means absent.
type Sections struct {
	Info, Abbrev, Line, Str, LineStr []byte
	Ranges, Rnglists, Addr           []byte
	StrOffsets, Aranges              []byte

	// peekInfo reads some of Info where that is cheaper than to touch it; nil: it
	// is not.
	peekInfo func(p []byte, off uint64) int
	// needInfo makes a range of Info ready to be read; nil: all of it is.
	needInfo func(low, high uint64) error
	// needStrOffsets is the same for StrOffsets.
	needStrOffsets func(low, high uint64) error

	supplement *supplement
	tables     tables
}

// Source hands out the sections of a file, decompressed and relocated.
type Source interface {
	Section(name string) ([]byte, error)
}

// partialSource is a Source that can relocate parts of a section.
// Source: [elffile.File.Partial].
type partialSource interface {
	Partial(name string) (data []byte, need func(low, high uint64) error, err error)
}

// peekedSource is a Source that can read a little of a section here and there.
// Source: [elffile.File.Peek].
type peekedSource interface {
	Peek(name string) func(p []byte, off uint64) int
}

// Load takes the sections from a source. Of .debug_info only what [Sections.Header]
// and the opened units cover may be read then.
// Errors: there is no .debug_info or .debug_abbrev, or a section is damaged.
func (s *Sections) Load(src Source) error {
	for _, want := range []struct {
		name string
		data *[]byte
		must bool
	}{
		{".debug_info", &s.Info, true},
		{".debug_abbrev", &s.Abbrev, true},
		{".debug_line", &s.Line, false},
		{".debug_str", &s.Str, false},
		{".debug_line_str", &s.LineStr, false},
		{".debug_ranges", &s.Ranges, false},
		{".debug_rnglists", &s.Rnglists, false},
		{".debug_addr", &s.Addr, false},
		{".debug_str_offsets", &s.StrOffsets, false},
		{".debug_aranges", &s.Aranges, false},
	} {
		var err error
		switch want.data {
		case &s.Info:
			err = s.LoadInfo(src)
		case &s.StrOffsets:
			s.StrOffsets, s.needStrOffsets, err = Partial(src, want.name)
		default:
			*want.data, err = src.Section(want.name)
		}
		if err != nil && (want.must || !errors.Is(err, elffile.ErrNoSection)) {
			return fmt.Errorf("load debug information: %w", err)
		}
	}
	if err := s.AddSupplement(src); err != nil {
		return fmt.Errorf("load debug information: %w", err)
	}
	s.Peek(src)
	return nil
}

// LoadInfo takes .debug_info alone; see [Sections.Load] for what may be read of it.
func (s *Sections) LoadInfo(src Source) (err error) {
	s.Info, s.needInfo, err = Partial(src, ".debug_info")
	return err
}

// Partial takes a section from a source, part by part if that can do so. need is
// nil if all of data may be read.
func Partial(src Source, name string) (data []byte, need func(low, high uint64) error, err error) {
	if p, ok := src.(partialSource); ok {
		return p.Partial(name)
	}
	data, err = src.Section(name)
	return data, nil, err
}

// maxHeader is the size of the largest unit header: that of a type unit in
// 64-bit DWARF.
const maxHeader = 12 + 2 + 2 + 8 + 8 + 8

// Header decodes the unit header at an offset of .debug_info.
func (s *Sections) Header(off uint64) (Header, error) {
	if err := s.need(off, off+maxHeader); err != nil {
		return Header{}, err
	}
	h, err := ReadHeader(s.Info, off)
	if s.supplement != nil && err == nil {
		s.supplement.adopt(&h)
	}
	return h, err
}

// need makes a range of .debug_info ready to be read.
func (s *Sections) need(low, high uint64) error {
	if s.needInfo == nil {
		return nil
	}
	return s.needInfo(low, high)
}
