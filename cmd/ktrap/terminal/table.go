package terminal

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// command is one word of the terminal. Help, completion and docs come from this.
type command struct {
	names   []string // the first is the name, the rest are short forms
	args    string
	help    string
	example string
	again   bool // an empty line repeats it
	goesOn  bool // without its arguments
	run     func(ctx context.Context, t *Terminal, args string) error
}

// groups is the table, in the order of help.
func groups() []struct {
	title string
	list  []command
} {
	return []struct {
		title string
		list  []command
	}{
		{"run", running()},
		{"stops", stops()},
		{"stack", stack()},
		{"data", data()},
		{"kernel", kernelCommands()},
		{"session", sessionCommands()},
	}
}

// find finds a command by name, short form, or unambiguous beginning.
func find(name string) (command, error) {
	var found []command
	for _, g := range groups() {
		for _, c := range g.list {
			if slices.Contains(c.names, name) {
				return c, nil
			}
			if strings.HasPrefix(c.names[0], name) {
				found = append(found, c)
			}
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return command{}, fmt.Errorf("no command %q: try help", name)
	}
	names := make([]string, len(found))
	for i, c := range found {
		names[i] = c.names[0]
	}
	return command{}, fmt.Errorf("%q may be %s", name, strings.Join(names, ", "))
}

func commandNames() (names []string) {
	for _, g := range groups() {
		for _, c := range g.list {
			names = append(names, c.names[0])
		}
	}
	return names
}

// repeatable gives what an empty line after this one means, "" if nothing.
// What shows a place goes on behind it.
func repeatable(text string) string {
	word, _, _ := strings.Cut(text, " ")
	name, _, _ := strings.Cut(word, "/")
	c, err := find(name)
	switch {
	case err != nil || !c.again:
		return ""
	case c.goesOn:
		return word
	}
	return text
}
