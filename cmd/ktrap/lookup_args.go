package main

import (
	"strings"

	"github.com/alecthomas/kong"
)

// flagsFirst moves the flags of a command that takes a list of arguments before
// them: kong ends such a list at the first flag, people do not.
func flagsFirst(app *kong.Application, args []string) []string {
	node := commandOf(app, args)
	if node == nil {
		return args
	}
	takesValue := map[string]bool{}
	for _, group := range node.AllFlags(false) {
		for _, f := range group {
			takesValue["--"+f.Name] = !f.IsBool()
			if f.Short != 0 {
				takesValue["-"+string(f.Short)] = !f.IsBool()
			}
		}
	}
	var flags, rest []string
	for list := args[1:]; len(list) > 0; list = list[1:] {
		flag := strings.HasPrefix(list[0], "-") && list[0] != "-"
		if !flag {
			rest = append(rest, list[0])
			continue
		}
		flags = append(flags, list[0])
		if takesValue[list[0]] && len(list) > 1 {
			list = list[1:]
			flags = append(flags, list[0])
		}
	}
	return append(append(args[:1:1], flags...), rest...)
}

// commandOf gives the command of a command line if it takes a list.
func commandOf(app *kong.Application, args []string) *kong.Node {
	for _, c := range app.Children {
		if len(args) > 0 && c.Name == args[0] && len(c.Children) == 0 {
			if n := len(c.Positional); n > 0 && c.Positional[n-1].IsCumulative() {
				return c
			}
		}
	}
	return nil
}
