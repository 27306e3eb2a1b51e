package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// TextOptions says how and how much to print.
type TextOptions struct {
	Color  bool
	Width  int  // columns to fit; 0 means 100
	Source bool // source lines around the fault
	Log    bool // what the kernel itself printed about the crash
	Others bool // what the other CPUs did, modules, the way to get here again
	Frames int  // levels of each stack to print; 0 means all

	Below [][]string // lines that Levels prints below each level
}

// everything is what report.txt has.
var everything = TextOptions{Source: true, Log: true, Others: true}

// Text prints a report for people; nil options mean all of it, as in report.txt.
// The order is that of the questions asked: what, where and why, how it got
// there, with which values, in which code; then what is worth keeping.
//
//	BUG: unable to handle kernel NULL pointer dereference in crash_read
//
//	  where    crash_read (inlined)  crashme.c:41
//	           crash_write+0x12/0x40 [crashme]  crashme.c:97
//	  cause    read of 8 bytes at rax+0x10 = 0x10: null pointer, member at offset 16
//	  task     sh, pid 214, CPU 1
//	  kernel   6.1.0-56-cloud-amd64, KASLR slide 0x1c000000
//
//	Stack
//	  <TASK>
//	  #0   crash_read (inlined)                 crashme.c:41
//	  #1   crash_write+0x12/0x40 [crashme]      crashme.c:97
//	  #2   vfs_write+0xb7/0x400                 fs/read_write.c:582
func Text(w io.Writer, r *Report, o *TextOptions) error {
	if o == nil {
		o = &everything
	}
	p := newPrinter(w, o)
	p.head(r)
	p.details(r)
	p.stack(r.Frames, o.Frames)
	p.registers(r.Registers)
	p.code(r.Code)
	if o.Source {
		p.source(r.Source)
	}
	if o.Log {
		p.log(r.Log)
	}
	if o.Others {
		p.threads(r.Threads, o.Frames)
		p.modules(r.Modules)
		p.again(r.Session.Again)
	}
	p.incomplete(r.Incomplete)
	return p.done()
}

// summaryFrames is how much of the stack a summary shows when not told.
const summaryFrames = 12

// Summary prints the head of a report and the top of its stack: what a debugger
// shows above its own prompt.
func Summary(w io.Writer, r *Report, o *TextOptions) error {
	if o == nil {
		o = new(TextOptions)
	}
	p := newPrinter(w, o)
	p.head(r)
	p.stack(r.Frames, cmp.Or(o.Frames, summaryFrames))
	p.incomplete(r.Incomplete)
	return p.done()
}

func (p *printer) done() error {
	if err := p.flush(); err != nil {
		return fmt.Errorf("print report: %w", err)
	}
	return nil
}

// log prints what the kernel said, its own layout kept.
func (p *printer) log(text string) {
	if text == "" {
		return
	}
	p.section("Kernel log")
	for line := range strings.Lines(text) {
		p.line(plain.of("  "), plain.of(expandTabs(strings.TrimRight(line, "\r\n"))))
	}
}

func (p *printer) modules(list []Module) {
	if len(list) == 0 {
		return
	}
	p.section("Modules")
	var names []string
	for _, m := range list {
		names = append(names, m.Name)
	}
	p.wrapped(plain.of("  "), plain, strings.Join(slices.Sorted(slices.Values(names)), " "))
	for _, m := range list {
		if m.Note != "" {
			p.wrapped(plain.of("  "+m.Name+": "), faint, m.Note)
		}
	}
}

func (p *printer) again(steps []string) {
	if len(steps) == 0 {
		return
	}
	p.section("To get here again")
	for _, s := range steps {
		p.line(plain.of("  "), plain.of(s))
	}
}

func (p *printer) incomplete(list []string) {
	if len(list) == 0 {
		return
	}
	p.section("Not complete")
	for _, what := range list {
		p.wrapped(plain.of("  - "), plain, what)
	}
}
