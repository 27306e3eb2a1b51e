package oops

import (
	"strings"
	"testing"
)

func TestMarksAreThoseThatTheLineHolds(t *testing.T) {
	words := []string{"BUG:", "BUG", "UG: x", "INFO:", "kernel BUG", "ABAB"}
	m := newMarks(words, func(i int) uint64 { return 1 << i })
	for _, line := range []string{
		"", "BUG", "BUG:", "xBUG: x", "a kernel BUG: x at", "INFOINFO:", "kernel kernel BUG", "ABAABAB", "BUBUG", strings.Repeat("BU", 50) + "UG: x",
	} {
		var want uint64
		for i, w := range words {
			if strings.Contains(line, w) {
				want |= 1 << i
			}
		}
		if have := m.in(line); have != want {
			t.Errorf("marks in %q: have %b, want %b", line, have, want)
		}
	}
}

// TestNoHeadIsBeyondTheSet holds because a set of marks has 64 bits.
func TestNoHeadIsBeyondTheSet(t *testing.T) {
	if n := len(heads()); n > 64 {
		t.Errorf("%d heads, a set has room for 64", n)
	}
}
