package decode

import (
	"slices"
	"strings"
	"testing"

	"ktrap/symbols"
)

// answerOf makes an answer of levels given as "func file:line", innermost first.
func answerOf(spots ...[]string) *answer {
	ans := &answer{}
	for _, levels := range spots {
		s := spot{fn: symbols.Func{Name: "f"}}
		for _, l := range levels {
			name, place, _ := strings.Cut(l, " ")
			file, _, _ := strings.Cut(place, ":")
			s.levels = append(s.levels, symbols.Location{Func: name, File: file, Line: 12, Column: 3})
		}
		ans.spots = append(ans.spots, s)
	}
	return ans
}

func TestLinesInEveryLayout(t *testing.T) {
	one, inlined := answerOf([]string{"f a.c:12"}), answerOf([]string{"g b.h:12", "f a.c:12"})
	two := answerOf([]string{"f a.c:12"}, []string{"f b.c:12"})
	two.note = "2 symbols of that name and size"
	tests := []struct {
		line           string
		ans            *answer
		script, syzbot string
		own            []string
	}{
		{"[  1.2]  f+0x1/0x2\r\n", one, "[  1.2]  f (a.c:12)\r\n", "[  1.2]  f+0x1/0x2 a.c:12\r\n", []string{"a.c:12:3"}},
		{"[  1.2]  f+0x1/0x2\r\n", inlined, "[  1.2]  f (b.h:12 a.c:12)\r\n",
			"[  1.2]  g b.h:12 [inline]\r\n[  1.2]  f+0x1/0x2 a.c:12\r\n", []string{"b.h:12:3 in g (inlined)", "a.c:12:3 in f"}},
		{" ? f+0x1/0x2 [m 0123456789012345678901234567890123456789] (P)\n", one, " ? f (a.c:12) m (P)\n",
			" ? f+0x1/0x2 a.c:12 [m 0123456789012345678901234567890123456789] (P)\n", []string{"? a.c:12:3"}},
		{"RIP: 0010:f+0x1/0x2 [m]\n", one, "RIP: 0010:f (a.c:12) m\n", "RIP: 0010:f+0x1/0x2 a.c:12 [m]\n", []string{"a.c:12:3"}},
		{" [<ffffffff81000001>] ? f+0x1/0x2\n", one, " ? f (a.c:12)\n", " [<ffffffff81000001>] ? f+0x1/0x2 a.c:12\n", nil},
		{" [<ffffffff81000001>] f+0x1/0x2\n", one, " f (a.c:12)\n", " [<ffffffff81000001>] f+0x1/0x2 a.c:12\n", []string{"a.c:12:3"}},
		{" f+0x1/0x2\n", two, " f (a.c:12 | b.c:12)\n", " f+0x1/0x2 a.c:12 | b.c:12\n",
			[]string{"(2 symbols of that name and size)", "a.c:12:3", "b.c:12:3"}},
		{" [<ffffffff81000001>]\n", one, " f (a.c:12)\n", " [<ffffffff81000001>] f+0x0/0x0 a.c:12\n", []string{"a.c:12:3 in f+0x0/0x0"}},
		{" f+0x1/0x2\n", &answer{note: "no symbol of that name"}, " f+0x1/0x2\n", " f+0x1/0x2\n", []string{"(no symbol of that name)"}},
		{" f+0x1/0x2\n", nil, " f+0x1/0x2\n", " f+0x1/0x2\n", nil},
	}
	var a Annotator
	for _, tt := range tests {
		l := lineOf(t, tt.line)
		list := places(l)
		if len(list) != 1 {
			t.Fatalf("%q: %d places", tt.line, len(list))
		}
		answers := []*answer{tt.ans}
		if got := string(asScript(l.Raw, list, answers)); got != tt.script {
			t.Errorf("kernel: %q, want %q", got, tt.script)
		}
		var syzbot strings.Builder
		for _, line := range asSyzbot(l.Raw, list, answers) {
			syzbot.Write(line)
		}
		if got := syzbot.String(); got != tt.syzbot {
			t.Errorf("syzbot: %q, want %q", got, tt.syzbot)
		}
		if tt.ans != nil && tt.own != nil {
			if got := a.own(&list[0], tt.ans); !slices.Equal(got, tt.own) {
				t.Errorf("ktrap: %q, want %q", got, tt.own)
			}
		}
		for _, again := range []string{tt.script, tt.syzbot} {
			for out := range strings.Lines(again) {
				for _, p := range places(lineOf(t, out)) {
					if !p.decoded && tt.ans != nil && len(tt.ans.spots) > 0 {
						t.Errorf("%q would be decoded again", out)
					}
				}
			}
		}
	}
}

func TestTheCodeLineIsListedAsDecodecodeDoes(t *testing.T) {
	got := decodecode("Code: 31 c0 <48> 8b 04 25 10 00 00 00 c3")
	want := []string{
		"All code", "========",
		"   0:\t31 c0                \txor    %eax,%eax",
		"   2:*\t48 8b 04 25 10 00 00 \tmov    0x10,%rax\t\t<-- trapping instruction",
		"   9:\t00 ",
		"   a:\tc3                   \tret",
		"", "Code starting with the faulting instruction", "===========================================",
		"   0:\t48 8b 04 25 10 00 00 \tmov    0x10,%rax",
		"   7:\t00 ",
		"   8:\tc3                   \tret",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant\n%q", got, want)
	}
	for _, text := range []string{"Code: Bad RIP value.", "Code: 31 c0", "no code"} {
		if got := decodecode(text); got != nil {
			t.Errorf("%q: %q", text, got)
		}
	}
}
