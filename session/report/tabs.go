package report

import "strings"

// expandTabs puts spaces for tabs, with stops every eight columns.
func expandTabs(s string) string {
	if !strings.Contains(s, "\t") {
		return s
	}
	var b strings.Builder
	column := 0
	for _, c := range s {
		n := 1
		if c == '\t' {
			n, c = 8-column%8, ' '
		}
		for range n {
			b.WriteRune(c)
		}
		column += n
	}
	return b.String()
}
