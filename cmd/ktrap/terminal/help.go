package terminal

import (
	"context"
	"fmt"
	"strings"
)

// Help renders the table as text, one line a command.
func Help() string {
	var b strings.Builder
	for _, g := range groups() {
		fmt.Fprintf(&b, "%s:\n", g.title)
		for _, c := range g.list {
			fmt.Fprintf(&b, "  %-32s %s\n", usage(c), c.help)
		}
	}
	return b.String()
}

// usage is how a command is typed.
func usage(c command) string {
	return strings.TrimSpace(strings.Join(c.names, ", ") + " " + c.args)
}

// notes follow the table in help and in the docs.
const notes = `The beginning of a name is enough where it is unambiguous; Tab completes commands, symbols and
members of structs. An empty line repeats the last command if it is one that goes on. Ctrl-C stops
the guest, a step, or a long list; it never ends ktrap.`

func help(_ context.Context, t *Terminal, args string) error {
	if args == "" {
		t.printf("%s\n%s\n", block(Help()), block(notes))
		return nil
	}
	c, err := find(args)
	if err != nil {
		return err
	}
	t.printf("%s\n  %s\n", t.colors.head(strings.TrimSpace(c.names[0]+" "+c.args)), c.help)
	if short := c.names[1:]; len(short) > 0 {
		t.printf("  short     %s\n", strings.Join(short, ", "))
	}
	t.printf("  example   %s\n", c.example)
	switch {
	case c.goesOn:
		t.printf("  An empty line goes on behind it.\n")
	case c.again:
		t.printf("  An empty line repeats it.\n")
	}
	if c.names[0] == "info" {
		t.listSubjects()
	}
	return nil
}
