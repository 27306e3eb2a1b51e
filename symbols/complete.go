package symbols

import (
	"slices"
	"strings"
)

// Complete lists names that begin with prefix, in alphabetical order, at most n.
func (im *Image) Complete(prefix string, n int) []string {
	var out []string
	for _, e := range im.symbols().entries {
		if strings.HasPrefix(e.name, prefix) {
			out = append(out, e.name)
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return out[:min(n, len(out))]
}
