package crashme

import (
	"bytes"
	"slices"
	"testing"
)

func TestKeywordsAreThoseOfTheModule(t *testing.T) {
	words := Keywords()
	if len(words) < 50 || words[0] != "null" || !slices.Contains(words, "tasklet_irq") || words[len(words)-1] != "usercopy" {
		t.Errorf("keywords %q", words)
	}
	for _, w := range words {
		if !bytes.Contains(Source, []byte(" c_"+w+"(")) {
			t.Errorf("the module has no function for %q", w)
		}
	}
}
