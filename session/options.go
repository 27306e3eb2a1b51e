package session

import (
	"cmp"
	"log/slog"
	"time"

	"ktrap/rsp"
	"ktrap/session/report"
	"ktrap/session/trap"
)

// Options say what a session works on. Stub is required.
type Options struct {
	Stub    string // where QEMU's gdb stub listens: HOST:PORT, unix:PATH or a serial device
	Listen  string // where gdb may connect; empty: nowhere
	Vmlinux string // empty: looked for on this host

	ModuleDirs []string     // where files of modules may lie, before the usual places
	Sources    SourceDirs   // where source text may lie
	Fetch      Fetch        // gets debug information that is not on this host; nil: nobody does
	Policy     *trap.Policy // nil stops at everything
	ReportDir  string       // empty: reports are not written
	Force      bool         // go on although vmlinux is not proven to be the running kernel
	NoTraps    bool         // a plain proxy
	StayPaused bool         // leave the guest stopped when the session ends

	// NoDirectRAM says that guest RAM is read through the stub only. So it is
	// while the talk is recorded: a transcript has all that was read.
	NoDirectRAM bool

	// Patience is how long the guest may run within a crash report before it is
	// reported with what there is; 0: 20 s.
	Patience time.Duration

	Origin  report.Session // how this guest came to be, for session.json
	OnEvent func(Event)    // hears every event, on the loop: it must not block
	Waiting func(string)   // hears what is waited for before front is called, from any goroutine; nil: OnEvent does, as of a Note
	Console func() []byte  // recent raw console bytes, if the console is ours
	Record  *rsp.Recorder  // transcript of the talk with the stub
	Log     *slog.Logger   // nil discards

	proc string // where the host's processes are, for tests; empty: /proc
}

// SourceDirs say where source text lies on this host.
type SourceDirs struct {
	Dirs       []string          // searched by the path's end
	Substitute map[string]string // prefix as compiled -> prefix here
}

func (o *Options) patience() time.Duration { return cmp.Or(o.Patience, 20*time.Second) }

func (o *Options) logger() *slog.Logger {
	if o.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return o.Log
}
