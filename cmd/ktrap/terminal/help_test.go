package terminal

import (
	"bytes"
	"strings"
	"testing"
)

// printed runs a command that needs no guest.
func printed(t *testing.T, line string) (out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	term := &Terminal{out: &o, err: &e, colors: newPalette(false)}
	_ = term.do(t.Context(), line) // it was printed
	return o.String(), e.String()
}

func TestHelpOfOneCommand(t *testing.T) {
	out, _ := printed(t, "help b")
	want := `break WHERE [if EXPR]
  stop at a function, FILE:LINE or *ADDRESS, where EXPR is true
  short     b
  example   break vfs_write if count == 3
`
	if out != want {
		t.Errorf("printed\n%swant\n%s", out, want)
	}
	if out, _ := printed(t, "help x"); !strings.HasSuffix(out, "  An empty line goes on behind it.\n") {
		t.Errorf("help x does not say what an empty line does:\n%s", out)
	}
	if out, errs := printed(t, "help frobnicate"); out != "" || !strings.Contains(errs, "frobnicate") {
		t.Errorf("help of what there is not: %q, %q", out, errs)
	}
}

func TestInfoAloneListsItsSubjectsInWords(t *testing.T) {
	out, _ := printed(t, "info")
	for _, s := range subjects() {
		if !strings.Contains(out, "info "+s.name+" ") || !strings.Contains(out, s.help) {
			t.Errorf("%s is not in\n%s", s.name, out)
		}
	}
	for line, want := range map[string]string{
		"info frobnicate": "info frobnicate: there is no such subject; info alone lists them",
		"info t":          "info t: this may be threads, tasks",
	} {
		if _, errs := printed(t, line); strings.TrimSpace(errs) != want {
			t.Errorf("%s says %q, want %q", line, errs, want)
		}
	}
}
