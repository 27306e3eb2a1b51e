package lines

import "ktrap/symbols/dwarfx"

// maxRanges bounds the ranges that all entries together may have. Nearly every
// entry has a list of its own, so a file in which they share long ones was made
// to take for ever.
func maxRanges(s *dwarfx.Sections) int {
	return len(s.Info) + 4*(len(s.Ranges)+len(s.Rnglists))
}

// tooManyRanges is the error of a file that has more.
func tooManyRanges(h dwarfx.Header) error {
	return &dwarfx.DecodeError{Section: ".debug_info", Offset: int(h.Off), Msg: "entries share range lists out of all proportion"}
}
