package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"golang.org/x/term"

	"ktrap/session/vm"
	"ktrap/symbols"
	"ktrap/symbols/decode"
)

type decodeCmd struct {
	Args     []string `arg:"" optional:"" name:"LOG" help:"Console log, dmesg or mail; - or none: stdin. If the first is an ELF file, the arguments are those of the kernel's decode_stacktrace.sh: VMLINUX [BASE|auto [MODULES]]."`
	Vmlinux  string   `placeholder:"F" help:"Kernel image. Left out: looked for by the build-id or release in the log."`
	Release  string   `short:"r" placeholder:"RELEASE" help:"The vmlinux of this release, as decode_stacktrace.sh -r takes it."`
	Layout   string   `enum:"ktrap,kernel,syzbot," default:"" help:"Text: ktrap (default; every line as it was, answers after it), kernel (as decode_stacktrace.sh) or syzbot."`
	Format   string   `enum:"text,json" default:"text" help:"text or json (one line per crash)."`
	Source   int      `short:"s" default:"3" placeholder:"N" help:"Lines of source on both sides of the fault, if the source is on this host (default 3; 0: none)."`
	ExitCode bool     `name:"exit-code" help:"End with status 3 if there was a crash."`
	Force    bool     `help:"Use the vmlinux although it is not that of the log; marks the output."`
	Redact   bool     `help:"Take out addresses, host names and hardware addresses, for public mails."`
	symbolFlags
}

// Help is the long text of ktrap decode --help.
func (*decodeCmd) Help() string {
	return `Puts file and line into console text, and says what each crash is called. The text
passes through as it comes, so that a live console can be followed. A vmlinux must be
proven to be that of the log: by build-id, by the version line, or by the sizes of
functions. The exit status is 0 with and without a crash.

Examples:
  ktrap decode --vmlinux vmlinux console.log         every line, with file:line after it
  dmesg | ktrap decode                               symbols from where the distribution puts them
  ktrap decode --vmlinux vmlinux --modules /lib/modules/6.1.0 oops.txt
  tail -f console.log | ktrap decode --vmlinux vmlinux
  ktrap decode --layout syzbot --redact oops.txt     for a public mail
  ktrap decode --format json console.log | jq .title one object per crash
  ktrap decode --exit-code - < console.log           status 3 if there was a crash
  ktrap decode vmlinux < oops.txt                    like decode_stacktrace.sh vmlinux
  ktrap decode -r 6.1.0-56-cloud-amd64 < oops.txt    like decode_stacktrace.sh -r`
}

// heapGrowth is how many percent the heap grows before it is collected. What a
// run holds is small; with the usual 100 it would be collected twice in 10 ms.
const heapGrowth = 400

// Run decodes the log.
func (c *decodeCmd) Run(log *slog.Logger) error {
	debug.SetGCPercent(heapGrowth)
	o := &decode.Options{Layout: decode.Layout(c.Layout), Context: c.Source, Redact: c.Redact}
	o.Finder = decode.Finder{Vmlinux: c.Vmlinux, Force: c.Force, Say: func(s string) { say(os.Stderr, s) }}
	o.Finder.Options = symbols.OfflineOptions{ModuleDirs: c.Modules, Fetch: fetchDebugInfo(), Log: log}
	path, err := c.grammar(o)
	if err != nil {
		return err
	}
	if err := c.sources(o); err != nil {
		return err
	}
	logFile := os.Stdin
	if path == "" && term.IsTerminal(int(os.Stdin.Fd())) {
		say(os.Stderr, "reading the log from the terminal; Ctrl-D ends it")
	}
	if path != "" {
		if logFile, err = os.Open(path); err != nil {
			return err
		}
		defer logFile.Close() // read-only: nothing to lose
	}
	in := io.Reader(logFile)
	if st, err := logFile.Stat(); err != nil || !st.Mode().IsRegular() { // a console may fall silent
		p := newPatientReader(logFile, patience)
		defer p.stop()
		in = p
	}
	if o.Layout == "" {
		o.Layout = decode.Own
	}
	crashes, err := c.decode(in, o)
	if err == nil && crashes > 0 && c.ExitCode {
		return &exitError{Status: exitCrash}
	}
	return err
}

// grammar finds out what the arguments are and gives the log's path, "" for stdin.
func (c *decodeCmd) grammar(o *decode.Options) (path string, err error) {
	f := &o.Finder
	args := c.Args
	script := c.Release != "" || f.Vmlinux == "" && len(args) > 0 && isELF(args[0])
	switch {
	case c.Release != "" && f.Vmlinux != "":
		return "", usage("--vmlinux and -r both say which kernel")
	case c.Release != "":
		if f.Vmlinux, err = symbols.FindVmlinux(c.Release, "", nil); err != nil {
			return "", err
		}
	case script:
		f.Vmlinux, args = args[0], args[1:]
		if len(args) == 1 && isFile(args[0]) { // BASE is a folder, so this is meant as the log
			script = false
			break
		}
		// The second is what to cut off paths; that is found out always.
		if len(args) > 1 {
			f.Options.ModuleDirs = append(f.Options.ModuleDirs, args[1])
		}
		if len(args) > 2 {
			return "", usage("too many arguments: want VMLINUX [BASE|auto [MODULES]], as decode_stacktrace.sh takes them")
		}
		args = nil
	}
	if script && o.Layout == "" {
		o.Layout = decode.Script
	}
	if f.Vmlinux != "" {
		f.Options.ModuleDirs = append(f.Options.ModuleDirs, filepath.Dir(f.Vmlinux)) // a build tree has them below
	}
	switch {
	case len(args) > 1:
		return "", usage("decode %s: one log at a time", strings.Join(args, " "))
	case len(args) == 1 && args[0] != "-":
		return args[0], nil
	}
	return "", nil
}

func isFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && !st.IsDir()
}

// isELF looks at the first bytes of a file.
func isELF(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close() // read-only: nothing to lose
	magic := make([]byte, 4)
	_, err = io.ReadFull(f, magic)
	return err == nil && string(magic) == "\x7fELF"
}

// sources says where source text may be.
func (c *decodeCmd) sources(o *decode.Options) error {
	so := symbols.SourceOptions{Dirs: c.SourceDir}
	for _, s := range c.Substitute {
		from, to, ok := strings.Cut(s, "=")
		if !ok {
			return usage("parse --substitute-path %q: want A=B", s)
		}
		so.Substitute = append(so.Substitute, symbols.Substitution{From: from, To: to})
	}
	o.Sources = so
	return nil
}

// decode runs the log through and gives the number of crashes.
func (c *decodeCmd) decode(in io.Reader, o *decode.Options) (int, error) {
	if c.Format == "json" {
		return decode.JSON(os.Stdout, in, o)
	}
	if term.IsTerminal(int(os.Stdout.Fd())) {
		o.Printable = vm.Printable
		o.Color = os.Getenv("NO_COLOR") == ""
	}
	a, err := decode.NewAnnotator(os.Stdout, o)
	if err != nil {
		return 0, err
	}
	defer a.Close()
	if err := a.Run(in); err != nil {
		return a.Crashes(), fmt.Errorf("decode: %w", err)
	}
	return a.Crashes(), nil
}
