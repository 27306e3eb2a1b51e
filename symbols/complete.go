package symbols

import (
	"bytes"
	"slices"
)

// Complete lists names that begin with prefix, in alphabetical order, at most n.
func (im *Image) Complete(prefix string, n int) []string {
	t, want := im.symbols(), []byte(prefix)
	var out []string
	t.guard(func() {
		for _, k := range t.order() {
			if name := t.syms.Name(int(k.n)); bytes.HasPrefix(name, want) {
				out = append(out, string(name))
			}
		}
	})
	slices.Sort(out)
	out = slices.Compact(out)
	return out[:min(n, len(out))]
}
