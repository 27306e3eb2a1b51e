package terminal

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// command is one word of the terminal. Help, completion and docs come from this.
type command struct {
	names  []string // the first is the name, the rest are short forms
	args   string
	help   string
	again  bool // an empty line repeats it
	goesOn bool // without its arguments
	run    func(ctx context.Context, t *Terminal, args string) error
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

// Help renders the table as text, one line a command.
func Help() string {
	var b strings.Builder
	for _, g := range groups() {
		fmt.Fprintf(&b, "%s:\n", g.title)
		for _, c := range g.list {
			fmt.Fprintf(&b, "  %-34s %s\n", usage(c), c.help)
		}
	}
	return b.String()
}

// usage is how a command is typed.
func usage(c command) string {
	return strings.TrimSpace(strings.Join(c.names, ", ") + " " + c.args)
}

// complete offers command names, subjects of info, and symbols.
func (t *Terminal) complete(ctx context.Context, line string) []string {
	name, rest, hasArgs := strings.Cut(line, " ")
	var out []string
	if !hasArgs {
		for _, g := range groups() {
			for _, c := range g.list {
				if strings.HasPrefix(c.names[0], name) {
					out = append(out, c.names[0])
				}
			}
		}
		return out
	}
	if c, err := find(name); err == nil && c.names[0] == "info" && !strings.Contains(rest, " ") {
		for _, s := range subjects() {
			if strings.HasPrefix(s.name, rest) {
				out = append(out, name+" "+s.name)
			}
		}
		return out
	}
	i := strings.LastIndexAny(rest, " &*(+-!~") + 1
	if rest[i:] == "" {
		return nil
	}
	for _, s := range t.dbg.Complete(ctx, rest[i:]) {
		out = append(out, name+" "+rest[:i]+s)
	}
	return out
}
