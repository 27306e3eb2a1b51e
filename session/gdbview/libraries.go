package gdbview

import (
	"fmt"

	"ktrap/symbols/addr"
)

// Library is one loaded module.
type Library struct {
	Name     string      // path of its file on gdb's host, or only a name
	Sections []addr.Addr // one for each SHF_ALLOC section in the file's order; 0: not loaded
}

// Libraries is the object qXfer:libraries. gdb counts the sections of the file
// that take memory and wants an address for every one of them, even for an empty
// one, or it takes none.
func Libraries(list []Library) []byte {
	b := []byte("<library-list>\n")
	for _, l := range list {
		b = append(b, `<library name="`...)
		b = append(appendEscaped(b, l.Name), `">`...)
		for _, a := range l.Sections {
			b = fmt.Appendf(b, `<section address="0x%x"/>`, uint64(a))
		}
		b = append(b, "</library>\n"...)
	}
	return append(b, "</library-list>\n"...)
}
