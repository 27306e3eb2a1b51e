// Package report keeps a crash: what was found at the stop, as a directory on
// disk and as text for people.
//
// A [Report] is plain data. The session fills it; [Write] makes the directory
// of it, [Read] brings it back, [Text] and [Summary] print it, [JSON] gives it to
// programs. Everything in it came from a guest that has just crashed, so all text
// passes through one place that takes control characters out before it reaches a
// terminal; the raw bytes stay in console.log.
//
// The JSON form is a contract, described in docs/report.md.
package report

import (
	"time"

	"ktrap/symbols/oops"
)

// Schema is the version of report.json and session.json that this package
// writes. It grows when a field changes its meaning or goes away, not when one is
// added.
const Schema = 1

// Report is one crash.
type Report struct {
	Schema    int        `json:"schema"` // set by Write and JSON
	Title     string     `json:"title"`  // wording of the public syzbot dashboard
	AltTitles []string   `json:"alt_titles"`
	Guilty    string     `json:"guilty"` // the function the title names; empty if it names none
	Type      string     `json:"type"`
	Class     oops.Class `json:"class"`
	Cause     string     `json:"cause"`            // in words: read of 8 bytes at rax+0x10 = 0x10: null pointer, member at offset 16
	Access    *Access    `json:"access,omitempty"` // the one that failed; nil if it was none, or nobody knows
	Time      time.Time  `json:"time"`

	Corrupted       bool   `json:"corrupted"`
	CorruptedReason string `json:"corrupted_reason,omitempty"`
	Panicked        bool   `json:"panicked"`

	CPU  int    `json:"cpu"` // -1 if unknown
	PID  int    `json:"pid"` // -1 if unknown
	Comm string `json:"comm"`

	Kernel    Kernel    `json:"kernel"`
	Registers Registers `json:"registers"` // at the fault
	Frames    []Frame   `json:"frames"`    // innermost first, one per inline level
	Code      []Code    `json:"code"`      // disassembly around the fault
	Source    []Source  `json:"source"`    // excerpts, that of the innermost level first
	Modules   []Module  `json:"modules"`
	Threads   []Thread  `json:"threads"` // the other CPUs and whoever else was looked at

	Log         string `json:"log,omitempty"` // the kernel's own text of this crash, prefixes off
	ConsoleTail string `json:"console_tail"`  // last lines of the console, for those who have only this file

	Incomplete []string `json:"incomplete"` // what is missing and why, one sentence each

	Session Session `json:"-"` // session.json
	Console []byte  `json:"-"` // console.log, raw
	Dmesg   []byte  `json:"-"` // dmesg.txt, raw
}

// Kernel is which kernel crashed.
type Kernel struct {
	Release string `json:"release"`           // as uname -r
	Version string `json:"version"`           // as uname -v, or the whole banner
	BuildID string `json:"build_id"`          // hex
	Slide   string `json:"slide"`             // of KASLR, in hex; empty if unknown
	Tainted string `json:"tainted,omitempty"` // as the kernel prints it
}

// Module is one module that was loaded.
type Module struct {
	Name    string `json:"name"`
	Base    Hex    `json:"base"` // of its .text
	Size    uint64 `json:"size"` // bytes
	Path    string `json:"path"` // file its symbols came from; empty if none
	BuildID string `json:"build_id"`
	Note    string `json:"note,omitempty"` // why there is no file
}

// Thread is what one CPU or task was doing at the stop.
type Thread struct {
	CPU    int     `json:"cpu"` // -1 if not running
	PID    int     `json:"pid"`
	Comm   string  `json:"comm"`
	Frames []Frame `json:"frames"`
	Note   string  `json:"note,omitempty"` // idle, in user mode, stack unreadable, ...
}

// Missing notes that something could not be had.
func (r *Report) Missing(what string) { r.Incomplete = append(r.Incomplete, what) }
