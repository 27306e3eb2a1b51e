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

// printf prints results; see ink for what may come out.
func (t *Terminal) printf(format string, args ...any) { fmt.Fprintf(t.out, format, shown(args)...) }

// tell prints errors, hints and news: what nobody asked for.
func (t *Terminal) tell(format string, args ...any) { fmt.Fprintf(t.err, format, shown(args)...) }

func shown(args []any) []any {
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
	return args
}
