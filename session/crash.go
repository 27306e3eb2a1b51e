package session

import (
	"strings"

	"ktrap/rsp"
	"ktrap/session/kernel"
	"ktrap/session/report"
	"ktrap/session/unwind"
	"ktrap/symbols/oops"
)

// Crash is one caught crash: its report, and where to look in the stopped guest.
type Crash struct {
	Report *report.Report
	Path   string // report directory, empty if none was written
	Thread rsp.ThreadID
	Frames []unwind.Frame // from the fault outwards; of this stop only
	Task   *kernel.Task   // whose stack that is, if it does not run; nil: what Thread runs
}

// Summary is what clients are shown before the stop itself.
func (c *Crash) Summary() string {
	var b strings.Builder
	b.WriteByte('\n')
	if err := report.Summary(&b, c.Report, nil); err != nil {
		return c.Report.Title + "\n"
	}
	return b.String()
}

// Signals by which gdb names what has happened, as the protocol numbers them.
const (
	sigAbort = 6
	sigFault = 11
)

// signal is how the crash is shown to a gdb that has no breakpoint there.
func (c *Crash) signal() uint8 {
	switch c.Report.Class {
	case oops.Panic, oops.BUG:
		return sigAbort
	case oops.Die:
		return sigFault
	}
	return sigTrap
}
