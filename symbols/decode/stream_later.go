package decode

import (
	"fmt"
	"slices"
)

// Lines are never held back. What could not be answered when its line went out is
// answered behind the line that says how: bare addresses behind the one that tells
// the slide, names behind the first that tells which kernel it is.

// maxLater bounds the places that wait.
const maxLater = 1024

// wait keeps a place until it can be answered.
func (a *Annotator) wait(p *place) {
	if len(a.later) < maxLater && !slices.Contains(a.later, *p) {
		a.later = append(a.later, *p)
	}
}

// mayFind says whether the log has not said yet which kernel it is of, so that its
// vmlinux may be found further down.
func (a *Annotator) mayFind() bool {
	return a.o.Layout == Own && a.o.Finder.Vmlinux == "" && a.choice.kernel == nil && a.choice.id == identity{}
}

// lookBack answers places of the lines before.
func (a *Annotator) lookBack() []string {
	var post []string
	slid := a.choice.kernel.slid
	for i := range a.later {
		p := &a.later[i]
		if p.name == "" && !slid {
			continue
		}
		if ans := a.choice.answer(p); ans != nil && len(ans.spots) > 0 {
			for _, t := range a.own(p, ans) {
				post = append(post, p.label()+" "+t)
			}
		}
	}
	a.later = slices.DeleteFunc(a.later, func(p place) bool { return slid || p.name != "" })
	return post
}

// label names a place that stands further up.
func (p *place) label() string {
	switch {
	case p.name == "":
		return fmt.Sprintf("%#x", uint64(p.addr))
	case p.size == 0:
		return fmt.Sprintf("%s+%#x", p.name, p.off)
	}
	return fmt.Sprintf("%s+%#x/%#x", p.name, p.off, p.size)
}
