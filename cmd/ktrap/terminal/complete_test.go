package terminal

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestMembersAreThoseOfTheExpressionBefore(t *testing.T) {
	for s, want := range map[string]string{
		"current->":                "current",
		"current->mm->":            "current->mm",
		"&init_task.":              "init_task",
		"a + runqueues[1].":        "runqueues[1]",
		"per_cpu(runqueues, 1).":   "per_cpu(runqueues, 1)",
		"((struct file *)$rdi)->":  "((struct file *)$rdi)",
		"*$rdi->":                  "$rdi",
		"list[(i + 1) * 2].next->": "list[(i + 1) * 2].next",
		"count == file->":          "file",
	} {
		if got, ok := memberOf(s); !ok || got != want {
			t.Errorf("%q: members of %q (%v), want %q", s, got, ok, want)
		}
	}
	for _, s := range []string{"current", "", "->", ".", "a)->", "a -", "a + ."} {
		if got, ok := memberOf(s); ok {
			t.Errorf("%q: members of %q, want none", s, got)
		}
	}
}

func TestWordsAreCompletedWhereTheCursorIs(t *testing.T) {
	term := new(Terminal)
	for _, tt := range []struct{ before, after, head, want string }{
		{"conti", "", "", "continue"},
		{"info mod", "", "info ", "modules"},
		{"inf mod", " x", "inf ", "modules"},
		{"help tbr", "", "help ", "tbreak"},
		{"nonsense a", "", "nonsense a", ""},
		{"bt a", "", "bt ", ""},
		{"print ", "", "print ", ""},
	} {
		head, offers, tail := term.complete(t.Context(), tt.before+tt.after, len([]rune(tt.before)))
		if head != tt.head || strings.Join(offers, " ") != tt.want || tail != tt.after {
			t.Errorf("%q: %q %q %q", tt.before, head, offers, tail)
		}
	}
}

func TestManyOffersKeepTheirCommonBeginning(t *testing.T) {
	var all []string
	for i := range 3 * maxOffers {
		all = append(all, fmt.Sprintf("aa%03d", i))
	}
	all = append(all, "ab")
	got := thinned(slices.Clone(all))
	if len(got) != maxOffers || got[0] != all[0] || got[len(got)-1] != "ab" {
		t.Errorf("%d offers, from %q to %q", len(got), got[0], got[len(got)-1])
	}
	if few := thinned(all[:3]); len(few) != 3 {
		t.Errorf("3 became %d", len(few))
	}
}
