package oops

import (
	"strings"
	"testing"
)

// TestEverySampleIsRecognizedByItsOwnForm keeps the tables honest: a form whose
// sample an earlier entry takes away could never word a title.
func TestEverySampleIsRecognizedByItsOwnForm(t *testing.T) {
	for i := range heads() {
		h := &heads()[i]
		for j := range h.forms {
			f := &h.forms[j]
			if !strings.Contains(f.sample, h.mark) {
				continue // the form is shared with another head
			}
			first, _ := h.choose(f.sample)
			switch {
			case !isHead(f.sample):
				t.Errorf("%q: sample %q is no head", h.mark, f.sample)
			case first == nil:
				t.Errorf("%q: no form takes sample %q", h.mark, f.sample)
			case first != f && first.then == "":
				t.Errorf("%q: sample %q is taken by the form of %q", h.mark, f.sample, first.sample)
			}
		}
	}
}

func isHead(line string) bool {
	h, _ := matchHead(line)
	return h != nil
}

func TestEveryFormIsReachedByItsSample(t *testing.T) {
	marked := map[string]bool{}
	for i := range heads() {
		for j := range heads()[i].forms {
			f := &heads()[i].forms[j]
			marked[f.sample] = marked[f.sample] || strings.Contains(f.sample, heads()[i].mark)
		}
	}
	for sample, ok := range marked {
		if !ok {
			t.Errorf("no head has the mark of sample %q", sample)
		}
	}
}

func TestPatternFind(t *testing.T) {
	for _, c := range []struct {
		p    pattern
		line string
		ok   bool
		want captures
	}{
		{"BUG: KASAN: {kind} in {func}", "x BUG: KASAN: slab-out-of-bounds in c_oob.cold+0x89/0xb0 [m]", true, captures{"kind": "slab-out-of-bounds", "func": "c_oob"}},
		{"data-race in {func} / {func}", "data-race in f / g", true, captures{"func": "f", "func2": "g"}},
		{"* at *:{num} {func}", "CPU: 0 at a.c:12 f+0x1/0x2", true, captures{"num": "12", "func": "f"}},
		{"^BUG {word} (", "a BUG x (", false, nil},
		{"at: {func}", "at: [<ffffffff8105bbd0>] flush_workqueue+0x0/0xb0", true, captures{"func": "flush_workqueue"}},
		{"in {func}", "in 0x123, then in f", true, captures{"func": "f"}},
		{"a{text}", "abc", true, captures{"text": "bc"}},
		{"", "x", true, captures{}},
	} {
		caps, ok := c.p.find(c.line)
		if ok != c.ok {
			t.Errorf("%q in %q: %v, want %v", c.p, c.line, ok, c.ok)
		}
		for k, v := range c.want {
			if caps[k] != v {
				t.Errorf("%q in %q: %s = %q, want %q", c.p, c.line, k, caps[k], v)
			}
		}
	}
}

func TestNormalizeHidesWhatDiffersFromHitToHit(t *testing.T) {
	for in, want := range map[string]string{
		"general protection fault in nl802154_add_llsec_key": "general protection fault in nl802154_add_llsec_key",
		"INFO: Freed in f+0x14/0x20 age=624 cpu=0 pid=3":     "INFO: Freed in f age=NUM cpu=NUM pid=NUM",
		"BUG: bad value ffff8801db107a78 at 0xffff88002bde1": "BUG: bad value ADDR at ADDR",
		"kernel BUG at mm/slub.c:419!":                       "kernel BUG at mm/slub.c:LINE!",
		"WARNING: x on CPU#1 by syz-executor.4/123":          "WARNING: x on CPU by syz-executor",
		"WARNING: x by syzkaller601944:4492 now":             "WARNING: x by syzkaller now",
		"mkdir ./dir264563108":                               "mkdir ./dirNUM",
		"ath10k USB support":                                 "ath10k USB support",
		strings.Repeat("x", 200):                             strings.Repeat("x", 120),
	} {
		if have := normalize(in); have != want {
			t.Errorf("normalize(%q) = %q, want %q", in, have, want)
		}
	}
}
