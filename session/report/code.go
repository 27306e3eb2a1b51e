package report

// Code is one instruction near the fault.
type Code struct {
	Addr   Hex    `json:"addr"`
	Bytes  string `json:"bytes"` // hex, without spaces
	Text   string `json:"text"`  // GNU (AT&T) syntax
	Func   string `json:"func"`
	Offset uint64 `json:"offset"`
	File   string `json:"file"`
	Line   int    `json:"line"`
	Marked bool   `json:"marked"` // the faulting instruction
}

// Source is an excerpt of a source file.
type Source struct {
	File  string       `json:"file"`
	Func  string       `json:"func"`
	Lines []SourceLine `json:"lines"`
}

// SourceLine is one line of an excerpt.
type SourceLine struct {
	Line   int    `json:"line"`
	Text   string `json:"text"`
	Marked bool   `json:"marked"`
}
