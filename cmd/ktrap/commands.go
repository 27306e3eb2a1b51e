package main

import (
	"slices"

	"github.com/alecthomas/kong"
)

// command is one command of ktrap.
type command struct {
	name, help string
	flags      any
}

// commands are all of them, in the order of `ktrap --help`.
func commands() []command {
	return []command{
		{"attach", "Connect to a stub, arm the traps, open the terminal.", &attachCmd{}},
		{"gdb", "The same, with your own gdb as its terminal.", &gdbCmd{}},
		{"serve", "The same without a terminal: gdb port, traps, reports; events as JSON lines on stdout.", &serveCmd{}},
		{"boot", "Start QEMU with a kernel, and attach to it.", &bootCmd{}},
		{"repro", "Boot or attach, run a reproducer in the guest, report the crash.", &reproCmd{}},
		{"script", "Run a scripted session (Starlark).", &scriptCmd{}},
		{"decode", "Put file and line into console text; title of each crash.", &decodeCmd{}},
		{"type", "Layout of a struct, union or enum; type and address of a variable.", &typeCmd{}},
		{"lookup", "Function, inlined callers and source line of addresses, names and file:line.", &lookupCmd{}},
		{"report", "Show a saved report again.", &reportCmd{}},
		{"lab", "Fetch and build ready kernels to try everything on.", &labCmd{}},
		{"doctor", "Say what is missing or wrong here, and what to do.", &doctorCmd{}},
		{"version", "Print the version.", &versionCmd{}},
	}
}

// grammar is what kong has to know for these arguments: one command if the first
// of them names it, else all. To learn about all of them takes longer than many
// an answer.
func grammar(args []string) []kong.Option {
	list := commands()
	if len(args) > 0 {
		if i := slices.IndexFunc(list, func(c command) bool { return c.name == args[0] }); i >= 0 {
			list = list[i : i+1]
		}
	}
	options := make([]kong.Option, len(list))
	for i, c := range list {
		options[i] = kong.DynamicCommand(c.name, c.help, "", c.flags)
	}
	return options
}
