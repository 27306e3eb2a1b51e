package report

import (
	"fmt"
	"strconv"
	"strings"
)

// Marks before lines: the one at the fault and the others.
const (
	arrow   = "=> "
	noArrow = "   "
)

// shownBytes is how many bytes of an instruction a listing shows.
const shownBytes = 8

// code prints the disassembly: function and source place when they change, then
// offset, bytes, instruction.
func (p *printer) code(list []Code) {
	if len(list) == 0 {
		return
	}
	p.section("Code")
	fn, at := "", ""
	for _, c := range list {
		if c.Func != fn {
			fn, at = c.Func, ""
			p.line(plain.of("  "), code.of(fn), plain.of(":"))
		}
		if here := c.place(); here != at {
			at = here
			p.line(plain.of("  "), place.of(at))
		}
		p.instruction(&c)
	}
}

func (p *printer) instruction(c *Code) {
	mark, text := noArrow, plain
	if c.Marked {
		mark, text = arrow, fault
	}
	where := fmt.Sprintf("+%#x", c.Offset)
	if c.Func == "" {
		where = c.Addr.String()
	}
	parts := []span{text.of("  " + mark), faint.of(where).padded(7), plain.of(" "),
		faint.of(spaced(c.Bytes)).padded(3*shownBytes + 1), text.of(c.Text)}
	if len(c.Values) > 0 {
		parts = append(parts, plain.of("   "+strings.Join(c.Values, " ")))
	}
	p.line(parts...)
}

func (c *Code) place() string {
	if c.File == "" || c.Line <= 0 {
		return c.File
	}
	return c.File + ":" + strconv.Itoa(c.Line)
}

// spaced puts blanks between hex bytes and cuts what is too long for the column.
func spaced(hex string) string {
	var out []string
	for i := 0; i+1 < len(hex); i += 2 {
		if len(out) == shownBytes-1 && len(hex) > 2*shownBytes {
			out = append(out, "..")
			break
		}
		out = append(out, hex[i:i+2])
	}
	return strings.Join(out, " ")
}

// source prints the excerpts.
func (p *printer) source(list []Source) {
	for _, s := range list {
		name := ""
		if s.Func != "" {
			name = ", " + s.Func
		}
		p.section("Source", plain.of("  "), place.of(s.File), faint.of(name))
		digits := 1
		for _, l := range s.Lines {
			digits = max(digits, len(strconv.Itoa(l.Line)))
		}
		for _, l := range s.Lines {
			mark, text := noArrow, plain
			if l.Marked {
				mark, text = arrow, fault
			}
			number := fmt.Sprintf("%*d", digits, l.Line)
			p.line(text.of("  "+mark), faint.of(number), plain.of("  "), text.of(expandTabs(l.Text)))
		}
	}
}
