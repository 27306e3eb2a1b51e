package session

import "strings"

// Vmlinux gives the path of the kernel's image on this host; "" while none is known.
func (v *Stopped) Vmlinux() string {
	if v.World == nil || v.image == nil {
		return ""
	}
	return v.image.Path()
}

// aSource is a file of every kernel, and aFunction is in it.
const (
	aSource   = "/init/main.c"
	aFunction = "kernel_init"
)

// SourceRoot gives the folder of the source tree as the compiler wrote it and the
// folder where that tree lies on this host; false when one of them is not known.
func (v *Stopped) SourceRoot() (compiled, here string, ok bool) {
	if v.World == nil {
		return "", "", false
	}
	for _, f := range v.World.Symbols.Find(aFunction) {
		levels, _ := v.World.Symbols.Locate(f.Start)
		if len(levels) == 0 {
			continue
		}
		l := levels[len(levels)-1]
		found, err := v.sources().Find(l)
		if err != nil {
			continue
		}
		compiled, known := strings.CutSuffix(l.Path, aSource)
		here, same := strings.CutSuffix(found, aSource)
		if known && same {
			return compiled, here, true
		}
	}
	return "", "", false
}
