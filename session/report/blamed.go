package report

import (
	"slices"
	"strings"
)

// Blamed is the index in Frames of the guilty function; 0 if it is not on the
// stack. Sanitizers and lockdep stop in functions of their own, far from it.
func (r *Report) Blamed() int {
	i := slices.IndexFunc(r.Frames, func(f Frame) bool { return IsFunc(f.Func, r.Guilty) })
	return max(i, 0)
}

// IsFunc reports whether a symbol is that function or a part or clone of it, as
// crashme_write.cold is of crashme_write.
func IsFunc(symbol, name string) bool {
	part, ok := strings.CutPrefix(symbol, name)
	return ok && name != "" && (part == "" || part[0] == '.')
}
