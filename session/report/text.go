package report

import (
	"io"
)

// TextOptions says how and how much to print. Nil means: as in report.txt.
type TextOptions struct {
	Color  bool
	Width  int  // columns to fit; 0 means 100
	Source bool // source lines around the fault
	Log    bool // what the kernel itself printed about the crash
	Others bool // what the other CPUs did, modules, the way to get here again
	Frames int  // levels of each stack to print; 0 means all
}

// Text prints a report for people.
func Text(w io.Writer, r *Report, o *TextOptions) error { return nil }

// Summary prints the head of a report and the top of its stack: what a debugger
// shows above its own prompt.
func Summary(w io.Writer, r *Report, o *TextOptions) error { return nil }
