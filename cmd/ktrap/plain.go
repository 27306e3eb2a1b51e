package main

import (
	"log/slog"
	"slices"
	"strings"
)

// plain understands the command lines that scripts start a process for each with,
// a lookup without flags; nil: kong has to. They mean what kong would say, but an
// answer takes little more time than kong takes to learn what flags there are.
func plain(args []string) func(*slog.Logger) error {
	if len(args) == 0 || slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "-") }) {
		return nil
	}
	switch name, rest := args[0], args[1:]; {
	case name == "version" && len(rest) == 0:
		return func(*slog.Logger) error { return versionCmd{}.Run() }
	case name == "lookup" && len(rest) > 0:
		return plainLookup(rest).Run
	}
	return nil
}

// plainLookup has the values that flags have when they are left out.
func plainLookup(args []string) *lookupCmd {
	c := &lookupCmd{Image: args[0], Source: -1, Style: "addr2line", Demangle: true, Format: "text"}
	if len(args) > 1 {
		c.Locs = args[1:]
	}
	return c
}
