package decode

import "ktrap/symbols/oops"

// Schema is the version of the JSON form, that of report.json.
const Schema = 1

// Crash is one crash of a log as JSON has it: the names of report.json, and what
// only a log has. docs/decode.md describes it.
type Crash struct {
	Schema    int        `json:"schema"`
	Title     string     `json:"title"`
	AltTitles []string   `json:"alt_titles"`
	Guilty    string     `json:"guilty"`
	File      string     `json:"guilty_file"` // that the function named by the title is in
	Type      string     `json:"type"`
	Class     oops.Class `json:"class"`
	Cause     string     `json:"cause"`
	Access    *Access    `json:"access,omitempty"`
	Time      string     `json:"time"`  // RFC 3339, empty if the log has no date with a zone
	Stamp     string     `json:"stamp"` // of the first line, as printed

	Corrupted       bool   `json:"corrupted"`
	CorruptedReason string `json:"corrupted_reason,omitempty"`
	Suppressed      bool   `json:"suppressed"`
	Panicked        bool   `json:"panicked"`

	CPU      int       `json:"cpu"` // -1 if unknown
	PID      int       `json:"pid"` // -1 if unknown
	Comm     string    `json:"comm"`
	Executor *Executor `json:"executor"` // null if the task was no test process

	Kernel    KernelInfo `json:"kernel"`
	Registers Registers  `json:"registers"`
	Frames    []Frame    `json:"frames"`
	Code      []Code     `json:"code"`
	Source    []Source   `json:"source"`
	Modules   []Module   `json:"modules"` // of the frames
	Threads   []Thread   `json:"threads"` // the other stacks of the report

	ReportText  string   `json:"report_text"`
	Log         string   `json:"log"`          // the lines of the report without prefixes
	ConsoleTail string   `json:"console_tail"` // the last lines of the log when the report was complete
	Start       int      `json:"start"`        // bytes of the input
	End         int      `json:"end"`
	Incomplete  []string `json:"incomplete"`
}

// Access is the access to memory that failed.
type Access struct {
	Op      string `json:"op"`   // read, write, read and write, execute, access (nobody knows)
	Size    int    `json:"size"` // bytes; 0 if it is not known
	Addr    string `json:"addr"`
	Expr    string `json:"expr"`    // how the address is computed: rax+0x10
	Verdict string `json:"verdict"` // what is odd about it; empty for nothing
	Offset  int64  `json:"offset"`  // from the pointer that the verdict is about
}

// Executor is the test program's process that caused the crash.
type Executor struct {
	Proc int `json:"proc"`
	ID   int `json:"id"`
}

// KernelInfo is which kernel printed the crash.
type KernelInfo struct {
	Release string `json:"release"`
	Version string `json:"version"`
	BuildID string `json:"build_id"`
	Slide   string `json:"slide"`
	Tainted string `json:"tainted,omitempty"`
	Vmlinux string `json:"vmlinux"` // the file that answered; empty if none did
	Proven  bool   `json:"proven"`  // that it is of this kernel
}

// Frame is one level of a stack; inlined levels come before the frame they are in.
type Frame struct {
	Kind     string `json:"kind"` // fault, call or exception boundary
	Func     string `json:"func"`
	Offset   uint64 `json:"offset"`
	Size     uint64 `json:"size"`
	Module   string `json:"module"`
	Addr     string `json:"addr"`
	File     string `json:"file"`
	Line     int    `json:"line"`
	Column   int    `json:"column,omitempty"`
	Inlined  bool   `json:"inlined"`
	CallFile string `json:"call_file,omitempty"`
	CallLine int    `json:"call_line,omitempty"`
	Reliable bool   `json:"reliable"`
	Context  string `json:"context"`
	Note     string `json:"note,omitempty"`

	path string // of File as the compiler wrote it
}

// Code is one instruction around the fault.
type Code struct {
	Addr   string `json:"addr"`
	Bytes  string `json:"bytes"`
	Text   string `json:"text"`
	Func   string `json:"func"`
	Offset uint64 `json:"offset"`
	File   string `json:"file"`
	Line   int    `json:"line"`
	Marked bool   `json:"marked"`

	Values []string `json:"values,omitempty"` // of the registers that the faulting instruction read: rax=0x0
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

// Module is a module with frames in the crash.
type Module struct {
	Name    string `json:"name"`
	Base    string `json:"base"`
	Size    uint64 `json:"size"`
	Path    string `json:"path"`
	BuildID string `json:"build_id"`
	Note    string `json:"note,omitempty"`
}

// Thread is a stack of the report that is not the main one: of another CPU, of an
// allocation, of a lock.
type Thread struct {
	CPU    int     `json:"cpu"`
	PID    int     `json:"pid"`
	Comm   string  `json:"comm"`
	Frames []Frame `json:"frames"`
	Note   string  `json:"note,omitempty"`
}
