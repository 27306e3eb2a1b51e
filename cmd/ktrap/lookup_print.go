package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"strings"

	"ktrap/session/vm"
	"ktrap/symbols"
)

// lookupPrinter writes answers. Errors stay in the writer until it is flushed.
type lookupPrinter struct {
	out      *bufio.Writer
	trace    bool // one line per level with [inline], as in decoded traces
	demangle bool
	context  int // lines of source on both sides; below 0: no source
	sources  *sourceReader
}

func (p *lookupPrinter) text(a symbols.Answer) {
	name := clean(a.Text)
	if a.Reason != "" {
		fmt.Fprintf(p.out, "%s: ?? (%s)\n", name, clean(a.Reason))
		return
	}
	if a.Note != "" {
		fmt.Fprintf(p.out, "%s: %s\n", name, clean(a.Note))
	}
	for _, s := range a.Spots {
		p.spot(name, s)
	}
}

func (p *lookupPrinter) spot(asked string, s symbols.Spot) {
	if !p.trace {
		if s.Placed {
			asked = s.Addr.String()
		}
		fmt.Fprintf(p.out, "%s: ", asked)
	}
	frames := s.Frames
	if len(frames) == 0 {
		frames = []symbols.Location{{Func: s.Func.Name, Off: s.Func.Off, Size: s.Func.Size, Module: s.Func.Module}}
	}
	for i, f := range frames {
		switch {
		case p.trace:
			p.out.WriteByte(' ')
		case i > 0:
			p.out.WriteString(" (inlined by) ")
		}
		p.level(f)
		if i == len(frames)-1 && s.Reason != symbols.Complete {
			fmt.Fprintf(p.out, " (%v)", s.Reason)
		}
		p.out.WriteByte('\n')
		p.excerpt(f)
	}
}

// level writes one level: vfs_write+0xc7/0x3f0 at fs/read_write.c:567
func (p *lookupPrinter) level(f symbols.Location) {
	name := f.Func
	if p.demangle {
		name = symbols.Demangle(name)
	}
	if name == "" {
		name = "??"
	}
	p.out.WriteString(clean(name))
	if !f.Inlined && f.Size > 0 {
		fmt.Fprintf(p.out, "+%#x/%#x", f.Off, f.Size)
	}
	if f.Module != "" && !f.Inlined {
		fmt.Fprintf(p.out, " [%s]", clean(f.Module))
	}
	if f.File != "" {
		at := " at "
		if p.trace {
			at = " "
		}
		fmt.Fprintf(p.out, "%s%s:%d", at, clean(f.File), f.Line)
	}
	if p.trace && f.Inlined {
		p.out.WriteString(" [inline]")
	}
}

// excerpt writes the source around a line, marked, if it is on this host.
func (p *lookupPrinter) excerpt(f symbols.Location) {
	if p.context < 0 || f.Line == 0 {
		return
	}
	text, err := p.sources.Context(f, p.context)
	if err != nil {
		fmt.Fprintf(p.out, "        (%s)\n", clean(err.Error()))
		return
	}
	for _, l := range text {
		mark := ' '
		if l.Number == f.Line {
			mark = '>'
		}
		fmt.Fprintf(p.out, "  %c %5d  %s\n", mark, l.Number, clean(l.Text))
	}
}

// clean spells out what would move a terminal's cursor, or end the line.
func clean(s string) string {
	for i := range len(s) {
		if s[i] < ' ' && s[i] != '\t' || s[i] >= 0x7f {
			return strings.ReplaceAll(vm.Printable([]byte(s)), "\n", `\n`)
		}
	}
	return s // as a rule, and without a copy
}

// The JSON form, one object per location asked for; docs/lookup.md describes it.
type (
	jsonAnswer struct {
		Input  string     `json:"input"`
		Spots  []jsonSpot `json:"places"`
		Note   string     `json:"note,omitempty"`
		Reason string     `json:"reason,omitempty"`
	}
	jsonSpot struct {
		Addr   string      `json:"addr,omitempty"`
		Symbol *jsonSymbol `json:"symbol,omitempty"`
		Frames []jsonFrame `json:"frames"`
		Reason string      `json:"incomplete,omitempty"`
	}
	jsonSymbol struct {
		Name      string `json:"name"`
		Demangled string `json:"demangled,omitempty"`
		Start     string `json:"start,omitempty"`
		Offset    uint64 `json:"offset"`
		Size      uint64 `json:"size"`
		Module    string `json:"module,omitempty"`
	}
	jsonFrame struct {
		Func      string           `json:"func"`
		Demangled string           `json:"demangled,omitempty"`
		File      string           `json:"file"`
		Line      int              `json:"line"`
		Column    int              `json:"column,omitempty"`
		Inlined   bool             `json:"inlined"`
		CallFile  string           `json:"call_file,omitempty"`
		CallLine  int              `json:"call_line,omitempty"`
		Source    []jsonSourceLine `json:"source,omitempty"`
		NoSource  string           `json:"no_source,omitempty"`
	}
	jsonSourceLine struct {
		Line int    `json:"line"`
		Text string `json:"text"`
	}
)

func (p *lookupPrinter) json(a symbols.Answer) {
	out := jsonAnswer{Input: a.Text, Note: a.Note, Reason: a.Reason, Spots: []jsonSpot{}}
	for _, s := range a.Spots {
		j := jsonSpot{Frames: []jsonFrame{}}
		if s.Placed {
			j.Addr = s.Addr.String()
		}
		if s.Reason != symbols.Complete {
			j.Reason = s.Reason.String()
		}
		if f := s.Func; f.Name != "" {
			j.Symbol = &jsonSymbol{Name: f.Name, Demangled: demangled(f.Name), Offset: f.Off, Size: f.Size, Module: f.Module}
			if s.Placed {
				j.Symbol.Start = f.Start.String()
			}
		}
		for _, f := range s.Frames {
			j.Frames = append(j.Frames, p.jsonFrame(f))
		}
		out.Spots = append(out.Spots, j)
	}
	_ = json.NewEncoder(p.out).Encode(out) // fails at the flush, if at all
}

func (p *lookupPrinter) jsonFrame(f symbols.Location) jsonFrame {
	j := jsonFrame{
		Func: f.Func, Demangled: demangled(f.Func), File: f.File, Line: f.Line, Column: f.Column,
		Inlined: f.Inlined, CallFile: f.CallFile, CallLine: f.CallLine,
	}
	if p.context >= 0 && f.Line > 0 {
		text, err := p.sources.Context(f, p.context)
		if err != nil {
			j.NoSource = err.Error()
		}
		for _, l := range text {
			j.Source = append(j.Source, jsonSourceLine{l.Number, l.Text})
		}
	}
	return j
}

// demangled gives the readable form of a name, "" when it is readable already.
func demangled(name string) string {
	if plain := symbols.Demangle(name); plain != name {
		return plain
	}
	return ""
}
