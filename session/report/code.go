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

	Values []string `json:"values,omitempty"` // of the registers that the faulting instruction read: rax=0x0
}

// Access is an access to memory that failed.
type Access struct {
	Op      string `json:"op"`      // read, write, read and write, execute, access (nobody knows)
	Size    int    `json:"size"`    // bytes; 0 if it is not known
	Addr    Hex    `json:"addr"`    // of the first byte
	Expr    string `json:"expr"`    // how the address is computed: rax+0x10
	Verdict string `json:"verdict"` // null, near-null, error-pointer, poison, non-canonical, user, kasan-shadow; empty for none
	Offset  int64  `json:"offset"`  // from the pointer that the verdict is about
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
