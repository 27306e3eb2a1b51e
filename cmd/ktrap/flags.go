package main

import (
	"fmt"
	"log/slog"
	"os"
	"strings"

	"ktrap/rsp"
	"ktrap/session"
	"ktrap/session/report"
	"ktrap/session/trap"
)

// symbolFlags say where symbols and sources lie.
type symbolFlags struct {
	Modules    []string `sep:"none" placeholder:"DIR" help:"Look for modules here first (repeatable)."`
	SourceDir  []string `sep:"none" placeholder:"DIR" help:"Look for source files here (repeatable)."`
	Substitute []string `sep:"none" name:"substitute-path" placeholder:"A=B" help:"Replace the beginning A of compiled paths by B (repeatable)."`
}

// trapFlags say what to stop at and what to keep.
type trapFlags struct {
	On        []string `placeholder:"CLASS=POLICY" help:"What to do about a class of crash: stop, log or off, :N from the N-th hit on; e.g. --on warn=log,oops=stop. Classes: panic oops bug warn kasan kfence kmsan ubsan kcsan slub lockdep rcu atomic softlockup hardlockup hung workqueue oom hang, or all."`
	ReportDir string   `default:"reports" placeholder:"DIR" help:"Write reports here (default ./reports; empty: none)."`
	Force     bool     `help:"Go on although vmlinux is not proven to be the running kernel; marks all output."`
	Record    string   `placeholder:"F" help:"Write the talk with the stub to this file."`
	DirectRAM string   `name:"direct-ram" enum:"on,off" default:"on" placeholder:"on|off" help:"Read guest RAM straight from QEMU where that runs on this host and the stub shows the same (default on; off while recording)."`
	Paused    bool     `name:"leave-paused" help:"Leave the guest stopped at the end."`
}

// connectFlags say which stub to use and where gdb may connect.
type connectFlags struct {
	Stub   address `default:"${stub}" placeholder:"ADDR" help:"The stub: HOST:PORT, a unix socket or a serial line (default localhost:1234)."`
	Listen address `default:"${listen}" placeholder:"ADDR" help:"Where gdb may connect (default localhost:1235; empty: nowhere)."`
}

// options makes the session's options of the flags. close flushes what is recorded.
func (f *trapFlags) options(sym *symbolFlags, log *slog.Logger) (o *session.Options, closeFiles func(), err error) {
	policy, err := trap.ParsePolicy(f.On...)
	if err != nil {
		return nil, nil, usage("--on: %w", err)
	}
	o = &session.Options{
		Policy: policy, ReportDir: f.ReportDir, Force: f.Force, StayPaused: f.Paused, NoDirectRAM: f.DirectRAM == "off",
		ModuleDirs: sym.Modules, Log: log,
		Fetch: fetchForSession(), Waiting: func(text string) { progress("%s", text) },
		Sources: session.SourceDirs{Dirs: sym.SourceDir, Substitute: make(map[string]string)},
		Origin:  report.Session{Version: version, CommandLine: os.Args},
	}
	for _, s := range sym.Substitute {
		from, to, ok := strings.Cut(s, "=")
		if !ok {
			return nil, nil, usage("parse --substitute-path %q: want A=B", s)
		}
		o.Sources.Substitute[from] = to
	}
	if err := tryFolder(f.ReportDir); err != nil {
		return nil, nil, fmt.Errorf("make the folder for reports (--report-dir '' for none): %w", err)
	}
	closeFiles = func() {}
	if f.Record != "" {
		file, err := os.OpenFile(f.Record, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600) // it holds memory of the guest
		if err != nil {
			return nil, nil, fmt.Errorf("record the talk with the stub: %w", err)
		}
		o.Record = rsp.NewRecorder(file)
		closeFiles = func() { file.Close() }
	}
	return o, closeFiles, nil
}

// tryFolder finds out whether a folder can be made, better now than at the
// crash. It is made again when there is something to put into it.
func tryFolder(dir string) error {
	if dir == "" {
		return nil
	}
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.Remove(dir)
}
