package terminal

import (
	"fmt"

	"ktrap/session/vm"
)

// Text on the terminal is one of three things. A plain string may come from the
// guest: what does not print is spelled out, so that no task name moves the
// cursor. A block may, too, but keeps its lines. Ink was made by the palette and
// goes out as it is.
type (
	block string
	ink   string
)

// printf prints; see ink for what may come out.
func (t *Terminal) printf(format string, args ...any) {
	for i, a := range args {
		switch a := a.(type) {
		case string:
			args[i] = vm.PrintableLine(a)
		case block:
			args[i] = vm.Printable([]byte(a))
		case ink:
			args[i] = string(a)
		case error:
			args[i] = vm.Printable([]byte(a.Error()))
		}
	}
	fmt.Fprintf(t.out, format, args...)
}
