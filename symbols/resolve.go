package symbols

import (
	"fmt"
	"slices"
	"strings"

	"ktrap/symbols/addr"
)

// Match is what a query means: the symbols that fit, best first. More than one
// is an ambiguity that people must decide; nothing is picked for them.
type Match struct {
	Funcs []Func // with Off as asked for
	Note  string // what was taken as fitting although it does not exactly
}

// maxPadding is how much the size in a text may differ from the one in the file
// and still mean the same function: the two count padding differently when the
// file has symbols that the kernel's table leaves out.
const maxPadding = 63

// Match finds the symbols that a name with offset and size may mean. Names are
// not addresses: of several the size decides, then the offset, then the module.
// Shape: no Funcs when nothing has that name; Note says what is wrong if all
// that have it are ruled out.
func (s *Symbolizer) Match(q Query) Match {
	var m Match
	list := s.Find(q.Name)
	if len(list) == 0 {
		if list = s.FindVariants(q.Name); len(list) > 0 {
			m.Note = fmt.Sprintf("%s is called %s in the file", q.Name, list[0].Name)
		}
	}
	list = slices.DeleteFunc(list, func(f Func) bool { return q.Module != "" && moduleName(q.Module) != moduleName(f.Module) })
	if len(list) == 0 {
		return Match{}
	}
	fits := func(slack uint64) []Func {
		return slices.DeleteFunc(slices.Clone(list), func(f Func) bool {
			return q.Off > 0 && q.Off >= f.Size || q.Size > 0 && apart(f.Size, q.Size) > slack
		})
	}
	exact := fits(0)
	switch {
	case len(exact) > 0:
		m.Funcs = exact
	case q.Size > 0 && len(fits(maxPadding)) > 0:
		m.Funcs = fits(maxPadding)
		m.Note = fmt.Sprintf("the file says size %#x, which differs by padding only", m.Funcs[0].Size)
	default:
		return Match{Note: mismatch(q, list)}
	}
	for i := range m.Funcs {
		m.Funcs[i].Off = q.Off
	}
	return m
}

func apart(a, b uint64) uint64 { return max(a, b) - min(a, b) }

// mismatch says why none of the symbols of a name fits.
func mismatch(q Query, list []Func) string {
	var sizes []string
	for _, f := range list[:min(len(list), 4)] {
		sizes = append(sizes, fmt.Sprintf("%#x", f.Size))
	}
	if q.Off > 0 && q.Off == list[0].Size && (q.Size == 0 || q.Size == q.Off) {
		return fmt.Sprintf("offset %#x is the end of %s: if it is a return address, look up the byte before, %s+%#x", q.Off, q.Name, q.Name, q.Off-1)
	}
	what := fmt.Sprintf("offset %#x", q.Off)
	if q.Size > 0 && !slices.ContainsFunc(list, func(f Func) bool { return apart(f.Size, q.Size) <= maxPadding }) {
		what = fmt.Sprintf("size %#x", q.Size)
	}
	return fmt.Sprintf("%s does not fit: %s has size %s here; is this the file of that kernel?", what, q.Name, strings.Join(sizes, ", "))
}

// FindVariants gives the symbols that a compiler made of a function: name.cold,
// name.isra.0, name.llvm.123. The kernel prints the names without some of these.
func (s *Symbolizer) FindVariants(name string) []Func {
	var list []Func
	if s.vmlinux != nil {
		for _, full := range s.vmlinux.Complete(name+".", maxVariants) {
			for _, sym := range s.vmlinux.Symbols(full) {
				list = append(list, s.vmlinuxFunc(sym))
			}
		}
	}
	for _, p := range s.placed {
		for _, g := range p.syms {
			if strings.HasPrefix(g.Name, name+".") {
				list = append(list, p.named(g.Name)...)
			}
		}
	}
	return list
}

// maxVariants bounds what is made of one name.
const maxVariants = 64

// Where gives the run-time address a symbol with its offset means.
func (f Func) Where() addr.Addr { return f.Start + addr.Addr(f.Off) }
