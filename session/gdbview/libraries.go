package gdbview

import (
	"bytes"
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
	var b bytes.Buffer
	b.WriteString("<library-list>\n")
	for _, l := range list {
		b.WriteString(`<library name="`)
		escape(&b, l.Name)
		b.WriteString(`">`)
		for _, a := range l.Sections {
			fmt.Fprintf(&b, `<section address="0x%x"/>`, uint64(a))
		}
		b.WriteString("</library>\n")
	}
	b.WriteString("</library-list>\n")
	return b.Bytes()
}
