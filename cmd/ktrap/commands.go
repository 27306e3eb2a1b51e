package main

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"ktrap/session/lab"
)

// command is one command of ktrap.
type command struct {
	name, help string
	flags      any
	vars       kong.Vars // what its flags refer to; kong looks at each of them for every flag
}

// endpoints are where ktrap connects and listens unless told otherwise.
var endpoints = kong.Vars{"stub": "localhost:1234", "listen": "localhost:1235"}

// commands are all of them, in the order of `ktrap --help`.
func commands() []command {
	return []command{
		{"attach", "Connect to a stub, arm the traps, open the terminal.", &attachCmd{}, endpoints},
		{"gdb", "The same, with your own gdb as its terminal.", &gdbCmd{}, endpoints},
		{"serve", "The same without a terminal: gdb port, traps, reports; events as JSON lines on stdout.", &serveCmd{}, endpoints},
		{"boot", "Start QEMU with a kernel, and attach to it.", &bootCmd{}, endpoints},
		{"repro", "Boot or attach, run a reproducer in the guest, report the crash.", &reproCmd{}, endpoints},
		{"script", "Run a scripted session (Starlark).", &scriptCmd{}, endpoints},
		{"decode", "Put file and line into console text; title of each crash.", &decodeCmd{}, nil},
		{"type", "Layout of a struct, union or enum; type and address of a variable.", &typeCmd{}, nil},
		{"lookup", "Function, inlined callers and source line of addresses, names and file:line.", &lookupCmd{}, nil},
		{"report", "Show a saved report again.", &reportCmd{}, nil},
		{"lab", "Fetch and build ready kernels to try everything on.", &labCmd{}, labVars()},
		{"doctor", "Say what is missing or wrong here, and what to do.", &doctorCmd{}, endpoints},
		{"version", "Print the version.", &versionCmd{}, nil},
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
	var options []kong.Option
	for _, c := range list {
		options = append(options, kong.DynamicCommand(c.name, c.help, "", c.flags), c.vars)
	}
	return options
}

func labVars() kong.Vars {
	return kong.Vars{"parts": strings.Join(lab.PathNames, " "), "part_enum": strings.Join(lab.PathNames, ","), "source_size": lab.SourceSize}
}
