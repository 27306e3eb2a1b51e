package report

import (
	"bufio"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/fatih/color"

	"ktrap/session/vm"
)

// style is what a piece of text is; its colour follows from that.
type style uint8

const (
	plain   style = iota
	title         // the title of the crash
	heading       // of a section
	label         // of a field
	code          // names of functions
	place         // file:line
	faint         // what is there for completeness
	fault         // the faulting instruction or line
)

var colors = map[style][]color.Attribute{
	title:   {color.FgRed, color.Bold},
	heading: {color.Bold},
	label:   {color.Faint},
	code:    {color.FgCyan},
	place:   {color.FgGreen},
	faint:   {color.Faint},
	fault:   {color.FgYellow, color.Bold},
}

// gap is between columns.
const gap = "  "

// span is a piece of a line. Only of makes one, and only from clean text: this is
// the one way to the reader's terminal.
type span struct {
	style style
	text  string
}

func (s style) of(text string) span { return span{s, vm.PrintableLine(text)} }

// width is in columns, as far as one character is one column.
func (s span) width() int { return utf8.RuneCountInString(s.text) }

// padded fills up to a width.
func (s span) padded(n int) span {
	if pad := n - s.width(); pad > 0 {
		s.text += strings.Repeat(" ", pad)
	}
	return s
}

// printer writes lines of spans. The first error sticks.
type printer struct {
	w      *bufio.Writer
	colors map[style]*color.Color // empty without colour
	width  int
}

func newPrinter(w io.Writer, o *TextOptions) *printer {
	p := &printer{w: bufio.NewWriter(w), width: o.Width}
	if p.width <= 0 {
		p.width = 100
	}
	if !o.Color {
		return p
	}
	p.colors = make(map[style]*color.Color, len(colors))
	for s, attributes := range colors {
		p.colors[s] = color.New(attributes...)
		p.colors[s].EnableColor()
	}
	return p
}

// line writes spans side by side, without blanks at the end.
func (p *printer) line(spans ...span) {
	for n := len(spans); n > 0; n = len(spans) {
		last := spans[n-1]
		last.text = strings.TrimRight(last.text, " ")
		if last.text != "" {
			spans = append(spans[:n-1:n-1], last)
			break
		}
		spans = spans[:n-1]
	}
	for _, s := range spans {
		if c := p.colors[s.style]; c != nil {
			s.text = c.Sprint(s.text)
		}
		p.w.WriteString(s.text)
	}
	p.w.WriteByte('\n')
}

// section begins a part of the report.
func (p *printer) section(name string, more ...span) {
	p.line()
	p.line(append([]span{heading.of(name)}, more...)...)
}

// wrapped writes words of one style after a first span, further lines indented as
// far. A word that is too long stands alone and is not cut.
func (p *printer) wrapped(first span, s style, text string) {
	indent := plain.of(strings.Repeat(" ", first.width()))
	line := ""
	for word := range strings.FieldsSeq(vm.PrintableLine(text)) {
		if line != "" && first.width()+utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > p.width {
			p.line(first, s.of(line))
			first, line = indent, ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	p.line(first, s.of(line))
}

func (p *printer) flush() error { return p.w.Flush() }
