package oops

import "math/bits"

// A head is one kind of line that opens a report.
type head struct {
	mark   string   // text that every such line holds
	ignore []string // lines with one of these are no crash
	forms  []form   // the first that fits words the title; the last is the catch-all
}

// A form is one wording of a head.
type form struct {
	sample string  // a line it is for
	match  pattern // on the line of the head
	then   pattern // on some line of the report behind the head, if not empty

	// title and alts are templates: {frame} is the guilty function, the other
	// names are holes of match and then.
	title string
	alts  []string

	class Class
	route route    // where the guilty function is looked for; nil if the title needs none
	other route    // where else, if the route leads nowhere
	skip  []string // functions without blame here, in addition to the usual
	pick  picker   // nil means pickFirst

	bare   bool   // such a report has no stack, or need not have one
	task   bool   // such a report has a CPU line; without it the end is missing
	broken string // why a report that only fits this form is cut; empty if it is whole
	joins  bool   // continues a report that is open, opens one if none is
	warned bool   // a WARN() comes behind it to show the stack
	minor  bool   // news, but the kernel copes

	running bool // such a line is only news while a kernel runs
}

// matchHead finds the first head in a line, and the form of the line alone.
func matchHead(line string) (*head, *form) {
	table := heads()
	for set := headMarks().in(line); set != 0; set &= set - 1 {
		h := &table[bits.TrailingZeros64(set)]
		if h.ignores(line) {
			continue
		}
		if f, _ := h.choose(line); f != nil {
			return h, f
		}
	}
	return nil, nil
}

func (h *head) ignores(line string) bool {
	for _, s := range h.ignore {
		if _, ok := pattern(s).find(line); ok {
			return true
		}
	}
	return false
}
