package terminal

import (
	"github.com/fatih/color"

	"ktrap/session/vm"
)

// palette is how the terminal colours things; off, it colours nothing.
type palette struct {
	on                           bool
	fn, file, bad, dim, head, ok func(string) ink
}

func newPalette(on bool) palette {
	paint := func(a ...color.Attribute) func(string) ink {
		c := color.New(a...)
		if on {
			c.EnableColor()
		} else {
			c.DisableColor()
		}
		return func(s string) ink { return ink(c.Sprint(vm.Printable([]byte(s)))) }
	}
	return palette{
		on: on,
		fn: paint(color.FgCyan), file: paint(color.FgGreen), bad: paint(color.FgRed),
		dim: paint(color.Faint), head: paint(color.Bold), ok: paint(color.FgYellow, color.Bold),
	}
}
